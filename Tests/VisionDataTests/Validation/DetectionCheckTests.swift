import FileSupport
import Foundation
import SampleData
import TestSupport
import Testing
import VisionData

@Suite("Check of a COCO-style data set")
struct DetectionCheckTests {
  @Test("Missing, cut and exchanged images are named, and what the annotations have wrong")
  func faults() throws {
    let folder = try TemporaryDirectory()
    let root = try SampleSet(.small(instances: (3, 2))).generate(at: folder.file("sample"))
      .instancesPath
    func check(_ depth: DataCheck.Depth) throws -> DataCheckReport {
      try DetectionCheck(DetectionLayout.expect(root), depth: depth).run(threadCount: 2)
    }
    #expect(try DetectionLayout.find(root)?.source == .coco)
    #expect(try DetectionLayout.find(folder.path) == nil)
    let clean = try check(.full)
    // Three scenes do not show every class.
    #expect(clean.findings.allSatisfy { $0.rule == "category/unlearned" }, "\(clean.text)")
    #expect(clean.imageCount == 5 && clean.openedCount == 5)
    let images = try FileManager.default.contentsOfDirectory(atPath: root + "/train2017").sorted()
    func path(_ index: Int) -> String { "\(root)/train2017/\(images[index])" }
    try AtomicFile.write(try FileBytes.read(path(0)).prefix(300), to: path(0))
    try FileManager.default.removeItem(atPath: path(1))
    let small = RGBImage(width: 8, height: 4, pixels: [UInt8](repeating: 0, count: 96))
    try AtomicFile.write(try ImageFile.png(small), to: path(2))
    let annotations = root + "/annotations/instances_val2017.json"
    let text = String(decoding: try FileBytes.read(annotations), as: UTF8.self)
    try AtomicFile.write(
      text: text.replacing("\"category_id\"", with: "\"was\"", maxReplacements: 1),
      to: annotations)
    let found = try check(.quick).findings
    func rules(_ name: String) -> [String] {
      found.filter { $0.path.hasSuffix(name) && $0.severity == .error }.map(\.rule)
    }
    #expect(rules(images[1]) == ["image/unreadable"])
    #expect(rules(images[2]) == ["layout/image-size"])
    #expect(!rules("instances_val2017.json").isEmpty)
    #expect(found.allSatisfy { !$0.path.hasPrefix("/") })
    #expect(
      try check(.full).findings.contains { $0.path.hasSuffix(images[0]) && $0.severity == .error })
  }

  @Test("A file without an object that counts spoils a run and says why")
  func nothingToLearn() throws {
    let folder = try TemporaryDirectory()
    let root = try SampleSet(.small(instances: (3, 2))).generate(at: folder.file("sample"))
      .instancesPath
    let path = root + "/annotations/instances_val2017.json"
    let text = String(decoding: try FileBytes.read(path), as: UTF8.self)
    func problems(_ text: String) throws -> [String] {
      try AtomicFile.write(text: text, to: path)
      return try DetectionCheck(DetectionLayout.expect(root), depth: .quick).run(threadCount: 1)
        .findings.filter { $0.rule == "record/none" && $0.severity == .error }.map(\.problem)
    }
    #expect(try problems(text).isEmpty)
    let crowds = try problems(text.replacing(#/"iscrowd": ?0/#, with: "\"iscrowd\":1"))
    #expect(crowds.count == 1 && crowds[0].contains("are crowds or ignored"))
  }

  @Test("An image of both splits is found by its bytes")
  func overlap() throws {
    let folder = try TemporaryDirectory()
    let root = try SampleSet(.small(instances: (3, 2))).generate(at: folder.file("sample"))
      .instancesPath
    let names = try ["train2017", "val2017"].map { split in
      let files = try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(split)").sorted()
      return "\(split)/\(files[0])"
    }
    try AtomicFile.write(try FileBytes.read("\(root)/\(names[0])"), to: "\(root)/\(names[1])")
    let layout = try DetectionLayout.expect(root)
    let found = try DetectionCheck(layout, depth: .full).run(threadCount: 2).findings
      .first { $0.rule == "content/overlap" }
    #expect(found?.path == names[1] && found?.severity == .error)
    #expect(found?.problem == "has the same bytes as \(names[0])")
    let quick = try DetectionCheck(layout, depth: .quick).run(threadCount: 2).findings
    #expect(!quick.contains { $0.rule == "content/overlap" })
  }
}
