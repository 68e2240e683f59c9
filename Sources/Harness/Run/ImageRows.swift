import CommandLine
import FileSupport
import Processes
import Runs

/// One line an image in a file of a run, computed by all processes and kept by the first as they come.
///
/// A killed run goes on after the last whole line.
struct ImageRows {
  let run: RunDirectory
  let name: String

  /// What an image comes to.
  struct Row {
    /// Its line.
    let line: JSONValue
    /// A file that belongs to it, in the run's folder, and is there before the line.
    var file: (path: String, bytes: [UInt8])?
  }

  /// The line of each of some images, in their order: those that are there, and what the others come to.
  ///
  /// - Parameters:
  ///   - label: What the progress line says.
  ///   - number: The image's number in its line.
  ///   - read: The number that a line is of; nil for a line that must be made again.
  /// - Throws: As `append`.
  func lines(
    _ images: [Int], label: String, number: (Int) -> Int = { $0 },
    reading read: (JSONValue) -> Int?, _ compute: (Int) throws -> Row
  ) throws -> [JSONValue] {
    var known: [Int: JSONValue] = [:]
    for row in try run.rows(name) {
      if let number = read(row) { known[number] = row }
    }
    let missing = images.filter { known[number($0)] == nil }
    let progress = ProgressReporter(
      label, total: images.count, unit: "images", resumedAt: images.count - missing.count)
    let rows = try append(missing, progress: progress, compute)
    for (image, row) in zip(missing, rows) { known[number(image)] = row }
    progress.finish()
    return images.compactMap { known[number($0)] }
  }

  /// Appends a line for each of some images, in their order.
  ///
  /// - Returns: The lines.
  /// - Throws: What `compute` and writing throw, `InterruptedError` when the user asks to stop.
  private func append(
    _ images: [Int], progress: ProgressReporter, _ compute: (Int) throws -> Row
  ) throws -> [JSONValue] {
    let ranks = Processes.current
    // A few images of each process at a time: what a kill costs, and how long the fast ones wait.
    let block = ranks.size == 1 ? 1 : 4 * ranks.size
    var lines: [JSONValue] = []
    for start in stride(from: 0, to: images.count, by: block) {
      let part = images[start..<min(images.count, start + block)]
      guard try !ranks.any(Interruption.isRequested) else { throw InterruptedError() }
      let rows = try Self.gathered(
        try part[ranks.share(of: part.count).shifted(by: start)].map(compute), by: ranks)
      for row in rows {
        if let file = row.file { try AtomicFile.write(file.bytes, to: file.path) }
      }
      try run.append(rows.map(\.line), to: name)
      lines += rows.map(\.line)
      progress.advance(by: part.count)
    }
    try run.synchronize(name)
    // Who does not write may read it next.
    try ranks.barrier()
    return lines
  }

  /// The rows of all processes, in their order.
  private static func gathered(_ own: [Row], by ranks: any Communicator) throws -> [Row] {
    guard ranks.size > 1 else { return own }
    var message: [UInt8] = []
    func put(_ bytes: some Collection<UInt8>) {
      message += withUnsafeBytes(of: Int64(bytes.count)) { Array($0) } + bytes
    }
    for row in own {
      put(Array(row.line.text().utf8))
      put(Array((row.file?.path ?? "").utf8))
      put(row.file?.bytes ?? [])
    }
    return try ranks.gatherBytes(message).flatMap { message -> [Row] in
      var rest = message[...]
      func take() -> ArraySlice<UInt8> {
        let count = Int(rest.prefix(8).withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
        defer { rest = rest.dropFirst(8 + count) }
        return rest.dropFirst(8).prefix(count)
      }
      var rows: [Row] = []
      while !rest.isEmpty {
        let line = JSONValue(parsing: Array(take())) ?? .null
        let path = String(decoding: take(), as: UTF8.self)
        let bytes = Array(take())
        rows.append(Row(line: line, file: path.isEmpty ? nil : (path, bytes)))
      }
      return rows
    }
  }
}

extension Range<Int> {
  fileprivate func shifted(by offset: Int) -> Range { lowerBound + offset..<upperBound + offset }
}
