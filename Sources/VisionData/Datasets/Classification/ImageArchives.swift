import FileSupport
import Foundation
import Synchronization

/// The images in some tar archives: where each lies, and what tells its class.
///
/// One pass over the headers finds them; nothing is unpacked. Three ways of packing are known:
/// folders of classes, as in the file system; an archive a class, inside of another one or beside
/// each other (ImageNet's training images); samples of an image and its class (WebDataset's shards,
/// `000017.jpg` and `000017.cls`).
struct ImageArchives: Sendable {
  /// The archives' paths, relative to `root`, and what they were when they were read.
  let root: String
  let files: [String]
  private(set) var stamps: [FileStamp] = []
  /// Which archive each image is in, and where.
  private(set) var archives: [Int32] = []
  private(set) var starts: [Int] = []
  private(set) var sizes: [Int32] = []
  /// The images' paths: `class/file` where there are classes of folders or archives.
  private(set) var paths = PathTable()
  /// The class numbers of samples; empty where paths tell the classes.
  private(set) var numbers: [Int32] = []
  /// Other files.
  private(set) var ignoredCount = 0
  /// Hidden images.
  private(set) var hidden: [String] = []

  /// The most classes that a number may stand for.
  private static let classLimit = 1 << 20

  /// What was read last in this process: a program looks at its data more than once.
  private static let known = Mutex<[(key: String, archives: ImageArchives)]>([])
  /// How many sets of archives are remembered: both splits of two data sets.
  private static let knownLimit = 4

  /// The images in some archives, read when they were not read before, or have changed.
  ///
  /// - Throws: As `init`.
  static func of(root: String, files: [String]) throws(DatasetError) -> ImageArchives {
    let key = ([root] + files).joined(separator: "\n")
    let stamps = files.compactMap { FileStamp(path: root + "/" + $0) }
    let index = ArchiveIndex.folder.map { ArchiveIndex(folder: $0, root: root, files: files) }
    if stamps.count == files.count {
      if let found = known.withLock({ $0.first { $0.key == key } })?.archives,
        found.stamps == stamps
      {
        return found
      }
      if let found = index?.read(stamps) {
        remember(found, as: key)
        return found
      }
    }
    let found = try ImageArchives(root: root, files: files)
    index?.write(found)
    remember(found, as: key)
    return found
  }

  private static func remember(_ found: ImageArchives, as key: String) {
    known.withLock { known in
      known.removeAll { $0.key == key }
      known.append((key, found))
      if known.count > knownLimit { known.removeFirst() }
    }
  }

  /// Takes over what was kept.
  init(
    root: String, files: [String], stamps: [FileStamp], archives: [Int32], starts: [Int],
    sizes: [Int32], paths: PathTable, numbers: [Int32], ignoredCount: Int, hidden: [String]
  ) {
    (self.root, self.files, self.stamps) = (root, files, stamps)
    (self.archives, self.starts, self.sizes) = (archives, starts, sizes)
    (self.paths, self.numbers, self.ignoredCount) = (paths, numbers, ignoredCount)
    self.hidden = hidden
  }

  /// Reads the headers of archives.
  ///
  /// - Throws: `DatasetError` for an archive that is damaged, and for images that are links.
  init(root: String, files: [String]) throws(DatasetError) {
    self.root = root
    self.files = files
    for (place, file) in files.enumerated() {
      let archive = try TarArchive(path: root + "/" + file)
      stamps.append(archive.stamp)
      var reader = Reader(archive: archive, place: Int32(place))
      try archive.forEachMember { (member) throws(DatasetError) in
        guard member.name.lowercased().hasSuffix(".tar"), !member.isLink else {
          return try take(member, folder: nil, &reader)
        }
        let inner = Self.stem(member.name)
        try archive.forEachMember(in: member.range) { (image) throws(DatasetError) in
          try take(image, folder: inner, &reader)
        }
      }
      try finishSample(&reader)
    }
    guard numbers.isEmpty || numbers.count == paths.count else {
      throw DatasetError(
        path: root, problem: "has archives with .cls files and archives without",
        remedy: "keep those of one data set there")
    }
  }

  static func stem(_ path: String) -> String {
    ((path as NSString).lastPathComponent as NSString).deletingPathExtension
  }

  // MARK: One archive

  /// What is known of the sample at hand, and of the archive.
  private struct Reader {
    let archive: TarArchive
    let place: Int32
    var key = ""
    var images: [TarArchive.Member] = []
    var number: Int32?
    var hasNumbers = false
  }

