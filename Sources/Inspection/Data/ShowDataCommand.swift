import CocoFormat
import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Geometry
import Loading
import Models
import Protocols
import Runs
import SampleData
import VisionData

/// `bench-data show`: sheets of images with what is known of them, and as a network sees them.
struct ShowDataCommand {
  let options: ShowDataOptions
  /// Side of a cell of boxes, masks or label maps, where nothing else is asked for.
  private static let cellSize = 320

  func run() throws -> ExitCode {
    let layouts = try options.layouts(sample: SampleSet.made(\.classificationPath))
    for layout in layouts {
      // A folder of several kinds, like VOC's, gives a sheet of each.
      let path = options.output(layouts.count > 1 ? layout.shortName : nil)
      try OutputPath.check(path, against: [layout.root])
      let (sheet, count, root) =
        switch layout {
        case .classification(let layout): try classes(layout)
        case .detection(let layout): try objects(layout)
        case .segmentation(let layout): try maps(layout)
        }
      try AtomicFile.write(try ImageFile.png(sheet), to: path)
      Console.output("\(path): \(count) images of \(root)")
    }
    return .success
  }

  private func stream(_ sample: Int, _ copy: Int) -> RandomStream {
    RandomStream(
      seed: UInt64(options.seed), purpose: .augmentation, epoch: copy, sample: sample)
  }

  /// The columns of a sheet that keep the cells of one image together.
  private func columns(_ perImage: Int, atMost limit: Int) -> Int {
    perImage * max(1, limit / perImage)
  }

  // MARK: Classes

  private func classes(
    _ layout: ClassificationLayout
  ) throws -> (sheet: RGBImage, count: Int, root: String) {
    var folder = try ImageFolder(layout.training)
    if options.split == .validation {
      folder = try ImageFolder(layout.validation, classNames: folder.classNames)
    }
    let order = folder.evenly(options.count)
    var settings = LinearProtocol()
    settings.inputSize = options.inputSize ?? 96
    let transforms: [(name: String, transform: any ImageTransform)] =
      switch options.view ?? .moby {
      case .stored: []
      case .test: [("test", settings.testTransform)]
      case .train: [("train", settings.trainTransform)]
      case .moby:
        MoBY.Settings().views(inputSize: settings.inputSize).enumerated().map {
          ("view \($0 + 1)", $1.transform)
        }
      }
    let perImage = 1 + transforms.count * options.copies
    var sheet = ContactSheet(
      columnCount: columns(perImage, atMost: 8), cellSize: min(224, max(48, settings.inputSize)))
    for index in order {
      let image = try folder.image(index)
      sheet.add(image, caption: folder.classNames[Int(folder.labels[index])])
      for copy in 0..<options.copies {
        for (view, entry) in transforms.enumerated() {
          var stream = stream(index * 16 + view, copy)
          sheet.add(entry.transform(image, stream: &stream), caption: entry.name)
        }
      }
    }
    return (sheet.image(), order.count, folder.root)
  }

  // MARK: Boxes and masks

  private func objects(
    _ layout: DetectionLayout
  ) throws -> (sheet: RGBImage, count: Int, root: String) {
    let use: DetectionDataset.Use = options.split == .training ? .training : .testing
    // Annotations that were not split are shown whole.
    let dataset = try DetectionDataset(layout.part(use, scoresOnly: true), use: .testing)
    let chosen = even(dataset.images)
    try dataset.keeping(chosen).expectFiles()
    let isTrained = try options.view(of: "boxes and masks", .stored, .train) == .train
    let cell = options.inputSize ?? Self.cellSize
    let limit = ResizeLimit(long: cell, short: cell)
    var sheet = ContactSheet(
      columnCount: columns(1 + (isTrained ? options.copies : 0), atMost: 4), cellSize: cell)
    for image in chosen {
      try Interruption.check()
      let sample = try dataset.sample(image)
      let info = dataset.annotations.images[image]
      let all = dataset.annotations.annotationIndices(ofImage: image).count
      let left = all - sample.target.count
      let name = (info.fileName as NSString).lastPathComponent
      sheet.add(
        drawn(sample.resized(to: limit), dataset.classNames),
        caption: "\(sample.target.count)\(left > 0 ? "+\(left) untaught" : "") \(name)")
      for copy in 0..<(isTrained ? options.copies : 0) {
        var stream = stream(image, copy)
        let seen = DetectionAugmentation()(sample, stream: &stream)
        sheet.add(
          drawn(seen.resized(to: limit), dataset.classNames),
          caption: "train \(seen.image.width)x\(seen.image.height)")
      }
    }
    return (sheet.image(), chosen.count, dataset.folder)
  }

  private func drawn(_ sample: DetectionSample, _ names: [String]) -> RGBImage {
    let target = sample.target
    let items = target.boxes.indices.map { index in
      DetectionOverlay.Item(
        box: target.boxes[index], mask: target.masks[index],
        caption: names[target.labels[index]], label: target.labels[index])
    }
    return DetectionOverlay().image(sample.image, items: items)
  }

  // MARK: Label maps

  private func maps(
    _ layout: SegmentationLayout
  ) throws -> (sheet: RGBImage, count: Int, root: String) {
    let classes = try SegmentationClasses.of(layout, options.classes, labels: options.labels)
    let folder = try SegmentationFolder(
      layout, split: options.split == .training ? .training : .validation)
    let chosen = even(Array(0..<folder.count))
    let isTrained = try options.view(of: "label maps", .stored, .train) == .train
    let cell = options.inputSize ?? Self.cellSize
    let limit = ResizeLimit(long: cell, short: cell)
    let overlay = SegmentationOverlay(classes: classes)
    let augmentation = SegmentationAugmentation(cropSize: cell)
    var sheet = ContactSheet(
      columnCount: columns(2 + (isTrained ? options.copies : 0), atMost: 4), cellSize: cell)
    var shown: [LabelMap] = []
    for index in chosen {
      try Interruption.check()
      let (image, labels) = try folder.load(index, classes.encoding)
      shown.append(labels)
      let (width, height) = limit.size(width: image.width, height: image.height)
      let small = image.linearlyResized(width: width, height: height)
      sheet.add(small, caption: (folder.name(index) as NSString).lastPathComponent)
      sheet.add(
        overlay.mixed(small, labels.nearestResized(width: width, height: height)),
        caption: "\(image.width)x\(image.height)")
      for copy in 0..<(isTrained ? options.copies : 0) {
        var stream = stream(index, copy)
        let seen = augmentation(image, labels, stream: &stream)
        sheet.add(overlay.mixed(seen.image, seen.labels), caption: "train")
      }
    }
    let picture = sheet.image { overlay.legend(for: shown, width: $0) }
    return (picture, chosen.count, folder.root + "/" + folder.imageFolder)
  }

  /// As many as are asked for, evenly from first to last.
  private func even(_ images: [Int]) -> [Int] {
    evenPlaces(options.count, of: images.count).map { images[$0] }
  }
}

extension DataLayout {
  /// One word for the name of a file.
  fileprivate var shortName: String {
    switch self {
    case .classification: "classes"
    case .detection: "boxes"
    case .segmentation: "labels"
    }
  }
}
