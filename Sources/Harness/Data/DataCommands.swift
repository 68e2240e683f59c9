import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Models
import SampleData
import Threads
import VisionData

/// The commands of `bench-data`.
public enum DataCommands {
  /// Runs the command that the first argument names.
  public static func run(_ arguments: [String]) -> Never {
    Command.run(
      "bench-data", summary: "Make, check and show data sets.",
      commands: [
        Subcommand("make", "Draw the sample data set.") { arguments in
          Command.run(MakeDataOptions.self, arguments: arguments) { try make($0.options) }
        },
        Subcommand("check", "Look for what would spoil a run.") { arguments in
          Command.run(CheckDataOptions.self, arguments: arguments) { try check($0.options) }
        },
        Subcommand("show", "Write a contact sheet of images as a network sees them.") { arguments in
          Command.run(ShowDataOptions.self, arguments: arguments) { try show($0.options) }
        },
        Subcommand("check-annotations", "Count what a COCO file holds and list its faults.") {
          arguments in
          Command.run(CheckAnnotationsOptions.self, arguments: arguments) {
            try CheckAnnotationsCommand(options: $0.options).run()
          }
        },
        Subcommand("make-annotations", "Write random COCO annotations and detections of any size.") {
          arguments in
          Command.run(MakeAnnotationsOptions.self, arguments: arguments) {
            try MakeAnnotationsCommand($0.options).run()
          }
        },
      ],
      examples: [
        "swift run bench-data make", "swift run bench-data check --data imagenet --depth full",
        "swift run bench-data show --data imagenet --view moby --output sheet.png",
      ], arguments: arguments)
  }

  private static func make(_ options: MakeDataOptions) throws -> ExitCode {
    var settings = SampleSettings()
    settings.seed = UInt64(max(0, options.seed))
    settings.trainingImagesPerClass = options.trainImages
    settings.validationImagesPerClass = options.validationImages
    settings.imageSize = options.imageSize
    let set = SampleSet(settings)
    if options.quiet { ProgressReporter.silence() }
    let progress = ProgressReporter("drawing", total: set.fileCount, unit: "files")
    let summary = try set.generate(at: options.output) { done, _ in progress.advance(to: done) }
    progress.finish()
    Console.output(
      "\(summary.path): \(summary.manifest.files.count) files, \(summary.byteCount / 1024) KiB"
        + (summary.wasPresent ? ", already there" : ""))
    return .success
  }

  private static func check(_ options: CheckDataOptions) throws -> ExitCode {
    if options.quiet { ProgressReporter.silence() }
    let root = try root(options.data)
    if SegmentationFolder.isLayout(root) { return try checkSegmentation(root, options) }
    let headClasses =
      try options.backbone.isEmpty
      ? nil : BackboneLoader.load(path: options.backbone, allowsPartial: true).head?.classCount
    let check = DataCheck(root: root, depth: options.depth)
    let lines = CheckProgress()
    var report = try check.run(
      cachedIn: options.cache + "/checks", threadCount: ThreadPool.shared.threadCount,
      headClassCount: headClasses
    ) { done, total in lines.update(done: done, total: total) }
    lines.finish()
    if headClasses != nil, let data = try? ClassificationData(root: root),
      let finding = try HeadOrderCheck.finding(
        path: options.backbone, data: data, inputSize: options.inputSize)
    {
      report.findings.append(finding)
      report.findings.sort { ($1.severity, $0.path, $0.rule) < ($0.severity, $1.path, $1.rule) }
    }
    return try deliver(report, options)
  }

  private static func checkSegmentation(
    _ root: String, _ options: CheckDataOptions
  ) throws -> ExitCode {
    guard options.backbone.isEmpty else {
      throw UsageError.conflict(
        "--backbone compares the classes of a classification data set; \(root) holds label maps.")
    }
    let check = SegmentationCheck(
      root: root, classes: options.classes, labels: options.labels, depth: options.depth)
    let lines = CheckProgress()
    let report = try check.run(
      cachedIn: options.cache + "/checks", threadCount: ThreadPool.shared.threadCount
    ) { done, total in lines.update(done: done, total: total) }
    lines.finish()
    return try deliver(report, options)
  }

  private static func deliver(
    _ report: DataCheckReport, _ options: CheckDataOptions
  ) throws -> ExitCode {
    if !options.report.isEmpty { try AtomicFile.write(text: report.json, to: options.report) }
    Console.output(options.json ? report.json : report.text)
    guard report.worst == .error else { return .success }
    return report.imageCount == 0 ? .badData : .gateFailed
  }

  private static func show(_ options: ShowDataOptions) throws -> ExitCode {
    let root = try root(options.data)
    let folder = try ImageFolder(root: root + "/" + options.split)
    guard options.count > 0, options.copies > 0, options.inputSize > 0 else {
      throw UsageError.conflict("--count, --copies and --input-size must be at least 1.")
    }
    let order = LinearBenchmark.selection(folder, limit: options.count)
    var settings = LinearProtocol()
    settings.inputSize = options.inputSize
    let transforms: [(name: String, transform: any ImageTransform)] =
      switch options.view {
      case .test: [("test", settings.testTransform)]
      case .train: [("train", settings.trainTransform)]
      case .moby:
        [
          ("view 1", ContrastiveView.moby(size: options.inputSize, isSecond: false)),
          ("view 2", ContrastiveView.moby(size: options.inputSize, isSecond: true)),
        ]
      }
    let perImage = 1 + transforms.count * options.copies
    var sheet = ContactSheet(
      columnCount: perImage * max(1, 8 / perImage), cellSize: min(224, max(48, options.inputSize)))
    for index in order {
      let image = try ImageFile.decode(path: folder.path(index))
      let name = folder.classNames[Int(folder.labels[index])]
      sheet.add(image, caption: name)
      for copy in 0..<options.copies {
        for (view, entry) in transforms.enumerated() {
          var stream = RandomStream(
            seed: UInt64(max(0, options.seed)), purpose: .augmentation, epoch: copy,
            sample: index * 16 + view)
          sheet.add(entry.transform(image, stream: &stream), caption: entry.name)
        }
      }
    }
    try AtomicFile.write(try ImageFile.png(sheet.image()), to: options.output)
    Console.output("\(options.output): \(order.count) images of \(folder.root)")
    return .success
  }

  private static func root(_ data: String) throws -> String {
    guard data.isEmpty else { return data }
    return try SampleSet().generate(at: "datasets/sample").classificationPath
  }
}
