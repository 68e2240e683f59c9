import CommandLine
import FileSupport
import Foundation
import Loading
import Models
import Protocols
import Runs
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
        Subcommand("make", "Draw the sample data set.", MakeDataOptions.self) {
          try make($0.options)
        },
        Subcommand("check", "Look for what would spoil a run.", CheckDataOptions.self) {
          try check($0.options)
        },
        Subcommand(
          "show", "Draw images with what is known of them, or as a network sees them.",
          ShowDataOptions.self
        ) { try ShowDataCommand(options: $0.options).run() },
        Subcommand(
          "corrupt", "Make ImageNet-C from validation images.", CorruptDataOptions.self
        ) { try CorruptCommand(options: $0.options).run() },
        Subcommand(
          "check-annotations", "Count what a COCO file holds and list its faults.",
          CheckAnnotationsOptions.self
        ) { try CheckAnnotationsCommand(options: $0.options).run() },
        Subcommand(
          "make-annotations", "Write random COCO annotations and detections of any size.",
          MakeAnnotationsOptions.self
        ) { try MakeAnnotationsCommand(options: $0.options).run() },
      ],
      examples: [
        "swift run bench-data make", "swift run bench-data check --data imagenet --depth full",
        "swift run bench-data show --data imagenet --view moby --output sheet.png",
      ], arguments: arguments)
  }

  private static func make(_ options: MakeDataOptions) throws -> ExitCode {
    var settings = SampleSettings()
    settings.seed = UInt64(options.seed)
    settings.trainingImagesPerClass = options.trainImages
    settings.validationImagesPerClass = options.validationImages
    let scenes = SampleSettings.Split(
      training: options.trainScenes, validation: options.validationScenes)
    (settings.instanceScenes, settings.segmentationScenes) = (scenes, scenes)
    settings.imageSize = options.imageSize
    let set = SampleSet(settings)
    try options.engine.apply()
    let progress = ProgressReporter("drawing", total: set.fileCount, unit: "files")
    let summary = try set.generate(at: options.output) { done, _ in progress.advance(to: done) }
    progress.finish()
    Console.output(
      "\(summary.path): \(summary.manifest.files.count) files, \(summary.byteCount / 1024) KiB"
        + (summary.wasPresent ? ", already there" : ""))
    return .success
  }

  private static func check(_ options: CheckDataOptions) throws -> ExitCode {
    if options.comparesRanks { try options.engine.join() } else { try options.engine.apply() }
    ArchiveIndex.folder = options.cache + "/archives"
    let root = try options.files.layout?.root ?? root(options.data)
    let lines = CheckProgress()
    let update = { @Sendable (done: Int, total: Int) in lines.update(done: done, total: total) }
    let (cache, threads) = (options.cache + "/checks", ThreadPool.shared.threadCount)
    let layouts =
      try options.files.layout.map { [.detection($0)] }
      ?? DataLayout.find(root, labelSuffix: options.labelSuffix)
    try options.check(layouts, of: root)
    let hasClasses =
      layouts.isEmpty || layouts.contains { if case .classification = $0 { true } else { false } }
    guard options.backbone == nil || hasClasses else {
      throw UsageError.conflict(
        "--backbone compares the classes of a classification data set; \(root) is another kind.")
    }
    if !options.json {
      for layout in layouts { Console.error("\(root): \(layout.summary)") }
    }
    var reports: [DataCheckReport] = []
    for layout in layouts {
      switch layout {
      case .classification: continue
      case .detection(let layout):
        var report = try DetectionCheck(layout, depth: options.depth)
          .run(threadCount: threads, progress: update)
        report.findings.insert(contentsOf: DetectionCheck.missingSplits(layout), at: 0)
        reports.append(report)
      case .segmentation(let layout):
        reports.append(
          try SegmentationCheck(
            layout, classes: options.classes, labels: options.labels, depth: options.depth
          ).run(cachedIn: cache, threadCount: threads, progress: update))
      }
      lines.finish()
    }
    if hasClasses {
      reports.append(
        try checkClasses(root, options) { check, headClassCount in
          try check.run(
            cachedIn: cache, threadCount: threads, headClassCount: headClassCount, progress: update)
        })
    }
    lines.finish()
    return try deliver(
      reports.dropFirst().reduce(reports[0]) { $0.joined($1) }, of: root, options)
  }

  /// Looks at images with classes, and at the classes of a checkpoint's head beside theirs.
  private static func checkClasses(
    _ root: String, _ options: CheckDataOptions,
    run: (DataCheck, _ headClassCount: Int?) throws -> DataCheckReport
  ) throws -> DataCheckReport {
    let inputSize = options.inputSize ?? 224
    let headClasses = try options.backbone.flatMap {
      try BackboneLoader.load(
        path: $0, inputSize: inputSize, claim: options.claim, allowsPartial: true
      ).head?.classCount
    }
    var report = try run(DataCheck(root: root, depth: options.depth), headClasses)
    if headClasses != nil, let path = options.backbone,
      let data = try? ClassificationData(root: root),
      let finding = try HeadOrderCheck.finding(
        path: path, claim: options.claim, data: data, inputSize: inputSize)
    {
      report.findings.append(finding)
      report.findings.sort { ($1.severity, $0.path, $0.rule) < ($0.severity, $1.path, $1.rule) }
    }
    return report
  }

  private static func deliver(
    _ report: DataCheckReport, of root: String, _ options: CheckDataOptions
  ) throws -> ExitCode {
    var report = report
    if options.comparesRanks,
      let finding = try RankComparison.finding(root, readsContents: options.depth == .full)
    {
      report.findings.insert(finding, at: 0)
    }
    if let path = options.report { try AtomicFile.write(text: report.json, to: path) }
    Console.output(options.json ? report.json : report.text)
    guard report.worst == .error else { return .success }
    return report.imageCount == 0 ? .badData : .gateFailed
  }

  private static func root(_ data: String?) throws -> String {
    try data ?? SampleSet.made(\.classificationPath)
  }
}
