import CommandLine
import Evaluation
import FileSupport
import Runs
import VisionData

extension OverlapType: OptionChoice {}

/// The settings of `bench-coco evaluate`.
package struct DetectionEvaluationOptions: CommandOptions {
  var groundTruth = ""
  var detections = ""
  var versus: String?
  var rules = Rules.coco
  var types: [OverlapType] = []
  var thresholds: [Double] = []
  var areaRanges: [AreaRange] = []
  var limits = [1, 10, 100]
  /// Whether the user gave limits; if not, they are the protocol's.
  var givesLimits: Bool { given.contains("max-detections") }
  /// The options that were given.
  private var given: Set<String> = []
  var classes: [String] = []
  var images: String?
  var sizes = Sizes.asLoaded
  var sigmas: [Double] = []
  var classAgnostic = false
  var corrected = false
  var resamples = 1000
  var seed = 0
  var perClass = false
  var intervals = false
  var bestF1 = false
  var curves = false
  var calibration = false
  var confusion = false
  var confusionScore = 0.3
  var errors = false
  var output: String?
  var records: String?
  var run = PredictedRunOptions()
  var engine = EngineOptions()

  /// Whose rules are followed.
  enum Rules: String, OptionChoice {
    case coco, lvis
  }

  /// Where the size of a detection comes from.
  enum Sizes: String, OptionChoice {
    case asLoaded = "as-loaded"
    case mask, box
  }

  package init() {}

  package static let basis = ["protocol", "iou-type"]

  package mutating func start(given: Set<String>) {
    self.given = given
    run.start(given: given)
    limits = protocolSettings(types == [.keypoints] ? .keypoints : .bbox).maxDetections
  }

  package static var table: OptionTable<DetectionEvaluationOptions> {
    OptionTable(
      name: "bench-coco evaluate",
      summary: "Score detections in COCO's result format against annotations.",
      usage: "--ground-truth <file> --detections <file> [options]",
      examples: [
        "swift run bench-coco evaluate --ground-truth instances_val2017.json "
          + "--detections results.json",
        "swift run bench-coco evaluate --ground-truth instances_val2017.json "
          + "--detections moby.json --versus supervised.json --per-class --errors",
        "swift run bench-coco evaluate --ground-truth lvis_v1_val.json --detections results.json "
          + "--protocol lvis --best-f1 --calibration",
        "swift run bench-coco evaluate --ground-truth VOC2007/ImageSets/Main/test.txt "
          + "--detections results.json",
      ]
    )
    .option(
      "ground-truth", \.groundTruth, value: "path", .input,
      "Annotations (instances_*.json), or the folder of a data set; of PASCAL VOC also a list of names.",
      isRequired: true
    )
    .option(
      "detections", \.detections, value: "file", .input, "Results: a list of detections.",
      isRequired: true
    )
    .option(
      "versus", \.versus, value: "file", .input,
      "Results of another detector; prints the difference and its interval."
    )
    .option(
      "protocol", \.rules, value: "name", .protocolSettings,
      "COCO's rules, or LVIS's, by which only what is annotated is judged."
    )
    .option(
      "iou-type", \.types, value: "names", .protocolSettings,
      "Overlap of boxes, masks, boundaries of masks, keypoints, or several. What the results hold."
    )
    .option(
      "iou-thresholds", \.thresholds, in: .within(0.01, 1), value: "x,x", .protocolSettings,
      "Overlaps from which on a detection is right, up to 16. COCO's ten."
    )
    .option(
      "area-ranges", \.areaRanges, value: "name:low-high", .protocolSettings,
      "Sizes of objects, in square pixels, that have numbers of their own, up to 7. COCO's three."
    )
    .option(
      "max-detections", \.limits, in: .count, value: "n,n,n", .protocolSettings,
      "Detections of an image and class that count."
    )
    .option(
      "classes", \.classes, value: "names", .protocolSettings,
      "Classes that are scored, by name or id. All."
    )
    .option(
      "images", \.images, value: "file", .protocolSettings,
      "Images that are scored: a text with a file name or id a line. All."
    )
    .option(
      "detection-sizes", \.sizes, value: "name", .protocolSettings,
      "What is small: 'box' also for masks, as mmdetection 2.11 scores, or 'mask' as mmdetection 3."
    )
    .option(
      "keypoint-sigmas", \.sigmas, in: .within(1e-4, 10), value: "x,x,…", .protocolSettings,
      "How exactly people place each keypoint. COCO's seventeen."
    )
    .flag("class-agnostic", \.classAgnostic, .protocolSettings, "Take all classes for one.")
    .flag(
      "corrected", \.corrected, .protocolSettings,
      "Do not follow pycocotools where it errs: objects with id 0, sizes of masks beside boxes."
    )
    .option(
      "resamples", \.resamples, in: .within(2, 1e6), value: "n", .protocolSettings,
      "Swaps of the permutation test of a difference."
    )
    .option(
      "seed", \.seed, in: .atLeast(0), value: "n", .protocolSettings, "Seed of the swaps."
    )
    .flag("per-class", \.perClass, .output, "Also the numbers of every class.")
    .flag(
      "best-f1", \.bestF1, .output,
      "Also the best F1 and the score that gives it, of every class, too."
    )
    .flag(
      "intervals", \.intervals, .output,
      "Also the 95 % interval of every class's AP over images, beside its best F1."
    )
    .flag("curves", \.curves, .output, "Also precision over recall.")
    .flag(
      "calibration", \.calibration, .output, "Also how far scores are from being right as often."
    )
    .flag("confusion", \.confusion, .output, "Also which class is taken for which.")
    .option(
      "confusion-score", \.confusionScore, in: .within(0, 1), value: "x", .output,
      "Lowest score that counts in confusions."
    )
    .flag("errors", \.errors, .output, "Also what each kind of error costs (TIDE).")
    .option("output", \.output, value: "file", .output, "Also writes the numbers as JSON.")
    .option(
      "records", \.records, value: "folder", .output,
      "Also writes how every detection was matched, for later comparisons."
    )
    .options(PredictedRunOptions.table, at: \.run)
    .options(EngineOptions.table, at: \.engine)
  }

  package func validate() throws(UsageError) {
    try run.validate()
    try refuseUnused()
    guard run.name == nil || !classAgnostic else {
      throw .conflict("--name keeps a run of COCO's numbers; leave --class-agnostic out.")
    }
    guard !classAgnostic || rules == .coco && !types.contains(.keypoints) else {
      throw .conflict("--class-agnostic is for COCO's rules of boxes and masks; leave it out.")
    }
    guard rules == .coco || !types.contains(.keypoints) else {
      throw .conflict("LVIS has no keypoints; leave --iou-type keypoints out.")
    }
    guard rules == .coco || limits.count == 1 else {
      throw .conflict("LVIS has one limit, of an image; give --max-detections one number.")
    }
    guard types != [.keypoints] || !errors && !confusion else {
      throw .conflict("--errors and --confusion are of boxes and masks; leave them out.")
    }
    guard types != [.keypoints] || sizes != .mask else {
      throw .conflict("Keypoints have no masks; leave --detection-sizes mask out.")
    }
    guard !corrected || sizes == .asLoaded else {
      throw .conflict("--corrected takes the sizes of masks; leave --detection-sizes out.")
    }
    guard thresholds.count <= 16, Set(thresholds).count == thresholds.count else {
      throw .conflict("--iou-thresholds takes up to 16 different numbers.")
    }
    let names = areaRanges.map(\.name)
    guard names.count <= 7, Set(names + ["all"]).count == names.count + 1 else {
      throw .conflict("--area-ranges takes up to 7 ranges of different names, none of them all.")
    }
    guard !limits.isEmpty else {
      throw .conflict("--max-detections must name at least one number.")
    }
    guard Set(limits).count == limits.count else {
      throw .conflict("--max-detections names a number twice: \(limits.argument).")
    }
  }
}

