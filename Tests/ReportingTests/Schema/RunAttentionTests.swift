import FileSupport
import Foundation
import TestSupport
import Testing

@testable import Reporting

@Suite("Attention kept with a run")
struct RunAttentionTests {
  private var attention: RunAttention {
    RunAttention(
      view: .init(shorterSide: 256, crop: 224, filter: "bilinear"),
      images: [
        .init(
          index: 7,
          maps: [
            .init(
              title: "of the <class> token", headCount: 2, rows: 1, columns: 3,
              values: [0.5, 0.25, 0.125, 0, 0.75, 0.25])
          ])
      ])
  }

  @Test("It reads back, to a millionth; heads and their mean are told apart")
  func form() throws {
    let folder = try TemporaryDirectory()
    try attention.write(to: folder.path)
    #expect(RunAttention(folder: folder.path) == attention)
    #expect(RunAttention(folder: folder.file("none")) == nil)
    let map = try #require(attention.images.first?.maps.first)
    #expect(map.head(1) == [0, 0.75, 0.25])
    #expect(map.mean == [0.25, 0.5, 0.1875])
  }

  @Test(
    "What has another form is not read",
    arguments: [
      ("\"columns\":3", "\"columns\":4"), ("\"columns\":3", "\"columns\":0"),
      ("\"rows\":1", "\"rows\":9223372036854775807"), ("\"heads\":2", "\"heads\":-2"),
      ("0.75", "-0.75"), ("0.75", "1e999"), ("0.75", "\"a\""), ("\"crop\":224", "\"crop\":257"),
      ("\"shorter side\":256", "\"shorter side\":999999999"), ("\"index\":7", "\"index\":\"7\""),
    ])
  func damaged(part: String, other: String) throws {
    let folder = try TemporaryDirectory()
    try attention.write(to: folder.path)
    let path = folder.file(RunAttention.file)
    let text = String(decoding: try FileBytes.read(path), as: UTF8.self)
    #expect(text.contains(part), "\(text)")
    try AtomicFile.write(text: text.replacing(part, with: other), to: path)
    #expect(RunAttention(folder: folder.path) == nil)
  }

  @Test("The page shows what is drawn of it beside each row, once, and says what is not at hand")
  func page() throws {
    let runs = try SyntheticRuns()
    for (name, most) in [("Supervised", 150), ("MoBY", 160)] {
      try runs.linear(name) { image, _ in image < most }
    }
    let comparison = try runs.comparison {
      $0.offersBaselines = true
      $0.ownPictures = { run in
        [
          RunPictures(
            index: 3, path: "swan/3.jpg",
            pictures: GalleryPictures(
              pictures: run.name == "MoBY"
                ? [.init(caption: "attention & more", bytes: [1], mediaType: "image/png")] : [],
              missing: run.name == "MoBY" ? [] : ["no image"]))
        ]
      }
    }
    let page = comparison.html
    #expect(page.components(separatedBy: "alt=\"attention &amp; more, swan/3.jpg\"").count == 2)
    #expect(page.contains("MoBY: where the frozen network looks"))
    #expect(page.contains("<li>no image</li>"))
    #expect(
      !(try runs.comparison {
        $0.galleryCount = 0
        $0.ownPictures = { _ in
          [RunPictures(index: 0, path: nil, pictures: GalleryPictures(missing: ["no image"]))]
        }
      }.html.contains("where the frozen network looks")))
  }
}
