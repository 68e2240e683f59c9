import CommandLine
import FileSupport
import Models
import Reporting
import Testing

@testable import Harness
@testable import Protocols

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
      (["--detector", "a.pth", "--eval-only", "--evaluate-every", "1"], "--evaluate-every"),
      (["--detector", "a.pth", "--eval-only", "--drop-path", "0"], "--drop-path"),
      (["--learning-rates", "1e-4"], "--learning-rate"),
      (["--learning-rates", "1e-4,1e-4"], "twice"),
      (["--learning-rates", "1e-4,2e-4", "--learning-rate", "1e-4"], "--learning-rate"),
      (["--held-out", "0.2"], "--held-out"),
      (["--scale-rate", "--learning-rate", "1e-4"], "--scale-rate"),
      (["--batch-size", "16", "--images-per-pass", "3"], "--images-per-pass 3"),
      (["--milestones", "3,2"], "--milestones"),
      (["--milestones", "8,12", "--epochs", "12"], "--milestones"),
      (["--max-detections", "101"], "--max-detections"),
      (["--backbone", "random", "--branch", "online"], "--branch"),
      (
        ["--epochs", "3", "--evaluate-every", "4"],
        "--evaluate-every 4 would come after the 3 epochs"
      ),
      (["--margin", "top1=1"], "--margin names top1, which is not compared here"),
      (["--backbone", "", "--preset", "mini"], "--backbone"), (["--detector", ""], "--detector"),
    ] { try expectRefused(DetectionOptions.self, arguments, part) }
    for (arguments, part) in [
      (["--segmentor", "a.pth", "--architecture", "swin-t"], "--architecture"),
      (["--segmentor", "a.pth", "--eval-only", "--iterations", "3"], "--iterations"),
      (["--segmentor", "a.pth", "--eval-only", "--images-per-pass", "2"], "--images-per-pass"),
      (["--backbone", "random", "--allow-partial"], "--allow-partial"),
      (["--iterations", "9", "--keep-checkpoints", "10"], "after the 9 iterations of the run"),
    ] { try expectRefused(SegmentationOptions.self, arguments, part) }
  }

  @Test("What is given decides the recipe, in whatever order it is given")
  func resolved() throws {
    for arguments in [
      ["--milestones", "3,5", "--epochs", "6", "--batch-size", "8"],
      ["--batch-size", "8", "--epochs", "6", "--milestones", "3,5"],
    ] {
      let options = try DetectionOptions.table.parse(
        arguments + ["--data", "x", "--scale-rate", "--images-per-pass", "4", "--drop-path", "0.3"]
          + [
            "--layer-decay", "0.75", "--weight-decay", "0.1", "--score-threshold", "0.001",
            "--max-detections", "50",
          ]
      ).options
      let recipe = options.resolvedRecipe()
      #expect(recipe.milestones == [3, 5] && recipe.epochs == 6)
      #expect(recipe.imagesPerPass == 4 && recipe.passesPerStep == 2)
      #expect(recipe.learningRate == 5e-5 && recipe.dropPathRate == 0.3)
      let lines = recipe.deviations(of: .maskRCNN).lines
      for line in [
        "milestones [3, 5] instead of [8, 11]", "learning rate 5e-05 instead of 0.0001",
        "weight decay 0.1 instead of 0.05", "score threshold 0.001 instead of 0.05",
        "layer decay 0.75 instead of 1.0", "detections an image 50 instead of 100",
        "drop path 0.3 instead of 0.1",
      ] { #expect(lines.contains(line), "\(lines)") }
      #expect(recipe.settings["detections"] == "50" && recipe.settings["layer-decay"] == "0.75")
    }
    let standard = try DetectionOptions.table.parse(["--data", "x"]).options.resolvedRecipe()
    #expect(standard.settings["detections"] == nil && standard.settings["score threshold"] == nil)
    let segmentation = try SegmentationOptions.table.parse(
      ["--data", "x", "--no-augment", "--drop-path", "0.1", "--images-per-pass", "4"]
    ).options.resolvedRecipe()
    #expect(segmentation.dropPathRate == 0.1 && segmentation.imagesPerPass == 4)
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