  private mutating func take(
    _ member: TarArchive.Member, folder: String?, _ reader: inout Reader
  ) throws(DatasetError) {
    let file = (member.name as NSString).lastPathComponent
    if member.name.utf8.split(separator: UInt8(ascii: "/")).contains(where: { $0.first == 0x2E }) {
      hidden += ImageFolder.images(hidden: [member.name])
      return
    }
    let isImage = ImageFolder.isImage(file)
    let lowered = file.lowercased()
    let isClass = lowered.hasSuffix(".cls") || lowered.hasSuffix(".cls.txt")
    guard isImage || isClass else {
      ignoredCount += 1
      return
    }
    guard !member.isLink else {
      throw DatasetError(
        path: reader.archive.path, problem: "holds '\(member.name)' as a link to another file",
        remedy: "pack it anew with --hard-dereference --dereference")
    }
    guard member.range.count <= Int(Int32.max) else {
      throw DatasetError(
        path: reader.archive.path,
        problem: "holds '\(member.name)' of \(member.range.count) bytes, which is no image",
        remedy: "pack it anew")
    }
    // A sample is what follows each other under one name, as in WebDataset's own reader.
    let dot = file.firstIndex(of: ".") ?? file.endIndex
    let key =
      (folder ?? "") + "/" + RelativePath.folder(of: member.name) + "/"
      + file[..<dot]
    if key != reader.key {
      try finishSample(&reader)
      reader.key = key
    }
    if isClass {
      guard reader.number == nil else {
        throw DatasetError(
          path: reader.archive.path,
          problem: "gives the sample '\(file[..<dot])' two classes, in '\(member.name)' again",
          remedy: "name samples apart before the first dot, as WebDataset does")
      }
      reader.number = try number(member, reader.archive)
      reader.hasNumbers = true
    } else {
      reader.images.append(member)
      add(member, folder: folder, reader.place)
    }
  }

  private mutating func add(_ member: TarArchive.Member, folder: String?, _ place: Int32) {
    archives.append(place)
    starts.append(member.range.lowerBound)
    sizes.append(Int32(member.range.count))
    let name = folder.map { $0 + "/" + (member.name as NSString).lastPathComponent } ?? member.name
    paths.append(name.utf8)
  }

  private mutating func finishSample(_ reader: inout Reader) throws(DatasetError) {
    defer {
      reader.images = []
      reader.number = nil
    }
    guard let first = reader.images.first else {
      guard reader.number == nil else {
        throw DatasetError(
          path: reader.archive.path,
          problem: "holds the class of '\(reader.key.split(separator: "/").last ?? "")' without an "
            + "image beside it", remedy: "pack each image with its class right behind it")
      }
      return
    }
    if let number = reader.number {
      guard reader.images.count == 1 else {
        throw DatasetError(
          path: reader.archive.path,
          problem: "holds two images of one sample, '\(first.name)' and '\(reader.images[1].name)'",
          remedy: "pack one image a sample; masks and thumbnails are none to learn from")
      }
      guard numbers.count + reader.images.count == paths.count else {
        throw Self.unlabelled(reader.archive, first.name)
      }
      numbers += reader.images.map { _ in number }
    } else if reader.hasNumbers {
      throw Self.unlabelled(reader.archive, first.name)
    }
  }

  private static func unlabelled(_ archive: TarArchive, _ image: String) -> DatasetError {
    DatasetError(
      path: archive.path, problem: "holds '\(image)', or an image before it, without a .cls file",
      remedy: "pack each image with its class right behind it")
  }

  private func number(
    _ member: TarArchive.Member, _ archive: TarArchive
  ) throws(DatasetError) -> Int32 {
    let bytes = try archive.bytes(
      member.range.lowerBound..<min(member.range.upperBound, member.range.lowerBound + 32))
    let text = String(decoding: bytes, as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    guard let number = Int32(text), (0..<Self.classLimit).contains(Int(number)) else {
      throw DatasetError(
        path: archive.path, problem: "has '\(text)' in \(member.name), which is no class number",
        remedy: "write whole numbers from 0")
    }
    return number
  }

  // MARK: Reading

  /// The bytes of an image.
  ///
  /// - Throws: `FileError` when the archive was changed since.
  func contents(_ index: Int) throws(FileError) -> [UInt8] {
    let archive = Int(archives[index])
    return try FileBytes.read(
      root + "/" + files[archive], starts[index]..<starts[index] + Int(sizes[index]),
      unchangedSince: stamps[archive])
  }

  /// The archive that an image is in.
  func path(_ index: Int) -> String { root + "/" + files[Int(archives[index])] }
}
