import CommandLine
import FileSupport
import Foundation

/// Many inputs of every driver, in child processes, so that a trap ends one input and not the hours
/// before it.
struct FuzzCampaign {
  let options: FuzzOptions
  let program: String

  /// What one driver came to.
  struct Figures {
    var done = 0, values = 0, refused = 0
    var slowest = 0, slowestInput = 0
    var peak = 0, peakInput = 0
    var faults: [(input: Int, complaint: String)] = []

    /// The faults that differ in more than numbers, each by its first complaint and all its inputs.
    var kinds: [(complaint: String, inputs: [Int])] {
      Dictionary(grouping: faults) { $0.complaint.filter { !$0.isNumber } }.values
        .map { ($0[0].complaint, $0.map(\.input)) }.sorted { $0.1[0] < $1.1[0] }
    }
  }

  /// Inputs that one child reads, so that what it leaks stays small.
  private static let part: UInt64 = 20_000
  /// Seconds without a new input after which a child hangs.
  private static let patience = 120.0

  /// Runs the drivers one after the other and prints a line of each.
  ///
  /// - Returns: Whether every input ended as it should.
  /// - Throws: `FileError` when the folder may not be written.
  func run() throws -> Bool {
    var isSound = true
    Console.output(
      "driver         inputs     read  refused  faults  slowest s (input)    peak MiB (input)")
    for name in options.names {
      let figures = try figures(of: name)
      isSound = isSound && figures.faults.isEmpty
      Console.output(
        name.padding(toLength: 12, withPad: " ", startingAt: 0)
          + String(
            format: "%9d%9d%9d%8d%11.3f (%d)%12d (%d)", figures.done, figures.values,
            figures.refused, figures.faults.count, Double(figures.slowest) / 1e6,
            figures.slowestInput, figures.peak >> 20, figures.peakInput))
      for (complaint, inputs) in figures.kinds {
        Console.output(
          "  \(inputs.count) times: \(complaint)\n"
            + "    bench-fuzz --drivers \(name) --first \(inputs[0]) --count 1 --here")
      }
    }
    return isSound
  }

  /// Reads the inputs of one driver.
  func figures(of name: String) throws -> Figures {
    var figures = Figures()
    var next = UInt64(options.first)
    let end = next + UInt64(options.count)
    let folder = "\(options.folder)/\(name)-\(getpid())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    while next < end {
      try Interruption.check()
      let last = min(end, next + Self.part)
      try? FileManager.default.removeItem(atPath: folder)
      try AtomicFile.makeFolder(folder)
      let journal = try FuzzJournal(folder + "/journal")
      journal[.current] = Int(next)
      let problem = try child(name, next..<last, in: folder, journal)
      add(journal, folder, to: &figures)
      if let problem {
        figures.faults.append((journal[.current], problem))
        // The rest would end like it.
        if journal[.isSetUp] == 0 { break }
        next = UInt64(journal[.current]) + 1
        figures.done += 1
      } else {
        next = last
      }
    }
    return figures
  }

  /// Runs one child to its end.
  ///
  /// - Returns: What is wrong, or nil when it read all its inputs.
  private func child(
    _ name: String, _ inputs: Range<UInt64>, in folder: String, _ journal: FuzzJournal
  ) throws -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = [
      "--drivers", name, "--first", String(inputs.lowerBound), "--count", String(inputs.count),
      "--here", "--folder", folder, "--memory", String(options.memory),
    ]
    let log = folder + "/log"
    try AtomicFile.write([], to: log)
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
    (process.standardOutput, process.standardError) = (handle, handle)
    try process.run()
    var (seen, since) = (journal[.current], Date())
    while process.isRunning {
      Thread.sleep(forTimeInterval: 0.05)
      if journal[.current] != seen { (seen, since) = (journal[.current], Date()) }
      let hangs = Date().timeIntervalSince(since) > Self.patience
      if hangs || Interruption.isRequested { kill(process.processIdentifier, SIGKILL) }
      if hangs {
        process.waitUntilExit()
        return "no end within \(Int(Self.patience)) s"
      }
    }
    process.waitUntilExit()
    try Interruption.check()
    guard process.terminationReason == .uncaughtSignal || process.terminationStatus != 0 else {
      return nil
    }
    let lines = String(decoding: try FileBytes.read(log), as: UTF8.self).split(separator: "\n")
    let word = lines.first { $0.contains("Fatal error") || $0.hasPrefix("Error:") } ?? ""
    // A line of the backtrace: number, address, function, file.
    let place = lines.first { $0.contains(" in ") && $0.contains("/Sources/") } ?? ""
    let function = place.split(separator: " ").drop { Int($0) != nil || $0.hasPrefix("0x") }
    return "ended by \(process.terminationReason == .uncaughtSignal ? "signal" : "status") "
      + "\(process.terminationStatus) \(word.prefix(200)) \(function.joined(separator: " "))"
  }

  private func add(_ journal: FuzzJournal, _ folder: String, to figures: inout Figures) {
    figures.done += journal[.done]
    figures.values += journal[.values]
    figures.refused += journal[.refused]
    if journal[.slowest] > figures.slowest {
      (figures.slowest, figures.slowestInput) = (journal[.slowest], journal[.slowestInput])
    }
    if journal[.peak] > figures.peak {
      (figures.peak, figures.peakInput) = (journal[.peak], journal[.peakInput])
    }
    for row in (try? RecordLines.read(folder + "/faults.jsonl").rows) ?? [] {
      figures.faults.append(
        (row["input"]?.intValue ?? -1, row["complaint"]?.stringValue ?? "?"))
    }
  }
}
