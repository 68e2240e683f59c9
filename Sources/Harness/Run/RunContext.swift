import CommandLine
import FileSupport
import Foundation
import Inspection
import Loading
import Reporting
import Runs
import SampleData
import TensorCore
import Threads
import VisionData

/// What stands around the work of every program: silence, threads, the start line, the data set
/// and its gate, the candidates, and what is written of the results.
struct RunContext {
  let options: RunOptions
  let data: DataOptions
  /// The contents of data files.
  let digests: FileDigests

  /// Where a data set is, and its name in tables.
  typealias DataSource = (root: String, name: String)

  /// Sets the process up and says with what it computes.
  ///
  /// - Throws: `RunOptions.ArithmeticError` for what this machine cannot compute with.
  init(_ options: RunOptions, data: DataOptions, preset: Preset) throws {
    self.options = options
    self.data = data
    let lines = CheckProgress("hashing")
    digests = FileDigests(folder: options.cache + "/digests") { done, total in
      // A few files take no time worth a line.
      if total > 10_000 { lines.update(done: done, total: total) }
    }
    ArchiveIndex.folder = options.cache + "/archives"
    try options.apply()
    say(
      "\(Arithmetic.summary), \(ThreadPool.shared.threadCount) threads, preset \(preset.rawValue)")
  }

  /// Writes a line for people unless the user asked for silence.
  func say(_ line: String) {
    if !options.engine.quiet { Console.error(line) }
  }

  // MARK: Data

  /// The user's data set, or a part of the sample set.
  ///
  /// - Throws: `SampleSetError` when it cannot be written.
  func source(_ part: KeyPath<SampleSetSummary, String>) throws -> DataSource {
    if let folder = data.folder { return (folder, (folder as NSString).lastPathComponent) }
    return (try SampleSet.made(part), "sample")
  }

  /// Looks through a data set before hours are spent on it, unless the user forbids it.
  ///
  /// - Throws: `DatasetError` for what would spoil the run.
  func gate(
    _ source: DataSource,
    _ check: (_ cache: String, _ lines: CheckProgress) throws -> DataCheckReport
  ) throws {
    guard data.checks else { return }
    let lines = CheckProgress()
    let report = try check(options.cache + "/checks", lines)
    lines.finish()
    try DatasetGate(root: source.root, policy: data.onBadImage).pass(report)
  }

  /// An ImageNet-style data set that passed the gate.
  ///
  /// - Throws: `DatasetError` when its layout is broken.
  func classification(
    _ source: DataSource, as layout: ClassificationLayout
  ) throws -> ClassificationData {
    let images = try ClassificationData(layout)
    let read = [images.train.root, images.validation.root].filter { $0 != source.root }
    for folder in [options.output, options.cache] {
      try OutputPath.checkFolder(folder, outside: read)
    }
    try gate(source) { cache, lines in
      try DataCheck(layout, depth: .quick).run(
        cachedIn: cache, isFresh: options.restarts, threadCount: ThreadPool.shared.threadCount
      ) { lines.update(done: $0, total: $1) }
    }
    return images
  }

  /// The images that can be decoded, with a note of those that cannot.
  ///
  /// Only `--on-bad-image skip` opens them all; else a run stops at the first that it meets.
  ///
  /// - Parameters:
  ///   - indices: Images by their numbers.
  ///   - open: Decodes one image and what belongs to it.
  /// - Throws: What `open` throws that is no `ImageError`.
  func usable(
    _ indices: [Int], of split: String, _ open: @escaping @Sendable (Int) throws -> Void
  ) throws -> (indices: [Int], note: String?) {
    guard data.onBadImage == .skip else { return (indices, nil) }
    let lines = CheckProgress()
    let outcomes = survey(
      indices.count, threadCount: ThreadPool.shared.threadCount,
      progress: { lines.update(done: $0, total: $1) }
    ) { place in Result { try open(indices[place]) } }
    lines.finish()
    var kept: [Int] = []
    var names: [String] = []
    for (index, outcome) in zip(indices, outcomes) {
      do {
        try outcome.get()
        kept.append(index)
      } catch let error as ImageError {
        names.append(error.name)
        say("skipped \(error.name): \(error.problem)")
      }
    }
    return (kept, BadImagePolicy.note(leftOut: names, kind: "\(split) images"))
  }

  // MARK: Results

  /// Writes tables under a name made from their results and prints them.
  ///
  /// - Parameter json: What JSON says; nil is a list of the tables.
  /// - Throws: `FileError` when the disk is full.
  func deliver(
    _ tables: [Table], of results: [RunResult], named name: String, json: JSONValue? = nil
  ) throws(FileError) {
    let digest = SHA256.digest(results.map { $0.json.text() }.joined()).prefix(12)
    let base = "\(options.output)/\(name)-table-\(digest)"
    let markdown = tables.map(\.markdown).joined(separator: "\n")
    let json = (json ?? .array(tables.map(\.json))).text(isPretty: true)
    try AtomicFile.write(text: markdown, to: base + ".md")
    if let first = tables.first { try AtomicFile.write(text: first.csv, to: base + ".csv") }
    try AtomicFile.write(text: json + "\n", to: base + ".json")
    Console.output(options.isJSON ? json : markdown)
    say("tables in \(base).md, .csv and .json")
  }
}
