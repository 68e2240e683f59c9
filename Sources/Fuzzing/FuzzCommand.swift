import CommandLine
import FileSupport
import Foundation

/// The settings of `bench-fuzz`.
public struct FuzzOptions: CommandOptions {
  var drivers: [String] = []
  var count = 1000
  var first = 0
  var folder = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
  var memory = 8192
  var isHere = false
  var says = false

  public init() {}

  public static var table: OptionTable<FuzzOptions> {
    OptionTable(
      name: "bench-fuzz",
      summary:
        "Give every reader inputs that are wrong behind their checksums, and count what ends "
        + "as neither a value nor one sentence.",
      usage: "[--drivers <names>] [--count <n>]",
      examples: [
        "swift run bench-fuzz --count 100000",
        "swift run bench-fuzz --drivers pickle --first 4711 --count 1 --here",
      ]
    )
    .option(
      "drivers", \.drivers, value: "names", .input,
      "Of " + FuzzDrivers.all.map { $0.name }.joined(separator: ", ") + ". All of them."
    )
    .option("count", \.count, in: .count, value: "n", .run, "Inputs of each driver.")
    .option("first", \.first, in: .within(0, 1e15), value: "n", .run, "Number of the first input.")
    .option(
      "memory", \.memory, in: .within(512, 1e6), value: "MiB", .run,
      "Address space of a child; more is a fault."
    )
    .flag("here", \.isHere, .run, "Read the inputs in this process, as its children do.")
    .flag("refusals", \.says, .output, "With --here: print the sentence of every refusal.")
    .option("folder", \.folder, value: "folder", .output, "Where inputs are written.")
  }

  public func validate() throws(UsageError) {
    let known = FuzzDrivers.all.map { $0.name }
    for name in drivers where !known.contains(name) {
      throw .conflict("'\(name)' is no driver; the drivers are \(known.joined(separator: ", ")).")
    }
  }

  var names: [String] { drivers.isEmpty ? FuzzDrivers.all.map { $0.name } : drivers }
}

/// What `bench-fuzz` does.
public enum FuzzCommand {
  /// Reads the inputs, here or in children.
  ///
  /// - Returns: Status 1 when one did not end as it should.
  /// - Throws: `FileError` when the folder may not be written.
  public static func run(_ parsed: ParsedOptions<FuzzOptions>) throws -> ExitCode {
    let options = parsed.options
    guard options.isHere else {
      let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      return try FuzzCampaign(options: options, program: program).run() ? .success : .gateFailed
    }
    let journal = try FuzzJournal(options.folder + "/journal")
    let faults = try AppendOnlyFile(path: options.folder + "/faults.jsonl")
    for driver in FuzzDrivers.all where options.names.contains(driver.name) {
      let first = UInt64(options.first)
      let process = FuzzProcess(
        driver: driver, inputs: first..<first + UInt64(options.count),
        folder: options.folder + "/" + driver.name, memory: options.memory << 20,
        says: options.says)
      try process.run(journal) { input, complaint in
        Console.error("\(driver.name) \(input): \(complaint)")
        try faults.append(
          RecordLines.line(
            .object(["input": .integer(Int(input)), "complaint": .string(complaint)])))
      }
    }
    return .success
  }
}
