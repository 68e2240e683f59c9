import CommandLine
import Inspection
import Models
import Protocols
import Runs
import VisionData

extension SegmentationFolder.Split: OptionChoice {}

/// The settings of `bench-ade20k`'s main job, each declared once.
public struct SegmentationOptions: ComparisonOptions {
  var common = FineTuningOptions()
  var name = SegmentationRecipe.Name.upernet160k
  var recipe = SegmentationRecipe(.upernet160k)
  var classes = ""
  var labels: LabelEncoding.Kind?
  var labelSuffix: String?
  var mode = SegmentationMode.whole
  var testSplit = SegmentationFolder.Split.validation
  var perClass = false

  /// Every setting at its default.
  public init() {}

  public static let basis = FineTuningOptions.basis

  public mutating func start(given: Set<String>) {
    common.start(given: given)
    recipe = SegmentationRecipe(name, preset: common.preset)
    if let backbone = common.backboneArchitecture { recipe.backbone = backbone }
  }

  public static var table: OptionTable<SegmentationOptions> {
    OptionTable(
      name: "bench-ade20k",
      summary: "Fine-tune UPerNet on backbones and score its segmentation.",
      usage: "[--backbone <files>] [--data <folder>] [options]",
      examples: [
        "swift run bench-ade20k",
        "swift run bench-ade20k --data ade --backbone moby_swin_t.pth",
        "swift run bench-ade20k --data ade --segmentor upernet.pth --eval-only --mode ms-flip",
      ]
    )
    .options(
      FineTuningOptions.table(
        network: "segmentor", library: "mmsegmentation",
        layout: "Folder as ADE20K, Cityscapes or PASCAL VOC lay it out."), at: \.common
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
    .option(
      "batch-size", \.recipe.batchSize, in: .within(2, 1e6), value: "n", .protocolSettings,
      "Crops an update."
    )
    .option(
      "groups", \.recipe.groupCount, in: .within(1, 1e6), value: "n", .run,
      "Sum gradients in n groups of images, a power of two: as many processes can share a batch."
    )
    .option(
      "crop-size", \.recipe.cropSize, in: .within(32, 2048), value: "px", .protocolSettings,
      "Side of the crops."
    )
    .option(
      "learning-rate", \.recipe.learningRate, in: .above(0), value: "x", .protocolSettings,
      "After the warm-up."
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
    try common.validate(
      network: "segmentor", training: ["iterations", "batch-size", "learning-rate", "augment"])
    try LabelSuffix.validate(labelSuffix)
    try GroupCount.validate(recipe.groupCount, batchSize: recipe.batchSize)
  }

  var run: RunOptions { common.run }
  var data: DataOptions { common.data }
  var preset: Preset { common.preset }
  var recipeSettings: [String: String] { recipe.settings }

  /// How test images are brought to size.
  var testing: SegmentationTesting {
    var testing: SegmentationTesting = mode == .multiScale ? .multiScale : .singleScale
    testing.limit = recipe.testLimit
    return testing
  }
}
