import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

@Suite("Task networks' files")
struct DetectorFileTests {
  @Test(
    "A written detector is read back to the bit, with its form told by its shapes",
    arguments: [DetectorConfiguration.maskRCNN, .cascadeMaskRCNN])
  func roundTrip(base: DetectorConfiguration) throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("detector.pth")
    let configuration = base.miniature(classCount: 7)
    let detector = Detector(configuration, initializer: Initializer(seed: 11))
    try detector.write(metadata: [("recipe", "mini")], to: path)
    let loaded = try Detector.load(path: path)
    #expect(loaded.report.isComplete && loaded.metadata["recipe"] == "mini")
    let found = loaded.network.configuration
    #expect(found.classCount == 7 && found.stages.count == base.stages.count)
    #expect(found.backbone == .swin(.mini) && found.channels == 32 && found.anchors.scale == 4)
    for (a, b) in paired(
      detector.parameters + detector.buffers, loaded.network.parameters + loaded.network.buffers)
    {
      #expect(a.key == b.key && a.tensor.values == b.tensor.values)
    }
  }

  @Test("A backbone with patches of another size is no detector's, and is refused")
  func otherStrides() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("detector.pth")
    let detector = Detector(
      DetectorConfiguration.maskRCNN.miniature(classCount: 3), initializer: Initializer(seed: 1))
    let entries = StateDictionary(detector).entries.map { entry in
      entry.key == "backbone.patch_embed.proj.weight"
        ? (key: entry.key, shape: [32, 3, 2, 2], values: Array(entry.values.prefix(32 * 12)))
        : entry
    }
    try CheckpointWriter.write(entries, group: "state_dict", to: path)
    let error = #expect(throws: CheckpointError.self) { try Detector.load(path: path) }
    #expect(error?.problem.contains("but not the heads of") == true)
  }

  @Test("Weights under a runner's module prefix load, and a missing key is refused by name")
  func prefixAndMissing() throws {
    let folder = try TemporaryDirectory()
    let detector = Detector(
      DetectorConfiguration.maskRCNN.miniature(classCount: 3), initializer: Initializer(seed: 1))
    var entries = StateDictionary(detector).entries.map {
      (key: "module." + $0.key, shape: $0.shape, values: $0.values)
    }
    let whole = folder.file("whole.pth")
    try CheckpointWriter.write(entries, group: "state_dict", to: whole)
    #expect(try Detector.load(path: whole).report.isComplete)
    entries.removeAll { $0.key.hasSuffix("rpn_cls.bias") }
    let partial = folder.file("partial.pth")
    try CheckpointWriter.write(entries, group: "state_dict", to: partial)
    let error = try #require(throws: CheckpointError.self) {
      try Detector.load(path: partial)
    }
    #expect(error.description.contains("rpn_head.rpn_cls.bias"))
    #expect(try Detector.load(path: partial, allowsPartial: true).report.missing.count == 1)
  }

  @Test("A backbone alone is no detector, and says so")
  func backbone() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("backbone.pth")
    let network = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    try CheckpointWriter.write(StateDictionary(network).entries, to: path)
    let error = try #require(throws: CheckpointError.self) { try Detector.load(path: path) }
    #expect(error.description.contains("--backbone"))
    let detector = Detector(
      DetectorConfiguration.maskRCNN.miniature(classCount: 3), initializer: Initializer(seed: 2))
    try detector.backbone.takeWeights(of: try BackboneLoader.load(path: path, inputSize: 64))
    let taken = Dictionary(
      detector.backbone.parameters.map { ($0.key, $0.tensor.values) },
      uniquingKeysWith: { a, _ in a })
    for (key, tensor) in network.parameters where !key.hasPrefix("norm.") {
      let values = try #require(taken[key])
      if values.count == tensor.elementCount { #expect(values == tensor.values, "\(key)") }
    }
  }

  @Test("The count of seen batches is loaded and copied like the statistics it belongs to")
  func batchCount() throws {
    let folder = try TemporaryDirectory()
    let segmentor = Segmentor(.miniature(classCount: 4), initializer: Initializer(seed: 1))
    let entries = StateDictionary(segmentor).entries.map { entry in
      entry.key.hasSuffix("num_batches_tracked") ? (entry.key, entry.shape, [Float(41)]) : entry
    }
    func counts(_ network: Segmentor) -> Set<[Float]> {
      Set(
        StateDictionary(network).entries.filter { $0.key.hasSuffix("num_batches_tracked") }
          .map(\.values))
    }
    #expect(counts(segmentor) == [[0]])
    try CheckpointWriter.write(entries, group: "state_dict", to: folder.file("a.pth"))
    let loaded = try Segmentor.load(path: folder.file("a.pth")).network
    #expect(counts(loaded) == [[41]])
    segmentor.copyParameters(from: loaded)
    #expect(counts(segmentor) == [[41]])
  }

  @Test("A file in OpenMMLab's dialect gives the same detector and segmentor")
  func openMMLab() throws {
    let folder = try TemporaryDirectory()
    /// The names and the order of merged channels that OpenMMLab's backbone has.
    func renamed(_ network: some Module) -> [(key: String, shape: [Int], values: [Float])] {
      StateDictionary(network).entries.map { entry in
        guard entry.key.hasPrefix("backbone.") else { return entry }
        var key = entry.key.replacingOccurrences(of: "backbone.layers.", with: "backbone.stages.")
        for (from, to) in [
          ("patch_embed.proj.", "patch_embed.projection."), (".attn.", ".attn.w_msa."),
          (".mlp.fc1.", ".ffn.layers.0.0."), (".mlp.fc2.", ".ffn.layers.1."),
        ] { key = key.replacingOccurrences(of: from, with: to) }
        guard key.contains(".downsample."), let length = entry.shape.last else {
          return (key, entry.shape, entry.values)
        }
        var values = entry.values
        for row in 0..<values.count / length {
          for (slice, place) in [0, 2, 1, 3].enumerated() {
            for channel in 0..<length / 4 {
              values[row * length + channel * 4 + place] =
                entry.values[row * length + slice * (length / 4) + channel]
            }
          }
        }
        return (key, entry.shape, values)
      }
    }
    func check(_ own: some Module, _ loaded: some Module, _ report: LoadReport) {
      #expect(report.isComplete && report.layout.contains("OpenMMLab"))
      for (a, b) in paired(own.parameters, loaded.parameters) {
        #expect(a.key == b.key && a.tensor.values == b.tensor.values, "\(a.key)")
      }
    }
    let detector = Detector(
      DetectorConfiguration.maskRCNN.miniature(classCount: 3), initializer: Initializer(seed: 5))
    try CheckpointWriter.write(
      renamed(detector), group: "state_dict", to: folder.file("detector.pth"))
    let loadedDetector = try Detector.load(path: folder.file("detector.pth"))
    check(detector, loadedDetector.network, loadedDetector.report)
    let segmentor = Segmentor(.miniature(classCount: 4), initializer: Initializer(seed: 5))
    try CheckpointWriter.write(
      renamed(segmentor), group: "state_dict", to: folder.file("segmentor.pth"))
    let loadedSegmentor = try Segmentor.load(path: folder.file("segmentor.pth"))
    check(segmentor, loadedSegmentor.network, loadedSegmentor.report)
  }
}
