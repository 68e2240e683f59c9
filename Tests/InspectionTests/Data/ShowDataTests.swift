import CommandLine
import FileSupport
import Foundation
import SampleData
import TestSupport
import Testing

@testable import Inspection
@testable import VisionData

@Suite("Showing data", .timeLimit(.minutes(5)))
struct ShowDataTests {
  private let folder = try? TemporaryDirectory()

  /// A few images of every kind.
  private func sample() throws -> (root: TemporaryDirectory, path: String) {
    let root = try #require(folder)
    let path = root.file("sample")
    let settings = SampleSettings.small(images: (1, 1), instances: (3, 2), labels: (3, 2))
    try SampleSet(settings).generate(at: path)
    return (root, path)
  }

  /// Draws a sheet and gives it back.
  private func shown(
    _ root: TemporaryDirectory, _ data: String, _ change: (inout ShowDataOptions) -> Void = { _ in }
  ) throws -> RGBImage {
    var options = ShowDataOptions()
    options.data = data
    options.output = root.file(UUID().uuidString + ".png")
    options.inputSize = 64
    change(&options)
    #expect(try ShowDataCommand(options: options).run() == .success)
    return try ImageFile.decode(path: options.output)
  }

  private func colors(_ image: RGBImage) -> Set<[UInt8]> {
    Set((0..<image.pixels.count / 3).map { Array(image.pixels[3 * $0..<3 * $0 + 3]) })
  }

  @Test(
    "Boxes and masks of the user's own data are drawn over their images, and as a detector sees them"
  )
  func objects() throws {
    let (root, path) = try sample()
    let stored = try shown(root, path + "/coco") { $0.count = 3 }
    // Three cells of 64 beside each other, with gaps of 6.
    #expect(stored.width == 3 * 70 + 6 && stored.height == 64 + 14 + 6 + 6)
    let one = try shown(root, path + "/coco") { ($0.count, $0.split) = (1, .validation) }
    // An outline has its class's full colour somewhere.
    let known = Set((0..<12).map { DetectionOverlay.color($0) })
    #expect(!colors(one).isDisjoint(with: known))
    let seen = try shown(root, path + "/coco") {
      ($0.count, $0.view, $0.copies) = (1, .train, 2)
    }
    #expect(seen.width == 3 * 70 + 6 && seen != stored)
    let again = try shown(root, path + "/coco") {
      ($0.count, $0.view, $0.copies) = (1, .train, 2)
    }
    #expect(again == seen)
    let annotations = path + "/coco/annotations/instances_val2017.json"
    let named = try shown(root, path) {
      $0.data = nil
      $0.files.validation = annotations
      $0.files.images = [path + "/coco/val2017"]
      ($0.count, $0.split) = (1, .validation)
    }
    #expect(named == one)
  }

  @Test("Label maps are mixed with their images above a legend")
  func maps() throws {
    let (root, path) = try sample()
    let sheet = try shown(root, path + "/ade20k") { $0.count = 2 }
    // Image and map of two images in one row; the legend lies below.
    #expect(sheet.width == 4 * 70 + 6 && sheet.height > 64 + 14 + 6 + 6 + 14)
    let seen = try shown(root, path + "/ade20k") {
      ($0.count, $0.view, $0.copies) = (1, .train, 1)
    }
    #expect(seen.width == 3 * 70 + 6)
  }

  @Test("Images with classes are shown as before, and views that others lack are refused")
  func classes() throws {
    let (root, path) = try sample()
    let views = try shown(root, path + "/classification") { $0.count = 4 }
    let stored = try shown(root, path + "/classification") { ($0.count, $0.view) = (4, .stored) }
    #expect(views.width > stored.width / 2 && views != stored)
    let error = #expect(throws: UsageError.self) {
      _ = try shown(root, path + "/coco") { $0.view = .moby }
    }
    #expect(
      error?.description
        == "--view moby is of images with classes; of boxes and masks, stored or train.")
    #expect(throws: DatasetError.self) { _ = try shown(root, root.file("nothing")) }
  }

  @Test("What an option is about must be there")
  func withoutEffect() throws {
    let (root, path) = try sample()
    func refused(_ data: String, _ change: (inout ShowDataOptions) -> Void) -> String? {
      #expect(throws: UsageError.self) { _ = try shown(root, path + data, change) }?.description
    }
    #expect(
      refused("/coco") { $0.classes = "voc" }?
        .hasPrefix("--classes is about label maps, and ") == true)
    #expect(
      refused("/classification") { $0.labelSuffix = "_m" }?.contains("--label-suffix") == true)
    #expect(
      refused("/coco") { $0.copies = 2 }
        == "--view stored draws nothing at random; leave --copies and --seed out.")
    for arguments in [["--view", "test", "--copies", "2"], ["--view", "stored", "--seed", "1"]] {
      #expect(throws: UsageError.self) { try ShowDataOptions.table.parse(arguments) }
    }
    let check = #expect(throws: UsageError.self) {
      try CheckDataOptions.table.parse(["--input-size", "64"])
    }
    #expect(check?.description == "--input-size is about a checkpoint; --backbone names none.")
    var options = CheckDataOptions()
    options.labels = .direct
    #expect(throws: UsageError.self) {
      try options.check(DataLayout.find(path + "/coco"), of: path + "/coco")
    }
    try options.check(DataLayout.find(path + "/ade20k"), of: path + "/ade20k")
  }

  @Test("A check looks at all that a folder holds, images with classes, too")
  func checkOfSeveral() throws {
    let (root, path) = try sample()
    let manager = FileManager.default
    try manager.moveItem(atPath: path + "/classification/train", toPath: path + "/coco/train")
    try manager.moveItem(atPath: path + "/classification/val", toPath: path + "/coco/val")
    let outcome = try ChildProgram.run(
      "bench-data", ["check", "--data", "sample/coco"], in: root.path)
    #expect(outcome.errors.contains("boxes and masks, COCO"), "\(outcome.errors)")
    #expect(outcome.errors.contains("classes, folders"), "\(outcome.errors)")
    let images = try manager.subpathsOfDirectory(atPath: path + "/coco").count {
      $0.hasSuffix(".jpg") || $0.hasSuffix(".png")
    }
    #expect(outcome.output.contains("\(images) images, "), "\(outcome.output)")
  }

  @Test("A sheet is a PNG, and its name says so")
  func format() throws {
    for output in ["x.jpg", "x"] {
      let error = #expect(throws: UsageError.self) {
        try ShowDataOptions.table.parse(["--output", output])
      }
      #expect(error?.description.contains("a sheet is a PNG") == true)
    }
    _ = try ShowDataOptions.table.parse(["--output", "x.PNG"])
  }

  @Test("A folder of several kinds gives a sheet of each, named by its kind")
  func names() {
    var options = ShowDataOptions()
    options.output = "out/sheet.png"
    #expect(options.output(nil) == "out/sheet.png")
    #expect(options.output("boxes") == "out/sheet-boxes.png")
    options.output = "sheet"
    #expect(options.output("labels") == "sheet-labels")
  }
}
