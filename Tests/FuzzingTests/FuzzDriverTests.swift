import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Models
import TestSupport
import Testing

@testable import Fuzzing

/// Every driver in this process: a trap ends the tests, and `bench-fuzz` says which input it was.
@Suite("Inputs that are wrong behind their checksums", .serialized, .timeLimit(.minutes(5)))
struct FuzzDriverTests {
  static let names = FuzzDrivers.all.map { $0.name }

  @Test("Every input ends in time, as a value or in one sentence", arguments: names)
  func inputs(_ name: String) throws {
    let folder = try TemporaryDirectory()
    let driver = try #require(FuzzDrivers.all.first { $0.name == name })
    var trial = try FuzzTrial(driver, folder: folder.path)
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let before = usage.ru_maxrss
    var (values, refusals) = (0, Set<String>())
    for number in UInt64(0)..<250 {
      switch trial.run(number).verdict {
      case .value: values += 1
      case .refused(let sentence): refusals.insert(sentence)
      case .fault(let complaint): Issue.record("\(name) \(number): \(complaint)")
      }
    }
    // A driver that reads nothing, or refuses everything at the door, proves nothing. What is only
    // kept to be quicker is made again, not refused.
    #expect(values > 0, "no input was read")
    #expect(refusals.count > (name == "caches" ? 0 : 5), "\(refusals)")
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    #expect(usage.ru_maxrss - before < 1 << 20, "grew by \((usage.ru_maxrss - before) >> 10) MiB")
  }

