import CommandLine
import FileSupport
import Testing

@testable import Harness

/// Options of the dense programs that nothing in a run would honour.
@Suite("Options of the programs that fine-tune")
struct CommonOptionsTests {
  private func expectRefused<Options: CommandOptions>(
    _ type: Options.Type, _ arguments: [String], _ part: String
  ) throws {
    let error = try #require(throws: UsageError.self, "\(arguments)") {
      try Options.table.parse(arguments)
    }
    #expect(error.exitCode == .usage && "\(error)".contains(part), "\(error)")
  }

  @Test("An option of backbones beside whole networks, or of training without any, is refused")
  func contradictions() throws {
    for (arguments, part) in [
      (["--detector", "a.pth", "--architecture", "swin-t"], "--architecture"),
      (["--detector", "a.pth", "--branch", "target"], "--branch"),
      (["--detector", "a.pth", "--eval-only", "--epochs", "3"], "--epochs"),
      (["--detector", "a.pth", "--eval-only", "--no-augment"], "--augment"),
      (["--detector", "a.pth", "--eval-only", "--train-limit", "3"], "--train-limit"),
      (["--detector", "a.pth", "--eval-only", "--seeds", "1,2"], "--seeds"),
      (["--backbone", "random", "--branch", "online"], "--branch"),
      (["--backbone", "", "--preset", "mini"], "--backbone"), (["--detector", ""], "--detector"),
    ] { try expectRefused(DetectionOptions.self, arguments, part) }
    for (arguments, part) in [
      (["--segmentor", "a.pth", "--architecture", "swin-t"], "--architecture"),
      (["--segmentor", "a.pth", "--eval-only", "--iterations", "3"], "--iterations"),
      (["--backbone", "random", "--allow-partial"], "--allow-partial"),
    ] { try expectRefused(SegmentationOptions.self, arguments, part) }
  }

  @Test("The same options are taken where they mean something")
  func taken() throws {
    for arguments in [
      ["--backbone", "a.pth", "--architecture", "swin-t", "--branch", "target"],
      ["--detector", "a.pth", "--epochs", "3"], ["--detector", "a.pth", "--eval-only"],
      ["--backbone", "random", "--architecture", "swin-mini"],
    ] {
      #expect(throws: Never.self) { try DetectionOptions.table.parse(arguments) }
    }
  }
}
