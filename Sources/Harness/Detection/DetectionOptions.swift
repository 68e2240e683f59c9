import CommandLine
import Inspection
import Models
import Protocols
import Reporting
import Runs
import VisionData

/// The settings of `bench-coco`'s main job, each declared once.
public struct DetectionOptions: ComparisonOptions {
  var common = FineTuningOptions()
  var files = DetectionFileOptions()
  var name = DetectionRecipe.Name.maskRCNN1x
  var update = UpdateOptions(DetectionRecipe(.maskRCNN1x))
  var imageScale = 1.0
  var milestones: [Int]?
  var augments = true
  var fillsMasks = false
  var testSplit = Split.validation

  /// The images that a detector is scored on.
  enum Split: String, OptionChoice {
    case validation = "val2017"
    case training = "train2017"
  }

  /// The recipe as far as it is read.
  var recipe: DetectionRecipe {
    get { update.recipe }
    set { update.recipe = newValue }
  }

  /// Every setting at its default.
  public init() {}

  public static let basis = FineTuningOptions.basis

  public mutating func start(given: Set<String>) {
    common.start(given: given)
    recipe = DetectionRecipe(name, preset: common.preset)
  }

  public static var table: OptionTable<DetectionOptions> {
    OptionTable(
      name: "bench-coco",
      summary: "Fine-tune Mask R-CNN or Cascade Mask R-CNN on backbones and score boxes and masks.",
      usage: "[--backbone <files>] [--data <folder>] [options]",
      examples: [
        "swift run bench-coco",
        "swift run bench-coco --data coco --backbone moby_swin_t.pth --recipe mask-rcnn-1x",
        "swift run bench-coco --train-annotations a.json --val-annotations b.json --images pictures",
        "swift run bench-coco --data coco --detector mask_rcnn_swin_tiny.pth --eval-only",
      ]
    )
    .options(
      FineTuningOptions.table(
        network: "detector", library: "mmdetection",
        layout: "Folder as COCO, Roboflow, CVAT, Label Studio or PASCAL VOC lay it out.",
        unit: .epoch),
      at: \.common
    )
    .options(DetectionFileOptions.table, at: \.files)
    .option("recipe", \.name, value: "name", .protocolSettings, "What is trained, and how long.")
    .option(
      "epochs", \.recipe.length, in: .within(1, 1e6), value: "n", .protocolSettings,
      "Passes over train; the steps of the rate move along."
    )
    .options(
      UpdateOptions.table(
        batch: (
          oneOrEven, "Images an update; they pass two at a time, and the rate stays as it is."
        ),
        pass: (
          .count,
          "Images that pass together; the gradients of an update's passes are averaged."
        )), at: \.update
    )
    .option(
      "milestones", \.milestones, in: .count, value: "epochs", .protocolSettings,
      "After how many epochs the rate drops to a tenth. Without it as the recipe, moved by --epochs."
    )
    .option(
      "image-scale", \.imageScale, in: .within(0.05, 4), value: "x", .protocolSettings,
      "Factor of every image size."
    )
    .flag(
      "augment", \.augments, .protocolSettings,
      "Flip, resize and crop; without it training images are seen as test images are."
    )
    .flag(
      "masks-from-boxes", \.fillsMasks, .protocolSettings,
      "Where objects have no mask, train masks on their boxes; without it they train boxes only."
    )
    .flag(
      "drop-empty-proposals", \.recipe.dropsEmptyProposals, .protocolSettings,
      "Leave proposals without area out, as mmdetection 3; 2.11 keeps them."
    )
    .option(
      "score-threshold", \.recipe.scoreThreshold, in: .from(0, below: 1), value: "x",
      .protocolSettings, "Score that a box must exceed to be a detection."
    )
    .option(
      "max-detections", \.recipe.detectionLimit, in: .within(1, 100), value: "n",
      .protocolSettings, "Detections an image; AP looks at no more than a hundred."
    )
    .option(
      "test-split", \.testSplit, value: "name", .run,
      "train2017 looks at what was learnt by heart."
    )
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  public func validate() throws(UsageError) {
    try common.validate(
      network: "detector",
      training: UpdateOptions<DetectionRecipe>.names + [
        "epochs", "milestones", "augment", "train-annotations",
      ], task: .coco)
    try common.watch.validate(length: recipe.epochs, .epoch)
    try update.validate(given: common.given)
    if let milestones {
      guard zip(milestones, milestones.dropFirst()).allSatisfy(<),
        milestones.allSatisfy({ $0 < recipe.epochs })
      else {
        throw .conflict(
          "--milestones \(milestones.argument) must rise and lie below the \(recipe.epochs) epochs."
        )
      }
    }
    try files.validate(
      data: common.data.folder, needsTraining: !common.evaluatesOnly,
      needsValidation: testSplit == .validation)
  }

  private static let oneOrEven = NumberRange(text: "that is 1 or even, up to 1000000") {
    $0 == 1 || $0 >= 2 && $0 <= 1e6 && $0.truncatingRemainder(dividingBy: 2) == 0
  }

  /// The recipe with what the other options change.
  func resolvedRecipe() -> DetectionRecipe {
    var result = update.resolved
    if let backbone = common.backboneArchitecture { result.detector.backbone = backbone }
    result.scaleImages(by: imageScale)
    if let milestones { result.milestones = milestones }
    if !augments { result.dropAugmentation() }
    return result
  }

  var run: RunOptions { common.run }
  var data: DataOptions { common.data }
  var preset: Preset { common.preset }
  var comparedFiles: [String] { common.comparedFiles }
  var recipeSettings: [String: String] { resolvedRecipe().settings }
}
