import FileSupport
import Foundation
import Layers
import Models
import TensorCore
import TestSupport
import Testing
import Training
import VisionData

@testable import Harness

@Suite("Features of a backbone", .serialized, .timeLimit(.minutes(1)))
struct FeatureStoreTests {
  @Test("A backbone that says no numbers stops at the image, and nothing is kept")
  func broken() throws {
    let folder = try TemporaryDirectory()
    for name in ["a/1.png", "b/2.png"] {
      try AtomicFile.write(
        try ImageFile.png(RGBImage(width: 40, height: 40, red: name.hasPrefix("a") ? 9 : 200)),
        to: folder.file("train/" + name))
    }
    let split = try ImageFolder(root: folder.file("train"))
    let backbone = Architecture.swin(.mini)
      .makeBackbone(inputSize: 32, initializer: Initializer(seed: 0))
    func features(_ cache: String) throws -> Int {
      try FeatureStore(
        folder: folder.file(cache), backbone: backbone, weightsHash: cache, batchSize: 2,
        policy: .fail
      ).features(
        split, order: [0, 1], manifest: "m",
        transform: EvaluationTransform(resizeSize: 36, cropSize: 32), label: "test"
      ).count
    }
    #expect(try features("sound") == 2)
    // Numbers that are finite in the file, but not behind the first product.
    for (key, tensor) in backbone.parameters where key == "patch_embed.norm.weight" {
      tensor.assign(tensor.values.map { _ in 3e38 })
    }
    let error = #expect(throws: TrainingError.self) { try features("broken") }
    #expect(error?.description.contains("train/a/1.png are not numbers") == true)
    #expect(!FileManager.default.fileExists(atPath: folder.file("broken")))
  }
}
