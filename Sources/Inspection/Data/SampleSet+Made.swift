import CommandLine
import SampleData

extension SampleSet {
  /// The pool's name in tables and records.
  package static var poolName: String { "sample pool, seed \(SampleSettings.pool.seed)" }

  /// A part of the sample set, which is made where it is missing.
  package static func made(_ part: KeyPath<SampleSetSummary, String>) throws(SampleSetError)
    -> String
  {
    try SampleSet().made(at: "datasets/sample", "sample set")[keyPath: part]
  }

  /// The folder of the pool's classification images, which is made where it is missing.
  package static func madePool() throws(SampleSetError) -> String {
    try SampleSet(.pool).made(at: "datasets/sample-pool", "sample pool").classificationPath
  }

  private func made(at path: String, _ label: String) throws(SampleSetError) -> SampleSetSummary {
    let progress = ProgressReporter(label, total: fileCount, unit: "files")
    let summary = try generate(at: path) { done, _ in progress.advance(to: done) }
    progress.finish()
    return summary
  }
}