extension DetectionEvaluationOptions {
  /// The rules of the protocol, as it has them.
  private func protocolSettings(_ type: OverlapType) -> CocoProtocol {
    rules == .lvis ? .lvis(type) : .coco(type)
  }

  /// The rules with what the options change.
  func settings(_ type: OverlapType) -> CocoProtocol {
    var settings = protocolSettings(type)
    if givesLimits {
      settings.maxDetections = limits.sorted()
      if rules == .lvis { settings.imageLimit = limits.max() }
    }
    if !thresholds.isEmpty { settings.overlapThresholds = thresholds.sorted() }
    if !areaRanges.isEmpty { settings.areaRanges = [settings.areaRanges[0]] + areaRanges }
    if !sigmas.isEmpty { settings.keypointSigmas = sigmas }
    settings.usesCategories = !classAgnostic
    settings.missesZeroID = !corrected
    settings.detectionSize =
      corrected || sizes == .mask ? .mask : sizes == .box ? .box : .asLoaded
    return settings
  }

  /// What differs from COCO's own evaluation of all images and classes, by option.
  var unusualSettings: [String: String] {
    var settings: [String: String] = [:]
    if rules != .coco { settings["protocol"] = rules.rawValue }
    if !thresholds.isEmpty { settings["iou-thresholds"] = thresholds.sorted().argument }
    if !areaRanges.isEmpty { settings["area-ranges"] = areaRanges.argument }
    if !classes.isEmpty { settings["classes"] = classes.sorted().argument }
    if sizes != .asLoaded { settings["detection-sizes"] = sizes.rawValue }
    if !sigmas.isEmpty { settings["keypoint-sigmas"] = sigmas.argument }
    return settings
  }

