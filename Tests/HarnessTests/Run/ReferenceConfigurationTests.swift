import Foundation
import Protocols
import Reporting
import TestSupport
import Testing
import VisionData

@testable import Harness

/// The configurations of the shipped figures say what the published recipes store.
@Suite("Configurations of published figures")
struct ReferenceConfigurationTests {
  private func configurations(_ file: String) throws -> [String: [String: String]] {
    let path = SourceTree.root.appendingPathComponent("reports/reference/\(file)").path
    return try #require(try PublishedFigures(path: path).scope).configurations
  }

  private func expect(
    _ wanted: [String: String]?, in settings: [String: String],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let wanted = try #require(wanted, sourceLocation: sourceLocation)
    #expect(!wanted.isEmpty, sourceLocation: sourceLocation)
    for (name, value) in wanted {
      #expect(settings[name] == value, "\(name)", sourceLocation: sourceLocation)
    }
  }

  @Test("Of COCO: detector, schedule and test size")
  func coco() throws {
    let known = try configurations("coco.json")
    let recipes: [String: DetectionRecipe.Name] = [
      "Mask R-CNN 1x": .maskRCNN1x, "Mask R-CNN 3x": .maskRCNN3x,
      "Cascade Mask R-CNN 1x": .cascade1x, "Cascade Mask R-CNN 3x": .cascade3x,
    ]
    #expect(Set(known.keys) == Set(recipes.keys))
    for (name, recipe) in recipes {
      try expect(known[name], in: DetectionRecipe(recipe).settings)
    }
  }

  @Test("Of ADE20K: schedule, crop and test mode")
  func ade20k() throws {
    let known = try configurations("ade20k.json")
    for (name, mode) in [
      ("UPerNet 160K, single scale", SegmentationMode.whole),
      ("UPerNet 160K, multi-scale and flip", .multiScale),
    ] {
      var options = SegmentationOptions()
      options.mode = mode
      let test = "\(mode.rawValue), \(options.testing.summary)"
      try expect(
        known[name],
        in: SegmentationRecipe(.upernet160k).settings.merging(["test": test]) { $1 })
    }
  }

  @Test("Of linear probes: MoBY's protocol")
  func linear() throws {
    let known = try configurations("imagenet_linear.json")
    #expect(known.count == 1)
    try expect(
      known.values.first, in: LinearProtocol().settings.merging(["limit": "all"]) { $1 })
  }
}
