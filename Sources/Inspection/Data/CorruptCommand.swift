import CommandLine
import FileSupport
import Foundation
import Loading
import Runs
import SampleData
import Threads
import VisionData

extension BadImagePolicy: OptionChoice {
  /// Declares what is done at an image that cannot be decoded.
  package static var table: OptionTable<BadImagePolicy> {
    OptionTable().option(
      "on-bad-image", \.self, value: "what", .input, "At an image that cannot be decoded.")
  }
}

/// The settings of `bench-data corrupt`.
package struct CorruptDataOptions: CommandOptions {
  var data: String?
  var onBadImage = BadImagePolicy.fail
  var limit: Int?
  var corruptions = CorruptionOptions()
  var output = ""
  var cache = "reports/cache"
  var engine = EngineOptions()

  package init() {}

  package func validate() throws(UsageError) { try corruptions.validate() }

  package static var table: OptionTable<CorruptDataOptions> {
    OptionTable(
      name: "bench-data corrupt",
      summary: "Make ImageNet-C from validation images: fifteen corruptions in five strengths.",
      usage: "--output <folder> [--data <folder>] [options]",
      examples: [
        "swift run bench-data corrupt --data imagenet --output imagenet-c --frost-pictures frost",
        "swift run bench-data corrupt --data imagenet --output fog --corruptions fog --severities 3",
      ]
    )
    .option(
      "data", \.data, value: "folder", .input,
      "Data set with validation images, or a folder with one folder a class. The sample set."
    )
    .options(BadImagePolicy.table, at: \.onBadImage)
    .option(
      "limit", \.limit, in: .count, value: "n", .input,
      "At most n images, evenly by class. Without it all."
    )
    .options(CorruptionOptions.table, at: \.corruptions)
    .option(
      "output", \.output, value: "folder", .output,
      "Where they are written, <corruption>/<severity>/<class>/….", isRequired: true
    )
    .option("cache", \.cache, value: "folder", .output, "Where hashes of images are kept.")
    .options(EngineOptions.table, at: \.engine)
  }
}

/// Writes corrupted images as ImageNet-C is laid out: `bench-data corrupt`.
struct CorruptCommand {
  let options: CorruptDataOptions

  func run() throws -> ExitCode {
    try options.engine.apply()
    ArchiveIndex.folder = options.cache + "/archives"
    let made = try options.corruptions.made()
    let folder = try ClassificationData(
      ClassificationLayout.scored(options.data ?? SampleSet.made(\.classificationPath))
    ).validation
    let order = folder.evenly(options.limit)
    let digests = FileDigests(folder: options.cache + "/digests")
    var record = CorruptionRecord(made, images: folder.manifestHash(digests), of: order)
    let what =
      "\(options.output): \(order.count) images in \(made.corruptions.count) corruptions, "
      + "\(made.severities.count) strengths each"
    let known = try known(record)
    // What was left out is missing for whoever wants to stop at it.
    guard known?.isComplete != true || options.onBadImage == .fail && known?.leftOut != [] else {
      Console.output(what + ", already there")
      return .success
    }
    try AtomicFile.makeFolder(options.output)
    let lock = try FolderLock(folder: options.output)
    defer { withExtendedLifetime(lock) {} }
    if known == nil { try record.write(to: options.output) }
    if !options.engine.quiet {
      for note in made.notes { Console.error("note: " + note) }
    }
    record.leftOut = try write(made, of: folder, order)
    guard record.leftOut.count < order.count else {
      throw DatasetError.noneDecodes(in: folder.root)
    }
    record.isComplete = true
    try record.write(to: options.output)
    Console.output(what)
    return .success
  }

  /// What an earlier call left of the same images.
  ///
  /// - Throws: `DatasetError` for a folder that holds anything else.
  private func known(_ record: CorruptionRecord) throws(DatasetError) -> CorruptionRecord? {
    let path = options.output
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    func refused(_ problem: String) -> DatasetError {
      DatasetError(
        path: path, problem: problem, remedy: "choose another --output or empty it",
        exitCode: .cannotWrite)
    }
    guard let known = try CorruptionRecord(in: path) else {
      guard try FileTree.entries(path).allSatisfy(\.isHidden) else {
        throw refused("is not empty and was not made by bench-data corrupt")
      }
      return nil
    }
    guard known.settings == record.settings else {
      let other = known.settings.keys.sorted().first {
        known.settings[$0] != record.settings[$0]
      }
      throw refused("holds images made of other settings (\(other ?? "frost pictures"))")
    }
    return known
  }

  /// An image that cannot be decoded.
  private struct Undecodable: Error {
    let image: ImageError
  }

  /// Writes what is missing, an image's corruptions one after the other, images side by side.
  ///
  /// - Returns: The images that were left out.
  private func write(
    _ made: MadeCorruptions, of folder: ImageFolder, _ order: [Int]
  ) throws -> [String] {
    let output = options.output
    var names: Set<String> = []
    for index in order where !names.insert(Self.name(index, folder)).inserted {
      throw DatasetError(
        path: folder.path(index),
        problem: "and another image would both be written as \(Self.name(index, folder))",
        remedy: "give one of them another name")
    }
    let threads = ThreadPool.shared.threadCount
    let parts = made.parts
    let progress = ProgressReporter("corrupting", total: order.count, unit: "images")
    let work = OrderedPrefetch<Void>(
      order.indices, depth: 4 * threads, threadCount: threads, partCount: { _ in 1 },
      open: { _ in }
    ) { _, place, _ in
      let index = order[place]
      let missing = parts.map { part in
        (part, "\(output)/\(part.corruption.rawValue)/\(part.severity)/" + Self.name(index, folder))
      }.filter { !FileManager.default.fileExists(atPath: $0.1) }
      guard !missing.isEmpty else { return }
      let crop: RGBImage
      do throws(ImageError) {
        crop = made.cropped(try folder.image(index))
      } catch {
        throw Undecodable(image: error)
      }
      for (part, path) in missing {
        try Interruption.check()
        try AtomicFile.write(try made.file(crop, part, image: index), to: path)
      }
    }
    var leftOut: [String] = []
    while let (_, failures) = work.next() {
      if let error = failures.first?.error {
        guard let image = (error as? Undecodable)?.image else { throw error }
        guard options.onBadImage == .skip else { throw image.skippable }
        Console.error("skipped \(image.name): \(image.problem)")
        leftOut.append(image.name)
      }
      progress.advance()
    }
    progress.finish()
    return leftOut
  }

  /// Where an image lies in a part: `class/file`, as JPEG.
  private static func name(_ index: Int, _ folder: ImageFolder) -> String {
    let (path, own) = (
      folder.relativePath(index), folder.classNames[Int(folder.labels[index])] + "/"
    )
    let isJPEG = [".jpg", ".jpeg"].contains { path.lowercased().hasSuffix($0) }
    return (path.hasPrefix(own) ? path : own + path) + (isJPEG ? "" : ".JPEG")
  }
}
