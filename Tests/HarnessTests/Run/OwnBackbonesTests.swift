import CommandLine
import Foundation
import Models
import Reporting
import Runs
import SampleData
import TestSupport
import Testing
import VisionData

@testable import Harness

/// The backbones that a comparison makes for itself.
@Suite("Own backbones", .timeLimit(.minutes(5)))
struct OwnBackbonesTests {
  private func images(_ count: Int, at path: String) throws -> ClassificationData {
    let summary = try SampleSet(.small(images: (count, 1), side: 32)).generate(at: path)
    return try ClassificationData(root: summary.classificationPath)
  }

  @Test("What learns without labels learns from the pool, and each says from what; made once")
  func pool() throws {
    let folder = try TemporaryDirectory()
    var options = RunOptions()
    options.cache = folder.file("cache")
    options.engine.quiet = true
    let context = try RunContext(options, data: DataOptions(), preset: .mini)
    let own = OwnBackbones(
      context, labelled: (try images(2, at: folder.file("few")), "few"),
      pool: (try images(8, at: folder.file("many")), "many")
    ) { $0.inputSize = 32 }
    #expect(try own.pending().count == 2)
    #expect(!FileManager.default.fileExists(atPath: folder.file("cache/backbones")))
    let candidates = try own.candidates()
    let notes = candidates.compactMap { candidate in
      if case .backbone(_, _, let note) = candidate { note } else { nil }
    }
    try #require(notes.count == 3)
    #expect(notes[0] == "Swin-mini, not trained")
    #expect(notes[1].hasPrefix("pretrained on 20 images with labels (few): Swin-mini at 32 px"))
    #expect(notes[2].hasPrefix("pretrained on 80 images without labels (many): Swin-mini at 32 px"))
    for case .backbone(let title, let path?, _) in candidates where title != "Random initialisation"
    {
      let result = try RunResult(
        path: (path as NSString).deletingLastPathComponent + "/result.json")
      #expect(result.data["name"] == (title == "MoBY" ? "many" : "few"))
      #expect(result.data["train images"] == (title == "MoBY" ? "80" : "20"))
    }
    #expect(try own.pending().isEmpty)
  }

  @Test("The pool has another seed than the sample set, whose pictures are for probing")
  func seeds() {
    let (few, many) = (SampleSettings(), SampleSettings.pool)
    #expect(few.seed != many.seed && few.trainingImagesPerClass < many.trainingImagesPerClass)
    #expect(few.imageSize == many.imageSize && few.variety == many.variety)
    var moby = ShortPretraining(.moby)
    moby.fitPool()
    let recipe = moby.plan?.recipe
    #expect(recipe?.batchSize == moby.batchSize && recipe?.epochs == moby.epochs)
    #expect(!moby.usesLabels && ShortPretraining(.supervised).usesLabels)
  }
}