  /// The same with the types of overlap that were named, for the key of a run.
  var keySettings: [String: String] {
    types.isEmpty
      ? unusualSettings
      : unusualSettings.merging(["iou-type": types.map(\.rawValue).sorted().argument]) { $1 }
  }

  /// What decides intervals and confusions alone, where it is not as usual.
  var scoring: [String: String] {
    var settings: [String: String] = [:]
    let usual = DetectionEvaluationOptions()
    if resamples != usual.resamples { settings["resamples"] = resamples.argument }
    if seed != usual.seed { settings["seed"] = seed.argument }
    if confusionScore != usual.confusionScore {
      settings["confusion-score"] = confusionScore.argument
    }
    return settings
  }
}

extension AreaRange: OptionValue {
  /// `small:0-1024`; the upper end may be `inf`.
  public init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"), colon > argument.startIndex else { return nil }
    let ends = argument[argument.index(after: colon)...].split(
      separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let low = Double(ends[0]), low.isFinite, low >= 0,
      let high = Double(ends[1]), high > low
    else { return nil }
    self.init(String(argument[..<colon]), low, min(high, 1e10))
  }

  public var argument: String { "\(name):\(low.argument)-\(high.argument)" }

  public static var expectation: String { "a name and two sizes, such as tiny:0-256" }
}

extension DetectionEvaluationOptions {
  /// Refuses what would change nothing.
  fileprivate func refuseUnused() throws(UsageError) {
    let isKept = run.name != nil
    if !isKept, !intervals, versus == nil {
      for name in ["resamples", "seed"] where given.contains(name) {
        throw .conflict(
          "--\(name) is of differences and intervals; add --versus, --intervals or --name.")
      }
    }
    guard !given.contains("confusion-score") || isKept || confusion else {
      throw .conflict("--confusion-score is of confusions; add --confusion or --name.")
    }
    guard !intervals || !classAgnostic else {
      throw .conflict("--intervals are of every class; leave --class-agnostic out.")
    }
    guard sizes == .asLoaded || types != [.bbox] else {
      throw .conflict(
        "--detection-sizes \(sizes.rawValue) is of masks; leave it or --iou-type bbox out.")
    }
  }

  /// Refuses sigmas where no keypoints are scored.
  func checkSigmas(_ types: [OverlapType]) throws(UsageError) {
    guard sigmas.isEmpty || types.contains(.keypoints) else {
      throw .conflict("--keypoint-sigmas are of keypoints, and none are scored; leave them out.")
    }
  }

  /// Makes sure that what is written replaces nothing that is read.
  func checkOutputs() throws(FileError) {
    let inputs = [groundTruth, detections, versus, images].compactMap { $0 }
    if let output { try OutputPath.check(output, against: inputs) }
    try OutputPath.checkDistinct([output, records].compactMap { $0 })
  }
}
