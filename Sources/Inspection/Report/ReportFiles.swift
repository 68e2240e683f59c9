import FileSupport
import Foundation
import Reporting

/// The files of one report in its folder, and what an earlier report left there.
struct ReportFiles {
  private let folder: String
  private var files: [(path: String, bytes: [UInt8])] = []
  /// The names of what is written, in the order that was asked for.
  private(set) var names: [String] = []

  private static let eventFiles = ["events.out.tfevents.0.swinbench", "metrics.jsonl"]

  /// The forms of a report.
  init(_ comparison: Comparison, _ formats: [ReportFormat], folder: String) {
    self.folder = folder
    for format in formats {
      let name = format.name
      let path = folder + "/" + name
      func add(_ text: String) { files.append((path, Array(text.utf8))) }
      switch format {
      case .html: add(comparison.html)
      case .md: add(comparison.markdown)
      case .csv: add(comparison.csv)
      case .json: add(comparison.json.text(isPretty: true) + "\n")
      case .tex: add(comparison.latex)
      case .events: addEvents(comparison, path)
      }
      names.append(name)
    }
  }

  private mutating func addEvents(_ comparison: Comparison, _ path: String) {
    for section in comparison.sections {
      for row in section.rows {
        for (number, run) in row.runs.enumerated() {
          let own =
            "\(path)/" + RelativePath.ownSlug("\(section.id)-\(row.slug)")
            + (row.runs.count > 1 ? "-\(number + 1)" : "")
          let contents = [run.eventFile.bytes, Array(run.stepMetrics.utf8)]
          files += zip(Self.eventFiles, contents).map { ("\(own)/\($0)", $1) }
        }
      }
    }
  }

  /// Writes all of them; where one cannot be written or the disk has no room, none.
  ///
  /// - Throws: `FileError`.
  func write() throws(FileError) {
    try OutputPath.checkFiles(files.map(\.path))
    try requireRoom()
    for file in files { try AtomicFile.write(file.bytes, to: file.path) }
  }

  /// Makes sure that the disk takes everything: half a report among the files of an earlier one could
  /// not be told from a whole one.
  private func requireRoom() throws(FileError) {
    let probe = folder + "/report.partial"
    defer { unlink(probe) }
    do throws(FileError) {
      try AtomicFile.write(to: probe) { writer throws(FileError) in
        for file in files { try writer.append(file.bytes) }
      }
    } catch {
      throw FileError(
        path: folder, problem: error.problem, remedy: error.remedy, exitCode: error.exitCode)
    }
  }

  /// Removes what an earlier report wrote and this one did not: beside it, it would be taken for a
  /// part of it.
  ///
  /// What does not begin as a report does, and files of others, stay.
  ///
  /// - Returns: The names of what was removed.
  func removeStale() -> [String] {
    var removed: [String] = []
    for format in ReportFormat.allCases where !names.contains(format.name) {
      guard let opening = format.opening,
        let handle = FileHandle(forReadingAtPath: folder + "/" + format.name)
      else { continue }
      let start = String(decoding: (try? handle.read(upToCount: 512)) ?? Data(), as: UTF8.self)
      try? handle.close()
      guard start.contains(opening), unlink(folder + "/" + format.name) == 0 else { continue }
      removed.append(format.name)
    }
    let events = folder + "/" + ReportFormat.events.name
    let own = Set(files.map { RelativePath.folder(of: $0.path) })
    for name in ((try? FileManager.default.contentsOfDirectory(atPath: events)) ?? []).sorted() {
      let path = events + "/" + name
      guard !own.contains(path), unlink(path + "/" + Self.eventFiles[0]) == 0 else { continue }
      unlink(path + "/" + Self.eventFiles[1])
      rmdir(path)
      removed.append(ReportFormat.events.name + "/" + name)
    }
    rmdir(events)
    return removed
  }
}

extension ReportFormat {
  /// The file or folder of the form.
  var name: String { self == .events ? "events" : "report.\(rawValue)" }

  /// What a file of the form has within its first bytes, whatever is reported; nil for the folder.
  fileprivate var opening: String? {
    switch self {
    case .html: "<title>SwinBench comparison</title>"
    case .md: "# Comparison\n\n- "
    case .csv: "cell,origin,task,data,"
    case .json: "{\n  \"draws\": "
    case .tex: "% Needs \\usepackage{booktabs}. Measured unless"
    case .events: nil
    }
  }
}
