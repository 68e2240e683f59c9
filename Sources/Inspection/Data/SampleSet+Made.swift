import CommandLine
import SampleData

extension SampleSet {
  /// A part of the sample set, which is made where it is missing.
  package static func made(_ part: KeyPath<SampleSetSummary, String>) throws(SampleSetError)
    -> String
  {
    let progress = ProgressReporter("sample set", total: SampleSet().fileCount, unit: "files")
    let summary = try SampleSet().generate(at: "datasets/sample") { done, _ in
      progress.advance(to: done)
    }
    progress.finish()
    return summary[keyPath: part]
  }
}