  @Test("A number names the same input everywhere")
  func determinism() {
    func drawn(_ number: UInt64) -> [UInt8] {
      var random = RandomStream(seed: number, purpose: .test)
      let text = JSONMutation(Array(#"{"a":[1,2,{"b":"c"}],"d":null}"#.utf8))
      return PNGMutation.drawn(&random) + text.changed(&random)
    }
    #expect(drawn(7) == drawn(7))
    #expect(drawn(7) != drawn(8))
  }

  @Test("The program reads the inputs in children and prints a line a driver")
  func program() throws {
    let folder = try TemporaryDirectory()
    let outcome = try ChildProgram.run(
      "bench-fuzz", ["--drivers", "options,images", "--count", "30", "--folder", folder.path],
      in: folder.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 3, "\(outcome.output)")
    #expect(lines.dropFirst().allSatisfy { $0.contains("       30") }, "\(outcome.output)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .allSatisfy { $0.hasPrefix("std") })
  }

  /// A campaign whose children are a script.
  private func campaign(_ script: String, in folder: TemporaryDirectory) throws -> FuzzCampaign {
    let path = folder.file("child.sh")
    try AtomicFile.write(
      text: "#!/bin/sh\nwhile [ \"$1\" != --folder ]; do shift; done\n" + script, to: path)
    chmod(path, 0o755)
    let arguments = [
      "--drivers", "images", "--first", "5", "--count", "3", "--folder", folder.path,
    ]
    let options = try FuzzOptions.table.parse(arguments).options
    return FuzzCampaign(options: options, program: path)
  }

  @Test("A child that traps costs one input, which is named; the next ones are read")
  func traps() throws {
    let folder = try TemporaryDirectory()
    // The first number of the journal says that the driver was set up.
    let script = """
      printf '\\001' | dd of="$2/journal" conv=notrunc bs=1 2>/dev/null
      echo 'Fatal error: index out of range'
      kill -ILL $$
      """
    let figures = try campaign(script, in: folder).figures(of: "images")
    #expect(figures.done == 3 && figures.faults.map(\.input) == [5, 6, 7])
    let kinds = figures.kinds
    #expect(kinds.count == 1 && kinds.first?.inputs == [5, 6, 7])
    #expect(kinds.first?.complaint.contains("signal 4 Fatal error: index out of range") == true)
  }

  @Test("A driver that cannot be set up is told once")
  func setUp() throws {
    let folder = try TemporaryDirectory()
    let figures = try campaign("echo 'Error: no room.'; exit 73", in: folder).figures(of: "images")
    #expect(figures.faults.count == 1)
    #expect(figures.faults.first?.complaint.contains("status 73 Error: no room.") == true)
  }
}

/// What the drivers take for one sentence, and what they make of bytes.
@Suite("Parts of the fuzz")
struct FuzzPartTests {
  private struct Failure: ReportableError {
    let description: String
    var exitCode: ExitCode = .badData
  }

  @Test("What is no sentence for a user is told")
  func complaints() {
    #expect(
      FuzzTrial.complaint(about: Failure(description: "a.pth: is cut off; copy it again.")) == nil)
    #expect(FuzzTrial.complaint(about: Failure(description: "bad.")) != nil)
    #expect(FuzzTrial.complaint(about: Failure(description: "has no full stop at its end")) != nil)
    #expect(
      FuzzTrial.complaint(about: Failure(description: "holds Optional(3), which is bad.")) != nil)
    #expect(
      FuzzTrial.complaint(about: Failure(description: "a sound sentence.", exitCode: .success))
        != nil)
  }

  @Test("An error of another kind, and one that comes late, are faults")
  func verdicts() throws {
    struct Odd: Error {}
    struct Throws: FuzzDriver {
      static let name = "throws"
      init(folder: String) {}
      mutating func read(_ random: inout RandomStream) throws { throw Odd() }
    }
    struct Idles: FuzzDriver {
      static let name = "idles"
      init(folder: String) {}
      mutating func read(_ random: inout RandomStream) {
        var sum = 0.0
        for number in 0..<3_000_000 { sum += Double(number).squareRoot() }
        #expect(sum > 0)
      }
    }
    let folder = try TemporaryDirectory()
    var trial = try FuzzTrial(Throws.self, folder: folder.path)
    guard case .fault(let complaint) = trial.run(0).verdict else {
      Issue.record("an error that is not reportable passed")
      return
    }
    #expect(complaint.contains("Odd"))
    var late = try FuzzTrial(Idles.self, folder: folder.path)
    #expect(late.run(0).verdict == .value)
    late.limit = 1e-6
    guard case .fault = late.run(0).verdict else {
      Issue.record("a late value passed")
      return
    }
  }

  @Test("JSON is taken apart and put together again")
  func tokens() {
    let text = #"{"a":[1,-2.5e3,{"b":"c,\"}]"}],"d":null}"#
    #expect(JSONMutation(Array((" " + text + "\n").utf8)).text == Array(text.utf8))
  }

  @Test("Zip files and deflated data of the fuzz are read where nothing was changed")
  func containers() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("a.pth")
    try CheckpointWriter.write([("weight", [2], [1, 2])], to: path)
    let bytes = try FileBytes.read(path)
    let start = 30 + Int(bytes[26]) + Int(bytes[28]) + Int(bytes[29]) << 8
    let size = Int(bytes[18]) + Int(bytes[19]) << 8
    let pickle = Array(bytes[start..<start + size])
    let data = [Float(3), 4].withUnsafeBytes { Array($0) }
    for isDeflated in [false, true] {
      try AtomicFile.write(
        ZipFile.bytes(
          [("archive/data.pkl", pickle), ("archive/data/0", data)], isDeflated: isDeflated),
        to: path)
      #expect(try CheckpointFile(path: path).entries.map { $0.tensor.floats() } == [[3, 4]])
    }
  }

  @Test("Lines keep their checksums when their rows are changed")
  func lines() throws {
    let folder = try TemporaryDirectory()
    let sound = (0..<5).map { RecordLines.line(.object(["index": .integer($0)])) }.joined()
    var whole = 0
    for number in UInt64(0)..<40 {
      var random = RandomStream(seed: number, purpose: .test)
      try AtomicFile.write(RecordText.changed(Array(sound.utf8), &random), to: folder.file("a"))
      if let rows = try? RecordLines.read(folder.file("a")).rows, rows.count >= 4 { whole += 1 }
    }
    #expect(whole > 15)
  }
}
