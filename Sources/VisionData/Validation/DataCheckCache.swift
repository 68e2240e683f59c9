import FileSupport
import Foundation

extension DataCheck {
  /// Runs the check, or takes the report of an earlier one of the same files.
  ///
  /// Reports are kept by the paths, sizes and times of all images: a file that was touched makes
  /// the check run again.
  ///
  /// - Parameters:
  ///   - folder: Where reports are kept.
  ///   - isFresh: Whether an earlier report is no answer.
  /// - Throws: `FileError` when a report cannot be written.
  public func run(
    cachedIn folder: String, isFresh: Bool = false, threadCount: Int, headClassCount: Int? = nil,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(FileError) -> DataCheckReport {
    // What cannot be listed has nothing by which a change of it would show.
    guard let fingerprint = try? fingerprint(headClassCount) else {
      return run(threadCount: threadCount, headClassCount: headClassCount, progress: progress)
    }
    return try DataCheckReport.cached(in: folder, under: fingerprint, isFresh: isFresh) {
      run(threadCount: threadCount, headClassCount: headClassCount, progress: progress)
    }
  }

  private func fingerprint(_ headClassCount: Int?) throws -> String {
    var hash = SHA256()
    hash.update("check 5 \(depthName) \(headClassCount ?? -1)\n")
    let layout = try layout.get()
    let train = try ImageFolder(layout.training)
    let validation = try ImageFolder(layout.validation, classNames: train.classNames)
    for (split, folder) in [("train", train), ("val", validation)] {
      hash.update("other files \(split) \(folder.ignoredFileCount)\n")
      for name in folder.hiddenImages + folder.strayImages + folder.absentImages {
        hash.update("left out \(split)/\(name)\n")
      }
      for name in folder.classNames { hash.update("class \(split)/\(name)\n") }
      for index in 0..<folder.count {
        hash.update(
          "\(folder.relativePath(index)) \(folder.labels[index]) \(folder.stamp(index))\n")
      }
    }
    return hash.finish()
  }
}

extension DataCheckReport {
  /// The report kept under a fingerprint, or else a new one, which is kept.
  static func cached(
    in folder: String, under fingerprint: String, isFresh: Bool, make: () -> DataCheckReport
  ) throws(FileError) -> DataCheckReport {
    let path = "\(folder)/check-\(fingerprint.prefix(24)).json"
    if !isFresh, let bytes = try? FileBytes.read(path),
      let known = try? JSONDecoder().decode(DataCheckReport.self, from: Data(bytes))
    {
      return known
    }
    let report = make()
    try AtomicFile.write(text: report.json, to: path)
    return report
  }

  /// The report as JSON with sorted keys.
  public var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let data = (try? encoder.encode(self)) ?? Data("{}".utf8)
    return String(decoding: data, as: UTF8.self) + "\n"
  }
}
