import CommandLine
import Inspection
import Models
import Protocols
import Reporting
import Runs
import Scoring
import VisionData

extension SegmentationFolder.Split: OptionChoice {}

/// The settings of `bench-ade20k`'s main job, each declared once.
public struct SegmentationOptions: ComparisonOptions {
  var common = FineTuningOptions()
  var name = SegmentationRecipe.Name.upernet160k
  var update = UpdateOptions(SegmentationRecipe(.upernet160k))
  var classes = ""
  var labels: LabelEncoding.Kind?
  var labelSuffix: String?
  var mode = SegmentationMode.whole
  var testSplit = SegmentationFolder.Split.validation
  var perClass = false

  /// The recipe as far as it is read.
  var recipe: SegmentationRecipe {
    get { update.recipe }
    set { update.recipe = newValue }
  }

  /// Every setting at its default.
  public init() {}

  public static let basis = FineTuningOptions.basis

  public mutating func start(given: Set<String>) {
    common.start(given: given)
    recipe = SegmentationRecipe(name, preset: common.preset)
    if let backbone = common.backboneArchitecture { recipe.backbone = backbone }
    // As the linear evaluation has it; the windows are square, as frozen networks know them.
    if recipe.form != .upernet { mode = .slide }
  }

  public static var table: OptionTable<SegmentationOptions> {
    OptionTable(
      name: "bench-ade20k",
      summary: "Fine-tune UPerNet on backbones, or leave them frozen, and score the segmentation.",
      usage: "[--backbone <files>] [--data <folder>] [options]",
      examples: [
        "swift run bench-ade20k",
        "swift run bench-ade20k --data ade --backbone moby_swin_t.pth",
        "swift run bench-ade20k --data ade --backbone dino_vit_s.pth --recipe knn",
        "swift run bench-ade20k --data ade --segmentor upernet.pth --eval-only --mode ms-flip",
      ]
    )
    .options(
      FineTuningOptions.table(
        network: "segmentor", library: "mmsegmentation",
        layout: "Folder as ADE20K, Cityscapes or PASCAL VOC lay it out.", unit: .iteration),
      at: \.common
    )
    .option(
      "classes", \.classes, value: "name", .input,
      "\(SegmentationClasses.names) or a file; without it classes.json of the data, or its layout's."
    )
    .option("labels", \.labels, value: "kind", .input, "How maps store classes.")
    .option(
      "label-suffix", \.labelSuffix, value: "text", .input, LabelSuffix.help
    )
    .option("recipe", \.name, value: "name", .protocolSettings, "What is trained, and how long.")
    .option(
      "iterations", \.recipe.length, in: .within(1, 1e8), value: "n", .protocolSettings,
      "Updates; the warm-up shortens along."
    )
    .options(
      UpdateOptions.table(
        batch: (.within(2, 1e6), "Crops an update; the rate stays as it is."),
        pass: (
          .within(2, 1e6),
          "Crops that pass together: less memory, batch norms over fewer. Without it the whole batch."
        )), at: \.update
    )
    .options(GroupCount.table, at: \.recipe.groupCount)
    .option(
      "crop-size", \.recipe.cropSize, in: .within(32, 2048), value: "px", .protocolSettings,
      "Side of the crops."
    )
    .option(
      "memory", \.recipe.memorySize, in: .count, value: "cells", .protocolSettings,
      "Cells of training images that --recipe knn takes labels from, at most."
    )
    .option(
      "neighbours", \.recipe.neighbourCount, in: .within(1, 10_000), value: "n",
      .protocolSettings, "Nearest cells that give a cell its labels."
    )
    .option(
      "temperature", \.recipe.temperature, in: .within(1e-4, 1e4), value: "x", .protocolSettings,
      "Of the shares of --neighbours."
    )
    .flag(
      "augment", \.recipe.augments, .protocolSettings, "Resize, flip and colour training images."
    )
    .option("mode", \.mode, value: "name", .protocolSettings, "How test images are shown.")
    .option(
      "test-split", \.testSplit, value: "name", .run,
      "training looks at what was learnt by heart."
    )
    .flag("per-class", \.perClass, .output, "Print the IoU of every class, too.")
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  public func validate() throws(UsageError) {
    let training = UpdateOptions<SegmentationRecipe>.names + ["iterations", "augment"]
    try common.validate(
      network: "segmentor", training: training, needsDense: recipe.form == .upernet,
      task: .ade20k)
    try validateForm(training)
    try common.watch.validate(length: recipe.length, .iteration)
    try update.validate(given: common.given)
    try LabelSuffix.validate(labelSuffix)
    try GroupCount.validate(
      recipe.groupCount, batchSize: recipe.batchSize, imagesPerPass: update.imagesPerPass)
  }

  /// Refuses options that the recipe has no use for.
  private func validateForm(_ training: [String]) throws(UsageError) {
    let neighbours = ["memory", "neighbours", "temperature"]
    let frozen = [
      "segmentor", "eval-only", "layer-decay", "drop-path", "images-per-pass", "learning-rates",
      "held-out",
    ]
    let unused: [String] =
      switch recipe.form {
      case .upernet: neighbours
      case .linear: frozen + neighbours
      case .neighbours: frozen + training + ["evaluate-every", "keep-checkpoints"]
      }
    for option in unused where common.given.contains(option) {
      throw .conflict("--recipe \(name.rawValue) has no use for --\(option).")
    }
    guard recipe.form == .upernet || mode == .slide else {
      throw .conflict("--recipe \(name.rawValue) is tested in windows: --mode slide.")
    }
  }

  var run: RunOptions { common.run }
  var data: DataOptions { common.data }
  var preset: Preset { common.preset }
  var comparedFiles: [String] { common.comparedFiles }
  var recipeSettings: [String: String] {
    let recipe = resolvedRecipe()
    return recipe.form == .upernet ? recipe.settings : recipe.frozenSettings
  }

  /// The recipe with what the other options change.
  func resolvedRecipe() -> SegmentationRecipe { update.resolved }

  /// How test images are brought to size.
  var testing: SegmentationTesting {
    var testing: SegmentationTesting = mode == .multiScale ? .multiScale : .singleScale
    if mode == .flip { testing.flips = true }
    testing.limit = recipe.testLimit
    return testing
  }
}
