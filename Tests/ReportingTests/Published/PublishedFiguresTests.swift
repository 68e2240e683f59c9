import FileSupport
import Foundation
import Models
import Reporting
import TestSupport
import Testing

@Suite("Published figures", .timeLimit(.minutes(5)))
struct PublishedFiguresTests {
  private func shipped() throws -> PublishedFigures {
    try PublishedFigures(
      path: SourceTree.root.appendingPathComponent("reports/reference/imagenet_linear.json").path)
  }

  @Test("The shipped figures hold the rows that a reader compares with")
  func shippedFile() throws {
    let published = try shipped()
    func values(_ method: String, _ network: String, _ epochs: Int, _ metric: String) -> [Double] {
      published.figures(metric: metric, architectures: [network])
        .filter { $0.method == method && $0.epochs == epochs }.map(\.value)
    }
    #expect(values("MoBY", "Swin-T", 300, "top1") == [0.753, 0.75])
    #expect(values("MoBY", "Swin-T", 100, "top1") == [0.709])
    #expect(values("MoBY", "Swin-T (batch norm before MLP)", 100, "top1") == [0.72])
    #expect(values("MoBY", "DeiT-S", 300, "top1") == [0.728])
    #expect(values("Supervised", "Swin-T", 300, "top1") == [0.812, 0.813])
    #expect(values("MoCo v3", "ViT-S", 300, "top1") == [0.732])
    #expect(values("DINO with multi-crop, boosted", "ViT-S/16", 300, "knn_20") == [0.733])
  }

  @Test("The figures of detection and segmentation are those of the spec's tables of record")
  func transfer() throws {
    func read(_ name: String) throws -> PublishedFigures {
      try PublishedFigures(
        path: SourceTree.root.appendingPathComponent("reports/reference/\(name).json").path)
    }
    let coco = try read("coco")
    func pair(_ configuration: String, _ metric: String) -> [Double] {
      ["Supervised", "MoBY"].flatMap { method in
        coco.figures.filter {
          $0.method == method && $0.configuration == configuration && $0.metric == metric
            && $0.isVerified
        }.map(\.value)
      }
    }
    #expect(pair("Mask R-CNN 1x", "bbox/AP") == [0.437, 0.436])
    #expect(pair("Mask R-CNN 1x", "segm/AP") == [0.398, 0.396])
    #expect(pair("Mask R-CNN 3x", "bbox/AP") == [0.46, 0.46])
    #expect(pair("Mask R-CNN 3x", "segm/AP") == [0.416, 0.417])
    #expect(pair("Cascade Mask R-CNN 1x", "bbox/AP") == [0.481, 0.481])
    #expect(pair("Cascade Mask R-CNN 1x", "segm/AP") == [0.417, 0.415])
    #expect(pair("Cascade Mask R-CNN 3x", "bbox/AP") == [0.504, 0.502])
    #expect(pair("Cascade Mask R-CNN 3x", "segm/AP") == [0.437, 0.435])
    let ade = try read("ade20k")
    let single = ade.figures.filter { $0.metric == "mIoU" && $0.isVerified }
    #expect(single.first { $0.method == "Supervised" }?.cell == "44.51 *published*")
    #expect(single.first { $0.method == "MoBY" }?.cell == "44.06 *published*")
    let multi = ade.figures(metric: "mIoU_ms", architectures: ["Swin-T"], verifiedOnly: true)
    #expect(multi.prefix(2).map(\.value) == [0.4581, 0.4558])
    for file in [coco, ade, try read("imagenet_reruns")] {
      #expect(file.origin == .published)
      for figure in file.figures where !figure.isVerified {
        #expect(figure.note == "recalled, unverified")
      }
    }
  }

  @Test("No figure stands twice, and each from memory says so")
  func consistency() throws {
    let figures = try shipped().figures
    let keys = figures.map {
      "\($0.method)|\($0.architecture)|\($0.epochs ?? 0)|\($0.metric)|\($0.source)"
    }
    #expect(Set(keys).count == keys.count)
    for figure in figures where !figure.isVerified {
      #expect(figure.note == "recalled, unverified")
      #expect(figure.cell.hasSuffix("(unverified)"))
    }
    #expect(Set(figures.map(\.metric)) == ["top1", "top5", "knn_20", "knn_200"])
  }

  @Test("Every number in the table is marked as published")
  func marks() throws {
    let table = try shipped().table
    #expect(table.rows.allSatisfy { $0[4].contains("*published*") })
    #expect(table.caption.contains("published, not measured here"))
    #expect(FigureOrigin.measured.marked("61.0") == "61.0 *measured*")
  }

  @Test("A wrong file is refused in one sentence")
  func refusals() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("f.json")
    let good = """
      {"schema": 1, "title": "t", "figures": [{"method": "m", "architecture": "a", "epochs": null,
      "metric": "top1", "value": 0.5, "source": "s", "protocol": "p", "verified": true}]}
      """
    try AtomicFile.write(text: good, to: path)
    #expect(try PublishedFigures(path: path).figures.first?.epochs == nil)
    for (text, part) in [
      (good.replacing("0.5", with: "50"), "figure 1 lacks"),
      (good.replacing("\"s\"", with: "null"), "figure 1 lacks"),
      (good.replacing("true", with: "1"), "figure 1 lacks"),
      (good.replacing("\"schema\": 1", with: "\"schema\": 9"), "has schema 9"),
      (String(good.dropLast(3)), "is cut off, its JSON ends too early"),
      ("{}", "is no file of published figures"),
    ] {
      try AtomicFile.write(text: text, to: path)
      let error = #expect(throws: FileError.self) { try PublishedFigures(path: path) }
      #expect(error?.problem.hasPrefix(part) == true, "\(error?.description ?? "no error")")
    }
  }
}
