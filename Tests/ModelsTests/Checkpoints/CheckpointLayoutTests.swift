import FileSupport
import Foundation
import Layers
import Models
import TensorCore
import TestSupport
import Testing

@Suite("Checkpoint layouts")
struct CheckpointLayoutTests {
  private let configuration = SwinConfiguration(
    embeddingSize: 4, depths: [1, 2], headCounts: [1, 2], windowSize: 4)

  private func load(
    _ name: String, inputSize: Int = 32, branch: CheckpointBranch = .published,
    allowsPartial: Bool = false
  ) throws -> LoadedBackbone {
    try BackboneLoader.load(
      path: SourceTree.fixture("Checkpoints/" + name), inputSize: inputSize, branch: branch,
      allowsPartial: allowsPartial)
  }

  private func expectOfficial(_ loaded: LoadedBackbone, factor: Float = 1) {
    #expect(loaded.backbone.architecture == .swin(configuration))
    #expect(loaded.report.isComplete)
    for (key, tensor) in loaded.backbone.parameters {
      let expected = DeterministicFill.weight(key, tensor.shape).values.map { $0 * factor }
      #expect(tensor.values == expected, "\(key)")
    }
  }

  @Test(
    "Each layout gives the same weights under the official names",
    arguments: [
      ("official.pth", "official"), ("moby.pth", "MoBY pretraining"), ("timm.pth", "timm"),
      ("openmmlab.pth", "OpenMMLab 1.x/3.x"),
    ])
  func layouts(_ name: String, _ layout: String) throws {
    let loaded = try load(name)
    #expect(loaded.report.layout == layout)
    expectOfficial(loaded)
    #expect(loaded.report.sha256.count == 64)
  }

  @Test("The target branch of a MoBY file is its encoder_k")
  func targetBranch() throws {
    expectOfficial(try load("moby.pth", branch: .target), factor: 2)
  }

  @Test("A classifier is found under timm's name, and other parts are listed")
  func heads() throws {
    let head = try #require(try load("timm.pth").head)
    #expect(head.classCount == 3)
    #expect(head.weight == DeterministicFill.values("head", count: 24))
    #expect(try load("official.pth").head == nil)
    let others = try load("moby.pth").report.others
    #expect(others.contains("queue1") && others.contains("projector.linear_out.weight"))
  }

  @Test("A file that does not cover the network is refused, unless partial loading is allowed")
  func partial() throws {
    let folder = try TemporaryDirectory()
    let whole = try CheckpointFile(path: SourceTree.fixture("Checkpoints/official.pth"))
    let kept = whole.entries.filter { $0.key != "layers.1.blocks.1.attn.proj.weight" }
    try CheckpointWriter.write(
      kept.map { ($0.key, $0.tensor.shape, $0.tensor.floats()) }, to: folder.file("part.pth"))
    let error = #expect(throws: CheckpointError.self) {
      try BackboneLoader.load(path: folder.file("part.pth"), inputSize: 32)
    }
    #expect(error?.description.contains("layers.1.blocks.1.attn.proj.weight") == true)
    let loaded = try BackboneLoader.load(
      path: folder.file("part.pth"), inputSize: 32, allowsPartial: true)
    #expect(loaded.report.missing == ["layers.1.blocks.1.attn.proj.weight"])
    let filled = try #require(
      loaded.backbone.parameters.first { $0.key == "layers.1.blocks.1.attn.proj.weight" })
    #expect(filled.tensor.values.contains { $0 != 0 })
  }

  @Test("Bias tables of another window are interpolated as PyTorch does")
  func interpolation() throws {
    let file = try CheckpointFile(
      path: SourceTree.fixture("Checkpoints/interpolation.safetensors"))
    func values(_ key: String) throws -> [Float] {
      try #require(file.entries.first { $0.key == key }).tensor.floats()
    }
    for (key, side) in [("table13", 13), ("table3", 3)] {
      let resized = BicubicMaps.resized(
        try values("table"), rows: 7, columns: 7, channels: 2, toRows: side, toColumns: side)
      expectClose(resized, try values(key).map(Double.init), relative: 1e-5, absolute: 1e-6, key)
    }
    // At 16 pixels the map is smaller than the window, so every table shrinks.
    let small = try load("official.pth", inputSize: 8)
    #expect(small.report.reshaped.count == 3)
    #expect(small.report.isComplete)
  }

  @Test("Numbers that are not finite are refused by key")
  func notFinite() throws {
    let folder = try TemporaryDirectory()
    let whole = try CheckpointFile(path: SourceTree.fixture("Checkpoints/official.pth"))
    try CheckpointWriter.write(
      whole.entries.map { entry in
        var values = entry.tensor.floats()
        if entry.key == "norm.weight" { values[0] = .nan }
        return (entry.key, entry.tensor.shape, values)
      }, to: folder.file("nan.pth"))
    let error = #expect(throws: CheckpointError.self) {
      try BackboneLoader.load(path: folder.file("nan.pth"), inputSize: 32)
    }
    #expect(error?.description.contains("norm.weight") == true)
  }

  @Test("A classifier's own numbers must be a trained network's; its backbone is not to blame")
  func brokenHead() throws {
    let folder = try TemporaryDirectory()
    let network = Classifier(
      ClassifierConfiguration(backbone: .swin(.mini), classCount: 3, inputSize: 32),
      initializer: Initializer(seed: 1))
    for (key, value) in [("head.weight", Float.nan), ("head.bias", .infinity)] {
      try CheckpointWriter.write(
        StateDictionary(network).entries.map { entry in
          var values = entry.values
          if entry.key == key { values[1] = value }
          return (entry.key, entry.shape, values)
        }, to: folder.file("a.pth"))
      let error = #expect(throws: CheckpointError.self) {
        try Classifier.load(
          path: folder.file("a.pth"), inputSize: 32, claim: NetworkClaim(), allowsPartial: false)
      }
      #expect(error?.problem == "holds numbers in '\(key)' that are not finite")
      #expect(
        try BackboneLoader.load(path: folder.file("a.pth"), inputSize: 32).report.isComplete)
    }
  }

  @Test("Weights that are stored as whole numbers are refused by key and type")
  func quantised() throws {
    let folder = try TemporaryDirectory()
    let whole = try CheckpointFile(path: SourceTree.fixture("Checkpoints/official.pth"))
    var header: [String: JSONValue] = [:]
    var data: [UInt8] = []
    for entry in whole.entries {
      let values = entry.tensor.floats()
      let isQuantised = entry.key == "norm.weight"
      let start = data.count
      for value in values {
        if isQuantised {
          data.append(UInt8(bitPattern: Int8(value.rounded())))
        } else {
          withUnsafeBytes(of: value) { data += $0 }
        }
      }
      header[entry.key] = .object([
        "dtype": .string(isQuantised ? "I8" : "F32"),
        "shape": .array(entry.tensor.shape.map { .integer($0) }),
        "data_offsets": .array([.integer(start), .integer(data.count)]),
      ])
    }
    let text = Array(JSONValue.object(header).text().utf8)
    let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
    try AtomicFile.write(length + text + data, to: folder.file("quantised.safetensors"))
    let error = #expect(throws: CheckpointError.self) {
      try BackboneLoader.load(path: folder.file("quantised.safetensors"), inputSize: 32)
    }
    #expect(
      error?.problem.contains("stores 'norm.weight' as whole numbers (I8)") == true,
      "\(error as Any)")
  }
}
