// A data set that needs no download: pictures of ten kinds of object, drawn by rule and chance, for
// trying every part of the programs. It is no measure of a model; that takes real photographs.
import CounterRandom
import Foundation
import VisionData

/// The sample data set in the formats of ImageNet, COCO and ADE20K.
///
/// Objects vary in proportions, parts, colours, patterns, size, turn and light, stand before varied
/// surroundings and hide each other in part; colours are drawn independently of the class, so only
/// shape tells classes apart. Every file depends on the settings alone.
///
///     classification/{train,val}/<class>/<class>_<number>.JPEG
///     coco/annotations/instances_{train,val}2017.json, coco/{train,val}2017/<id>.jpg
///     ade20k/images/{training,validation}/<name>.jpg
///     ade20k/annotations/{training,validation}/<name>.png, ade20k/classes.json
///     sample.json
public struct SampleSet: Sendable {
  /// What the set contains.
  public let settings: SampleSettings

  /// A set that is not made yet.
  public init(_ settings: SampleSettings = SampleSettings()) {
    self.settings = settings
  }

  /// Makes the set in a folder, or finds it there.
  ///
  /// Files are written aside and moved into place when all are there; `sample.json` comes last, so a
  /// set that was interrupted or lost a file is made anew. Other files in the folder stay.
  ///
  /// - Parameters:
  ///   - path: The folder; made where it is missing.
  ///   - progress: Called after each file with the files done and their total.
  /// - Throws: `SampleSetError`.
  /// - Complexity: A few milliseconds a picture; a few milliseconds in all where it is found.
  @discardableResult
  public func generate(
    at path: String, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(SampleSetError) -> SampleSetSummary {
    try settings.validate()
    let present = SampleManifest.read(in: path)
    if let present, present.isComplete, present.version == SampleManifest.currentVersion,
      present.settings == settings, present.isPresent(in: path)
    {
      return SampleSetSummary(path: path, manifest: present, wasPresent: true)
    }
    let folder = SampleSetFolder(path)
    if present == nil { try folder.requireUnoccupied() }
    let aside = try folder.openAside()
    do {
      var writer = SampleWriter(root: aside, total: fileCount)
      try writeClassification(&writer, progress)
      try writeInstances(&writer, progress)
      try writeSegmentation(&writer, progress)
      let manifest = SampleManifest(
        isComplete: true, settings: settings, files: writer.files.sorted { $0.path < $1.path })
      try folder.install(aside, manifest)
      return SampleSetSummary(path: path, manifest: manifest, wasPresent: false)
    } catch {
      folder.remove(aside)
      throw error
    }
  }

  /// Files of the set, without the manifest.
  public var fileCount: Int {
    SampleClass.allCases.count
      * (settings.trainingImagesPerClass + settings.validationImagesPerClass)
      + settings.instanceScenes.training + settings.instanceScenes.validation + 2
      + 2 * (settings.segmentationScenes.training + settings.segmentationScenes.validation) + 1
  }

  // MARK: Pictures

  /// Training or validation.
  package enum Part: Int, CaseIterable, Sendable {
    case training, validation
  }

  /// Draws a classification image without writing it; depends on seed, size, class, part and number.
  package func classificationImage(
    of kind: SampleClass, part: Part, number: Int
  ) -> RGBImage {
    SceneRenderer.render(portrait(of: kind, part: part, number: number)).image
  }

  func portrait(of kind: SampleClass, part: Part, number: Int) -> Scene {
    let classIndex = SampleClass.allCases.firstIndex(of: kind) ?? 0
    var stream = stream(task: 0, part, number * SampleClass.allCases.count + classIndex)
    let (width, height) = size(around: settings.imageSize, &stream)
    var composer = SceneComposer(
      stream, width: width, height: height, variety: settings.variety)
    return composer.portrait(of: kind)
  }

  /// A scene of several objects; one in nine has a crowd, one in twelve no object at all.
  func instanceScene(part: Part, number: Int) -> Scene {
    var stream = stream(task: 1, part, number)
    let (width, height) = size(around: settings.sceneSize, &stream)
    var composer = SceneComposer(
      stream, width: width, height: height, variety: settings.variety)
    return composer.gathering(
      crowd: number % 9 == 2, empty: number % 12 == 5, alwaysLandscape: false)
  }

  /// A scene whose surroundings have regions; each pixel has a label.
  func segmentationScene(part: Part, number: Int) -> Scene {
    var stream = stream(task: 2, part, number)
    let (width, height) = size(around: settings.sceneSize, &stream)
    var composer = SceneComposer(
      stream, width: width, height: height, variety: settings.variety)
    return composer.gathering(crowd: false, empty: false, alwaysLandscape: true)
  }

  private func stream(task: Int, _ part: Part, _ index: Int) -> RandomStream {
    RandomStream(
      seed: settings.seed, purpose: .sampleSet, epoch: task * 2 + part.rawValue, sample: index)
  }

  /// Sizes vary as those of photographs do: mostly wider than high.
  private func size(
    around shorter: Int, _ stream: inout RandomStream
  ) -> (width: Int, height: Int) {
    let short = Double(shorter) * stream.uniform(0.92, 1.08)
    let long = short * stream.pick([1, 1.1, 4.0 / 3, 4.0 / 3])
    return stream.chance(0.75)
      ? (Int(long.rounded()), Int(short.rounded())) : (Int(short.rounded()), Int(long.rounded()))
  }

  // MARK: Files

  private func writeClassification(
    _ writer: inout SampleWriter, _ progress: (Int, Int) -> Void
  ) throws(SampleSetError) {
    for part in Part.allCases {
      let (folder, count) =
        part == .training
        ? ("train", settings.trainingImagesPerClass) : ("val", settings.validationImagesPerClass)
      for kind in SampleClass.allCases {
        for number in 0..<count {
          let image = classificationImage(of: kind, part: part, number: number)
          let name = "\(kind.rawValue)_\(padded(number + 1, 5)).JPEG"
          try writer.addJPEG(
            image, settings.jpegQuality, "classification/\(folder)/\(kind.rawValue)/\(name)")
          progress(writer.files.count, writer.total)
        }
      }
    }
  }

  private func writeInstances(
    _ writer: inout SampleWriter, _ progress: (Int, Int) -> Void
  ) throws(SampleSetError) {
    for part in Part.allCases {
      let (folder, count) =
        part == .training
        ? ("train2017", settings.instanceScenes.training)
        : ("val2017", settings.instanceScenes.validation)
      var annotations = SampleInstances()
      for number in 0..<count {
        let scene = instanceScene(part: part, number: number)
        let drawn = SceneRenderer.render(scene)
        let id = annotations.add(scene, drawn, part: part, number: number)
        try writer.addJPEG(
          drawn.image, settings.jpegQuality, "coco/\(folder)/\(SampleInstances.fileName(id))")
        progress(writer.files.count, writer.total)
      }
      try writer.addJSON(annotations, "coco/annotations/instances_\(folder).json")
      progress(writer.files.count, writer.total)
    }
  }

  private func writeSegmentation(
    _ writer: inout SampleWriter, _ progress: (Int, Int) -> Void
  ) throws(SampleSetError) {
    for part in Part.allCases {
      let (folder, short, count) =
        part == .training
        ? ("training", "train", settings.segmentationScenes.training)
        : ("validation", "val", settings.segmentationScenes.validation)
      for number in 0..<count {
        let drawn = SceneRenderer.render(segmentationScene(part: part, number: number))
        let name = "ADE_\(short)_\(padded(number + 1, 8))"
        try writer.addJPEG(
          drawn.image, settings.jpegQuality, "ade20k/images/\(folder)/\(name).jpg")
        try writer.addPNG(drawn.labels, "ade20k/annotations/\(folder)/\(name).png")
        progress(writer.files.count, writer.total)
      }
    }
    try writer.addJSON(SampleLabelName.all, "ade20k/classes.json")
    progress(writer.files.count, writer.total)
  }
}

/// A number with leading zeros.
func padded(_ number: Int, _ digits: Int) -> String {
  let text = String(number)
  return String(repeating: "0", count: max(0, digits - text.count)) + text
}

/// What `SampleSet.generate` made or found.
public struct SampleSetSummary: Sendable, Equatable {
  /// The set's folder.
  public let path: String
  /// What it consists of.
  public let manifest: SampleManifest
  /// Whether it was there already.
  public let wasPresent: Bool

  /// The folder of the classification images: `train` and `val`.
  public var classificationPath: String { path + "/classification" }
  /// The folder of the scenes in COCO's format.
  public var instancesPath: String { path + "/coco" }
  /// The folder of the scenes in ADE20K's format.
  public var segmentationPath: String { path + "/ade20k" }
  /// The size of all files, in bytes.
  public var byteCount: Int { manifest.files.reduce(0) { $0 + $1.bytes } }
}

/// One row of `ade20k/classes.json`.
struct SampleLabelName: Codable, Equatable {
  var id: Int
  var name: String
  /// Whether it is a region without countable objects.
  var isStuff: Bool

  static let all =
    SampleSurrounding.allCases.map { Self(id: Int($0.label), name: $0.rawValue, isStuff: true) }
    + SampleClass.allCases.map { Self(id: Int($0.label), name: $0.rawValue, isStuff: false) }
}
