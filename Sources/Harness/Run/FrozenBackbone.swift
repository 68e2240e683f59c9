import CommandLine
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Reporting
import Runs
import SampleData
import VisionData

/// An ImageNet-style data set as programs see it: the images that they use, and what they say of them.
struct FrozenData {
  let images: ClassificationData
  /// The name in tables.
  let name: String
  /// The images that are used.
  private(set) var trainOrder: [Int]
  private(set) var validationOrder: [Int]
  /// Nil where nothing is trained.
  fileprivate let trainManifest: String?
  fileprivate let validationManifest: String
  /// That validation images are among the training images.
  private var leak: String?

  /// The data that the program's options name, after its gate.
  ///
  /// - Parameters:
  ///   - trainList: A file that names the training images that are used; nil is all, as far as the
  ///     limit lets.
  ///   - scoresOnly: Whether nothing is trained; then training images need not be there.
  /// - Throws: `DatasetError` for what would spoil the run, `FileError` for a list that does not fit.
  init(_ context: RunContext, trainList: String? = nil, scoresOnly: Bool = false) throws {
    let source = try context.source(\.classificationPath)
    let layout =
      try scoresOnly
      ? ClassificationLayout.scored(source.root) : ClassificationLayout.expect(source.root)
    images = try context.classification(source, as: layout)
    name = source.name
    if scoresOnly {
      trainOrder = []
    } else if let trainList {
      trainOrder = try images.train.listed(in: trainList)
    } else {
      trainOrder = images.train.evenly(context.data.limit)
    }
    validationOrder = images.validation.evenly(context.data.limit)
    let (train, validation) = (images.train, images.validation)
    let taught = scoresOnly ? nil : train.contentDigests(context.digests)
    let tested = validation.contentDigests(context.digests)
    trainManifest = scoresOnly ? nil : train.manifestHash(context.digests, contents: taught)
    validationManifest = validation.manifestHash(context.digests, contents: tested)
    if let taught, let tested {
      let known = Dictionary(trainOrder.map { (taught[$0], $0) }) { first, _ in first }
      let shared = validationOrder.compactMap { index in
        tested[index].flatMap { known[$0] }.map { (test: index, train: $0) }
      }
      leak = shared.first.map { first in
        "\(shared.count) of \(validationOrder.count) validation images are training images, too: "
          + "\(validation.relativePath(first.test)) is \(train.relativePath(first.train))"
      }
      if let leak { Console.error("warning: \(leak)") }
    }
  }

  /// The classes that no training image shows, which nothing can answer.
  private func untaught(_ labels: [Int32]) -> String? {
    guard trainManifest != nil else { return nil }
    let taught = Set(labels)
    let names = classNames.indices.filter { !taught.contains(Int32($0)) }.map { classNames[$0] }
    guard let first = names.first else { return nil }
    return
      "\(names.count) of \(classNames.count) classes have no training image among those used, so "
      + "that they are never answered: \(first)" + (names.count > 1 ? "…" : "")
  }

  /// The same with some training images of every class, drawn by a seed; nil are all.
  ///
  /// - Throws: `DatasetError` for a class with fewer.
  func drawing(_ shots: Int?, seed: Int) throws -> FrozenData {
    guard let shots else { return self }
    var drawn = self
    drawn.trainOrder = try images.train.drawn(shots, of: trainOrder, seed: UInt64(seed))
    return drawn
  }

  /// The same without the images that cannot be decoded, where these are to be left out.
  ///
  /// - Returns: The data, and what a reader must know of it.
  /// - Throws: What reading throws; `DatasetError` where none of a split can be decoded.
  func usable(_ context: RunContext) throws -> (data: FrozenData, notes: [String]) {
    let images = images
    let train = try context.usable(trainOrder, of: "training") { _ = try images.train.image($0) }
    let validation = try context.usable(validationOrder, of: "validation") {
      _ = try images.validation.image($0)
    }
    for (order, kept, folder) in [
      (trainOrder, train.indices, images.train),
      (validationOrder, validation.indices, images.validation),
    ] where kept.isEmpty && !order.isEmpty {
      throw DatasetError.noneDecodes(in: folder.root)
    }
    var kept = self
    (kept.trainOrder, kept.validationOrder) = (train.indices, validation.indices)
    return (kept, [train.note, validation.note].compactMap { $0 })
  }

  /// Notes which part of the images is used.
  ///
  /// - Parameter shots: Images of every class that each seed draws of the training images.
  func compare(shots: Int?, into deviations: inout Deviations) {
    if trainManifest != nil {
      deviations.part(trainOrder.count, of: images.train.count, "training")
    }
    if let shots {
      deviations.add("\(shots) training images of every class, drawn anew by each seed")
    }
    deviations.part(validationOrder.count, of: images.validation.count, "validation")
  }

  /// What a reader must know of the images: of both splits, of no class, where none is looked for, or
  /// named and not there; a sentence each.
  ///
  /// - Parameter labels: Of the images that something was trained on; nil is all that are used.
  func notes(taught labels: [Int32]? = nil) -> [String] {
    let taught = labels ?? trainOrder.map { images.train.labels[$0] }
    let splits = [("training", images.train), ("validation", images.validation)]
    return [leak, untaught(taught)].compactMap { $0 }
      + splits.suffix(trainManifest == nil ? 1 : 2).flatMap { split, folder in
        func note(_ names: [String], _ what: String) -> String? {
          names.first.map {
            "\(names.count) \(split) images \(what): \($0)" + (names.count > 1 ? "…" : "")
          }
        }
        return [
          note(
            folder.hiddenImages + folder.strayImages,
            "lie hidden or beside the class folders and were left out"),
          note(folder.absentImages, "that the file of their classes names are not there"),
          folder.ignoredFileCount > 0
            ? "\(folder.ignoredFileCount) files beside the \(split) images are no images by their names "
              + "and were left out" : nil,
        ].compactMap { $0 }
      }
  }

