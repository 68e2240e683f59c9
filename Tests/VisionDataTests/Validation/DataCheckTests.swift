import FileSupport
import Foundation
import TestSupport
import Testing
import VisionData

@Suite("Data checks")
struct DataCheckTests {
  private func rules(_ root: String, _ depth: DataCheck.Depth = .full) -> Set<String> {
    Set(DataCheck(root: root, depth: depth).run(threadCount: 2).findings.map(\.rule))
  }

  private func sound() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try makeImageFolder(
      in: folder, ["train/a/1.jpg", "train/a/2.png", "train/b/3.jpg", "val/a/4.jpg", "val/b/5.png"])
    return folder
  }

  @Test("A sound data set has no findings")
  func nothing() throws {
    let folder = try sound()
    #expect(rules(folder.path).isEmpty)
    #expect(rules(folder.path, .quick).isEmpty)
  }

  @Test("Each fault of an image is found by its rule")
  func images() throws {
    let folder = try sound()
    let whole = try FileBytes.read(folder.file("train/a/1.jpg"))
    try AtomicFile.write(whole.prefix(whole.count * 3 / 4), to: folder.file("train/a/cut.jpg"))
    try AtomicFile.write(text: "", to: folder.file("train/a/empty.jpg"))
    try AtomicFile.write(text: "GIF89a and so on", to: folder.file("train/b/other.jpg"))
    try AtomicFile.write(
      try FileBytes.read(folder.file("val/b/5.png")) + [0], to: folder.file("train/b/named.jpeg"))
    let found = rules(folder.path)
    #expect(
      found == ["image/truncated", "image/empty", "image/undecodable", "image/extension"],
      "\(found)")
  }

  @Test("Images in both splits, twice, and under two classes are found by their bytes")
  func contents() throws {
    let folder = try sound()
    let first = try FileBytes.read(folder.file("train/a/1.jpg"))
    try AtomicFile.write(first, to: folder.file("val/a/seen.jpg"))
    try AtomicFile.write(first, to: folder.file("train/a/again.jpg"))
    try AtomicFile.write(first, to: folder.file("train/b/other-class.jpg"))
    #expect(rules(folder.path) == ["content/overlap", "content/duplicate", "content/two-labels"])
    #expect(rules(folder.path, .quick).isEmpty)
  }

  @Test(
    "A single class, of which every answer is right, is told, and so are kinds that are not read")
  func oneClass() throws {
    let folder = try TemporaryDirectory()
    try makeImageFolder(in: folder, ["train/a/1.jpg", "val/a/2.jpg"])
    #expect(rules(folder.path).contains("layout/one-class"))
    try makeImageFolder(in: folder, ["train/b/1.jpg", "val/b/2.jpg"])
    #expect(!rules(folder.path).contains("layout/one-class"))
    // By their extensions these are images, though not all of them are read.
    #expect(ImageFolder.extensions.isSuperset(of: ["jfif", "gif", "heic", "webp"]))
  }

  @Test("Broken layouts are findings")
  func layouts() throws {
    let folder = try TemporaryDirectory()
    #expect(rules(folder.path) == ["layout/missing"])
    try makeImageFolder(in: folder, ["train/a/1.jpg", "train/b/2.jpg", "val/3.jpg"])
    #expect(rules(folder.path) == ["layout/flat"])
    try FileManager.default.removeItem(atPath: folder.file("val"))
    try makeImageFolder(in: folder, ["val/a/3.jpg", "val/c/4.jpg"])
    #expect(rules(folder.path) == ["layout/classes"])
    try FileManager.default.removeItem(atPath: folder.file("val/c"))
    try FileManager.default.removeItem(atPath: folder.file("train/b/2.jpg"))
    #expect(rules(folder.path).contains("layout/empty-class"))
  }

  @Test("Images that no run would see are named: hidden ones, and those beside the class folders")
  func leftOut() throws {
    let folder = try sound()
    try makeImageFolder(
      in: folder, ["train/stray.png", "train/a/.hidden/6.png", "val/.b/7.png", "train/a/._1.jpg"])
    try AtomicFile.write(text: "", to: folder.file("train/a/.DS_Store"))
    let found = DataCheck(root: folder.path, depth: .quick).run(threadCount: 1).findings
    #expect(
      found.map(\.rule) == [
        "layout/hidden-images", "layout/stray-images", "layout/hidden-images",
      ])
    #expect(found.allSatisfy { $0.severity == .error })
    #expect(found[0].problem.contains("a/.hidden/6.png") && !found[0].problem.contains("more"))
    #expect(found[1].problem.contains("stray.png") && found[2].problem.contains(".b/7.png"))
  }

  @Test("A link that leads nowhere is named where a folder would be missing, else as an image")
  func deadLinks() throws {
    let folder = try sound()
    func link(_ name: String) throws {
      try FileManager.default.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: "/nowhere")
    }
    try link("train/a/9.jpg")
    #expect(rules(folder.path, .quick) == ["image/unreadable"])
    for name in ["train/c", "train/a/more"] {
      try link(name)
      let error = #expect(throws: DatasetError.self) {
        try ImageFolder(root: folder.file("train"))
      }
      #expect(error?.path == folder.file(name) && error?.problem.contains("nowhere") == true)
      try FileManager.default.removeItem(atPath: folder.file(name))
    }
  }

  @Test("What a check says of an image has no option of another program in it")
  func remedies() throws {
    let folder = try sound()
    try AtomicFile.write(text: "", to: folder.file("train/a/empty.jpg"))
    try AtomicFile.write(text: "GIF89a and so on", to: folder.file("train/b/other.jpg"))
    let found = DataCheck(root: folder.path, depth: .full).run(threadCount: 1).findings
    #expect(found.count == 2 && found.allSatisfy { !$0.remedy.contains("--") })
  }

  @Test(
    "Images that are only scored need no training images, and their one split is looked through")
  func oneSplit() throws {
    let folder = try sound()
    try FileManager.default.removeItem(atPath: folder.file("train"))
    try AtomicFile.write(text: "", to: folder.file("val/a/empty.jpg"))
    #expect(throws: DatasetError.self) { try ClassificationData(root: folder.path) }
    for (root, path) in [(folder.path, "val/a/empty.jpg"), (folder.file("val"), "./a/empty.jpg")] {
      let layout = try ClassificationLayout.scored(root)
      #expect(layout.isOneSplit && layout.validation == .folder(folder.file("val")))
      let data = try ClassificationData(layout)
      #expect(data.validation.count > 1 && data.train.root == data.validation.root)
      let report = DataCheck(layout, depth: .quick).run(threadCount: 1)
      #expect(report.findings.map(\.path) == [path] && report.imageCount == data.validation.count)
    }
    let whole = try sound()
    #expect(try !ClassificationLayout.scored(whole.path).isOneSplit)
    let missing = try ClassificationLayout.scored(whole.file("missing"))
    #expect(throws: DatasetError.self) { try ClassificationData(missing) }
  }

  @Test("A kept report is used until a file is touched")
  func cache() throws {
    let folder = try sound()
    let kept = try TemporaryDirectory()
    let check = DataCheck(root: folder.path, depth: .full)
    let first = try check.run(cachedIn: kept.path, threadCount: 2)
    #expect(first.findings.isEmpty)
    let second = try check.run(cachedIn: kept.path, threadCount: 2)
    #expect(second == first)
    try AtomicFile.write(text: "", to: folder.file("val/a/4.jpg"))
    #expect(
      try check.run(cachedIn: kept.path, threadCount: 2).findings.map(\.rule) == ["image/empty"])
  }

  @Test("A fault of the layout is not kept, so that another set's is not told for one's own")
  func brokenLayouts() throws {
    let kept = try TemporaryDirectory()
    var problems: [String] = []
    for name in ["a", "b"] {
      let folder = try TemporaryDirectory()
      try makeImageFolder(in: folder, ["train/\(name)/1.png", "val/x\(name)/2.png"])
      let report = try DataCheck(root: folder.path, depth: .quick)
        .run(cachedIn: kept.path, threadCount: 1)
      problems.append(report.findings.first?.path ?? "")
    }
    #expect(problems == ["val/xa", "val/xb"])
  }

  @Test("A checkpoint's head of another size is a warning")
  func head() throws {
    let folder = try sound()
    let check = DataCheck(root: folder.path, depth: .quick)
    #expect(
      check.run(threadCount: 1, headClassCount: 1000).findings.map(\.rule) == [
        "layout/head-classes"
      ])
    #expect(check.run(threadCount: 1, headClassCount: 2).findings.isEmpty)
  }
}