  /// Names of the classes by label.
  var classNames: [String] { images.train.classNames }

  /// What a result says of the data.
  var identity: [String: String] {
    var identity = [
      "name": name, "validation": validationManifest,
      "validation images": String(validationOrder.count), "classes": String(classNames.count),
    ]
    if let trainManifest {
      (identity["train"], identity["train images"]) = (trainManifest, String(trainOrder.count))
    }
    return identity
  }

  /// Where the validation images lie.
  var shown: RunImages {
    RunImages(
      root: images.validation.root, indices: validationOrder,
      paths: validationOrder.map { images.validation.relativePath($0) })
  }

  /// The validation images that were asked for and have no features.
  func missingValidation(_ features: FeatureMatrix) -> [String] {
    missing(validationOrder, in: features, of: images.validation)
  }

  /// The same of the training images.
  func missingTrain(_ features: FeatureMatrix) -> [String] {
    missing(trainOrder, in: features, of: images.train)
  }

  private func missing(
    _ order: [Int], in features: FeatureMatrix, of folder: ImageFolder
  ) -> [String] {
    guard features.count < order.count else { return [] }
    let present = Set(features.indices.map(Int.init))
    return order.filter { !present.contains($0) }.map { folder.relativePath($0) }
  }
}

/// A backbone that is measured as it is, and what a result says of it.
struct FrozenBackbone {
  let network: any Backbone
  /// Name in tables, network, weights' hash, layout.
  let identity: [String: String]
  /// How pixels become numbers for it.
  let normalization: PixelNormalization
  /// Classes of the classifier that its file holds, too.
  let classifierClassCount: Int?
}

extension RunContext {
  /// Images that go through a backbone at once for their features.
  static let featureBatch = 32

  /// The backbone of a candidate: from its file, or with fresh weights.
  ///
  /// - Parameters:
  ///   - claim: What the user says of the network; without it fresh weights are Swin-T's.
  ///   - pixels: How pixels become numbers; nil is what the file says, else ImageNet's.
  /// - Throws: `CheckpointError` when the file does not hold a whole known backbone.
  func frozenBackbone(
    _ candidate: Candidate, claim: NetworkClaim, options: BackboneOptions, inputSize: Int,
    pixels: PixelNormalization?
  ) throws -> FrozenBackbone {
    guard case .backbone(_, let path?, _) = candidate else {
      let architecture = claim.architecture ?? .swin(.tiny)
      return FrozenBackbone(
        network: architecture.makeBackbone(
          inputSize: inputSize, initializer: Initializer(seed: 0)),
        identity: [
          "name": candidate.title, "architecture": architecture.name, "sha256": "random, seed 0",
          "layout": "none",
        ], normalization: pixels ?? .imageNet, classifierClassCount: nil)
    }
    let loaded = try BackboneLoader.load(
      path: path, inputSize: inputSize, branch: options.branch, claim: claim,
      allowsPartial: options.allowsPartial)
    say(loaded.report.summary)
    var origins = loaded.report.origins
    var normalization = pixels ?? .imageNet
    if pixels != nil {
      origins.append("pixels by --mean and --std")
    } else if let said = loaded.report.normalization {
      normalization = PixelNormalization(near: said[0], deviation: said[1])
      origins.append("pixels by mean and deviation of the file")
    } else {
      origins.append("pixels by ImageNet's mean and deviation, as usual")
    }
    var identity = [
      "name": candidate.title, "architecture": loaded.report.architecture,
      "sha256": loaded.report.sha256, "layout": loaded.report.layout,
      "source": loaded.report.source, "known by": origins.joined(separator: "; "),
    ]
    identity["method"] = loaded.report.method
    return FrozenBackbone(
      network: loaded.backbone, identity: identity, normalization: normalization,
      classifierClassCount: loaded.head?.classCount)
  }

  /// The features of the training images, computed or found where an earlier run left them.
  ///
  /// - Parameters:
  ///   - network: What gives the features.
  ///   - transform: How the images are seen.
  /// - Throws: What decoding throws, unless damaged images are skipped.
  func trainFeatures(
    of backbone: FrozenBackbone, as network: any Backbone, on data: FrozenData,
    seen transform: EvaluationTransform
  ) throws -> FeatureMatrix {
    try store(backbone, network).features(
      data.images.train, order: data.trainOrder, manifest: data.trainManifest ?? "",
      transform: transform, label: "\(backbone.identity["name"] ?? ""): train features")
  }

  /// The same of the validation images.
  func validationFeatures(
    of backbone: FrozenBackbone, as network: any Backbone, on data: FrozenData,
    seen transform: EvaluationTransform
  ) throws -> FeatureMatrix {
    try store(backbone, network).features(
      data.images.validation, order: data.validationOrder, manifest: data.validationManifest,
      transform: transform, label: "\(backbone.identity["name"] ?? ""): val features")
  }

  /// Where features of a network are kept.
  func store(_ backbone: FrozenBackbone, _ network: any Backbone) -> FeatureStore {
    FeatureStore(
      folder: options.cache + "/features", backbone: network, batchSize: Self.featureBatch,
      policy: data.onBadImage, normalization: backbone.normalization, isFresh: options.restarts)
  }
}
