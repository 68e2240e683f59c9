import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

@Suite("Named networks and the weights that fit them")
struct NetworkTableTests {
  /// Swin-mini with other depths: the shapes of Swin-mini, another network.
  private func mini(depths: [Int]) -> SwinConfiguration {
    var configuration = SwinConfiguration.mini
    configuration.depths = depths
    return configuration
  }

  private func write(
    _ configuration: SwinConfiguration, without dropped: String? = nil, to path: String
  ) throws {
    let network = SwinTransformer(
      configuration, inputSize: 64, initializer: Initializer(seed: 1))
    let entries = StateDictionary(network).entries.filter { entry in
      dropped.map { !entry.key.hasPrefix($0) } ?? true
    }
    try CheckpointWriter.write(entries, to: path)
  }

  @Test("Names, titles and networks of the rows differ, and records keep their titles")
  func rows() {
    let rows = NetworkTable.rows
    #expect(Set(rows.map(\.name)).count == rows.count)
    #expect(Set(rows.map(\.title)).count == rows.count)
    #expect(Set(rows.map(\.architecture)).count == rows.count)
    for row in rows { #expect(row.architecture.name == row.title) }
    let kept = [
      "swin-t": "Swin-T", "deit-s": "DeiT-S", "swin-mini": "Swin-mini",
      "moco-vit-s": "ViT-S (12 heads)",
    ]
    for (name, title) in kept { #expect(rows.first { $0.name == name }?.title == title) }
    var windows = SwinConfiguration.tiny
    windows.windowSize = 12
    #expect(Architecture.swin(windows).name == "Swin-T (window 12)")
    #expect(
      Architecture.swin(mini(depths: [1, 1, 3, 1])).name
        == "Swin (32 channels, depths 1-1-3-1, window 4)")
    var distilled = VisionTransformerConfiguration.deitSmall
    distilled.hasDistillationToken = true
    #expect(Architecture.visionTransformer(distilled).name == "DeiT-S distilled")
    // What a file's program adds to variances, and fixed positions, make no other name.
    distilled.epsilon = 1e-12
    #expect(Architecture.visionTransformer(distilled).name == "DeiT-S distilled")
    var fixed = VisionTransformerConfiguration.deitTiny
    fixed.hasFixedPositions = true
    #expect(Architecture.visionTransformer(fixed).name == "DeiT-Ti")
  }

  @Test("A network is known by its title and spellings, but not by one that two networks have")
  func synonyms() {
    let names = NetworkTable.synonyms
    #expect(names.map { $0.first } == NetworkTable.rows.map(\.title))
    #expect(Set(names.joined()).count == names.joined().count)
    #expect(names.contains(["DeiT-S", "DeiT-S/16", "ViT-S/16", "deit_s"]))
    #expect(!names.joined().contains("ViT-S"))
  }

  /// Tensors of a network's shapes; numbers only of positions, which alone are looked at.
  private func stored(_ network: any Module) -> [String: StoredTensor] {
    Dictionary(
      (network.parameters + network.buffers).map { key, tensor in
        (
          key,
          key == "pos_embed"
            ? StoredTensor(shape: tensor.shape, values: tensor.values)
            : StoredTensor(shape: tensor.shape, type: .float32, bytes: [])
        )
      }, uniquingKeysWith: { a, _ in a })
  }

  private func resolved(
    _ read: Architecture, _ tensors: [String: StoredTensor], path: String
  ) throws -> Architecture {
    let file = try CheckpointFile(path: SourceTree.fixture("Checkpoints/official.pth"))
    var resolver = ArchitectureResolver(
      path: path, hints: NetworkHints(file), claim: NetworkClaim())
    return try resolver.resolve(read, tensors: tensors, layout: .official)
  }

  @Test(
    "Every network of the table is recognised by its own weights", .serialized,
    arguments: NetworkTable.rows.map(\.name))
  func recognition(name: String) throws {
    let row = try #require(NetworkTable.rows.first { $0.name == name })
    var tensors: [String: StoredTensor] = [:]
    do {
      let network = row.architecture.makeBackbone(inputSize: 224, initializer: .blank)
      tensors = stored(network)
    }
    let read = try #require(Architecture(canonical: tensors, layout: .official))
    if name == "deit-ti" {
      // MAE-Lite's network has the same shapes and twelve heads.
      #expect(throws: CheckpointError.self) { try resolved(read, tensors, path: "f") }
      let path = "x/deit_tiny_patch16_224-a1311bcf.pth"
      #expect(try resolved(read, tensors, path: path) == row.architecture)
      return
    }
    #expect(try resolved(read, tensors, path: "f") == row.architecture)
    guard row.architecture.isDense else { return }
    let dense = row.architecture.makeDenseBackbone(initializer: .blank)
    #expect(row.architecture.pyramidStrides == [4, 8, 16, 32])
    if case .swin = row.architecture {
      #expect(Architecture(canonical: stored(dense), layout: .detector) == row.architecture)
      #expect(dense.stageStrides == [4, 8, 16, 32])
    } else {
      #expect(dense.stageStrides == [16])
    }
    #expect(dense.stageChannels == row.architecture.stageChannels)
    let maps = withoutGradients { dense.stageMaps(Tensor(zeros: [1, 3, 64, 96])) }
    for (map, (stride, channels)) in zip(maps, zip(dense.stageStrides, dense.stageChannels)) {
      #expect(map.shape == [1, 64 / stride, 96 / stride, channels])
    }
  }

  @Test("Running statistics are loaded with a batch norm, go on into the dense form, and count")
  func runningStatistics() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("bn.pth")
    let network = SwinTransformer(
      .mini.batchNormBeforeMLP, inputSize: 64, initializer: Initializer(seed: 1))
    let statistics = network.buffers.filter { $0.key.contains("running_") }
    DeterministicFill.fill(network.parameters + statistics)
    try CheckpointWriter.write(StateDictionary(network).entries, to: path)
    let loaded = try BackboneLoader.load(path: path, inputSize: 64)
    #expect(loaded.backbone.architecture == .swin(.mini.batchNormBeforeMLP))
    #expect(loaded.report.isComplete)
    let images = DeterministicFill.tensor("input", [2, 3, 64, 64], bound: 2)
    let features = withoutGradients { network.features(images) }.values
    #expect(withoutGradients { loaded.backbone.features(images) }.values == features)
    // Evaluation: an image's features are its own, and nothing moves.
    let alone = withoutGradients { loaded.backbone.features(TensorCore.rows(images, 0..<1)) }.values
    expectClose(
      alone, features.prefix(alone.count).map(Double.init), relative: 1e-5, absolute: 1e-5)
    let dense = Architecture.swin(.mini.batchNormBeforeMLP)
      .makeDenseBackbone(initializer: Initializer(seed: 2))
    // Tables of windows that are as small as their maps are enlarged, and nothing else.
    #expect(try dense.takeWeights(of: loaded).allSatisfy { $0.contains("bias_table") })
    let key = "layers.2.blocks.1.norm2.running_var"
    let own = try #require(dense.buffers.first { $0.key == key }).tensor.values
    #expect(own == network.buffers.first { $0.key == key }?.tensor.values)
    #expect(own.contains { $0 != 1 })
    let plain = Architecture.swin(.mini).makeDenseBackbone(initializer: Initializer(seed: 2))
    let refusal = try #require(throws: CheckpointError.self) { try plain.takeWeights(of: loaded) }
    #expect(refusal.description.contains("holds Swin-mini (batch norm before MLP)"))
    // A file without them is no whole network.
    try CheckpointWriter.write(
      StateDictionary(network).entries.filter { !$0.key.hasSuffix("blocks.1.norm2.running_mean") },
      to: path)
    let lacking = try #require(throws: CheckpointError.self) {
      try BackboneLoader.load(path: path, inputSize: 64)
    }
    #expect(lacking.description.contains("layers.2.blocks.1.norm2.running_mean"))
  }

  @Test("A segmentor on batch norms is read back with its statistics, and trains by them")
  func segmentor() throws {
    let folder = try TemporaryDirectory()
    var configuration = SegmentorConfiguration.miniature(classCount: 3)
    configuration.backbone = .swin(.mini.batchNormBeforeMLP)
    let segmentor = Segmentor(configuration, initializer: Initializer(seed: 1))
    DeterministicFill.fill(segmentor.buffers)
    let path = folder.file("segmentor.pth")
    try segmentor.write(to: path)
    let read = try Segmentor.load(path: path)
    #expect(read.network.configuration.backbone == configuration.backbone)
    let images = DeterministicFill.tensor("input", [2, 3, 64, 64], bound: 2)
    let before = segmentor.backbone.buffers.map(\.tensor.values)
    #expect(
      withoutGradients { read.network.logits(images) }.values
        == withoutGradients { segmentor.logits(images) }.values)
    let labels = [UInt8](repeating: 1, count: 2 * 64 * 64)
    segmentor.losses(images, labels: labels, seed: 1, step: 0).total.backward()
    #expect(segmentor.backbone.buffers.map(\.tensor.values) == before)
    let gain = segmentor.parameters.first { $0.key == "backbone.layers.0.blocks.0.norm2.weight" }
    #expect(gain?.tensor.gradient?.values.contains { $0 != 0 } == true)
  }

  @Test("A deeper backbone of the same shapes is refused, and so is a shallower one, by its block")
  func depths() throws {
    let folder = try TemporaryDirectory()
    let dense = Architecture.swin(.mini).makeDenseBackbone(initializer: Initializer(seed: 2))
    let before = StateDictionary(dense).entries.map(\.values)
    func refusal(_ configuration: SwinConfiguration) throws -> String {
      let path = folder.file("backbone.pth")
      try write(configuration, to: path)
      let loaded = try BackboneLoader.load(path: path, inputSize: 64)
      return try #require(throws: CheckpointError.self) {
        try dense.takeWeights(of: loaded)
      }.description
    }
    let deeper = try refusal(mini(depths: [1, 1, 6, 1]))
    #expect(deeper.contains("'layers.2.blocks.5', which Swin-mini has no place for"))
    let shallower = try refusal(mini(depths: [1, 1, 2, 2]))
    #expect(shallower.contains("'layers.3.blocks.1', which Swin-mini has no place for"))
    #expect(StateDictionary(dense).entries.map(\.values) == before)
    let file = folder.file("vit.pth")
    var small = VisionTransformerConfiguration.deitSmall
    (small.depth, small.embeddingSize, small.headCount) = (1, 64, 1)
    try CheckpointWriter.write(
      StateDictionary(VisionTransformer(small, initializer: Initializer(seed: 1))).entries, to: file
    )
    let vit = try BackboneLoader.load(path: file)
    #expect(throws: CheckpointError.self) { try dense.takeWeights(of: vit) }
  }

  @Test(
    "Missing blocks are named: the first, one in the middle, the last one, and a stage at the end",
    arguments: [
      ([1, 1, 3, 1], "layers.2.blocks.0.", "layers.2.blocks.0."),
      ([1, 1, 3, 1], "layers.2.blocks.1.", "layers.2.blocks.1."),
      ([1, 1, 2, 1], "layers.2.blocks.1.", "layers.2.blocks.1.norm1.weight"),
      ([1, 1, 3, 1], "layers.3.", "neither a whole Swin Transformer"),
    ])
  func missing(depths: [Int], dropped: String, named: String) throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("part.pth")
    try write(mini(depths: depths), without: dropped, to: path)
    let error = try #require(throws: CheckpointError.self) {
      try BackboneLoader.load(path: path, inputSize: 64)
    }
    #expect(error.description.contains(named), "\(error)")
  }

  @Test(
    "A detector's file without a block is refused by that block",
    arguments: ["backbone.layers.2.blocks.0.", "backbone.layers.2.blocks.1."])
  func detectorBlock(_ dropped: String) throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("detector.pth")
    let detector = Detector(
      DetectorConfiguration.maskRCNN.miniature(classCount: 3), initializer: Initializer(seed: 1))
    try CheckpointWriter.write(
      StateDictionary(detector).entries.filter {
        !$0.key.hasPrefix(dropped)
      }, group: "state_dict", to: path)
    let error = try #require(throws: CheckpointError.self) { try Detector.load(path: path) }
    #expect(error.description.contains("(\(dropped)norm1.weight…)"), "\(error)")
  }

  @Test("A network is filled wholly or not at all, and every key is accounted for")
  func allOrNothing() throws {
    let network = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    let before = StateDictionary(network).entries
    var sources = Dictionary(
      network.parameters.map { key, tensor in
        (
          key,
          WeightSource(
            StoredTensor(
              shape: tensor.shape, values: [Float](repeating: 7, count: tensor.elementCount)))
        )
      }, uniquingKeysWith: { a, _ in a })
    func report() -> LoadReport {
      LoadReport(
        path: "f", sha256: "", format: "", layout: "", source: "", architecture: "Swin-mini")
    }
    func fill(allowsPartial: Bool = false) throws(CheckpointError) -> LoadReport {
      var result = report()
      try WeightFiller(sources: sources).fill(
        network, fresh: nil, allowsPartial: allowsPartial, report: &result)
      return result
    }
    let norm = try #require(sources["norm.bias"])
    sources["norm.bias"] = WeightSource(
      StoredTensor(shape: norm.shape, values: [Float](repeating: .infinity, count: norm.shape[0])))
    #expect(throws: CheckpointError.self) { try fill() }
    sources["norm.bias"] = WeightSource(StoredTensor(shape: [1, 2], values: [1, 2]))
    #expect(throws: CheckpointError.self) { try fill() }
    sources["norm.bias"] = nil
    sources["queue"] = norm
    #expect(throws: CheckpointError.self) { try fill() }
    for (a, b) in zip(before, StateDictionary(network).entries) { #expect(a.values == b.values) }
    let account = try fill(allowsPartial: true)
    #expect(account.missing == ["norm.bias"] && account.unexpected == ["queue"])
    #expect(account.matched.count == network.parameters.count - 1)
    #expect(network.parameters.first?.tensor.values.first == 7)
  }

  @Test("The page of networks names every row, and nothing else")
  func page() throws {
    let text = try SourceTree.lines(of: "docs/networks.md").filter { $0.hasPrefix("| `") }
    let named = text.flatMap { line in
      line.split(separator: "|")[0].matches(of: #/`([^`]+)`/#).map { String($0.output.1) }
    }
    #expect(Set(named) == Set(NetworkTable.rows.map(\.name)) && named.count == Set(named).count)
  }

  @Test("Parameters are the published networks', multiply-adds those of their papers")
  func published() throws {
    // Without a head; billions with one.
    let known: [(name: String, parameters: Double, size: Int, billions: Double)] = [
      ("swin-t", 27_519_354, 224, 4.5), ("swin-t-bn", 27_519_354, 224, 4.5),
      ("swin-s", 48_837_258, 224, 8.7),
      ("swin-b", 86_743_224, 224, 15.4), ("swin-l", 194_995_476, 224, 34.5),
      ("swin-b-384", 86_878_584, 384, 47.0), ("swin-l-384", 195_198_516, 384, 103.9),
      ("deit-ti", 5_524_416, 224, 1.3), ("deit-s", 21_665_664, 224, 4.6),
      ("deit-b", 85_798_656, 224, 17.6), ("deit-ti-distilled", 5_524_800, 224, 1.3),
      ("deit-s-distilled", 21_666_432, 224, 4.6), ("deit-b-distilled", 85_800_192, 224, 17.6),
      ("vit-s-8", 21_670_272, 224, 22.4), ("vit-b-8", 85_807_872, 224, 78.2),
      ("moco-vit-s", 21_665_664, 224, 4.6), ("moco-vit-b", 85_798_656, 224, 17.6),
    ]
    let minis: Set = ["swin-mini", "swin-mini-bn"]
    #expect(Set(known.map(\.name)) == Set(NetworkTable.rows.map(\.name)).subtracting(minis))
    for one in known {
      let row = try #require(NetworkTable.rows.first { $0.name == one.name })
      let billions = Double(row.architecture.multiplyAdds(inputSize: one.size)) / 1e9
      #expect(abs(billions - one.billions) < 0.11, "\(one.name): \(billions)")
      let network = row.architecture.makeBackbone(inputSize: one.size, initializer: .blank)
      #expect(Double(network.parameterCount) == one.parameters, "\(one.name)")
    }
  }

  @Test("Both forms of a network are counted by one counter, each as its source counts it")
  func multiplyAdds() {
    let swin = Architecture.swin(.tiny)
    let classification = swin.multiplyAdds(height: 224, width: 224, form: .classification)
    let dense = swin.multiplyAdds(height: 224, width: 224, form: .dense)
    // 224 pixels need no padding in any stage, so the products of the attention are the same.
    #expect(classification.attention == dense.attention)
    #expect(classification.total == swin.multiplyAdds(inputSize: 224))
    // Dense counts the convolution's bias, every norm twice, and the norms of three more outputs.
    let (first, second, third, last) = (3136 * 96, 784 * 192, 196 * 384, 49 * 768)
    let blocks = 2 * (2 * first + 2 * second + 6 * third + 2 * last)
    let once = first + blocks + (first + second + third) + last
    let extra = first + once + 2 * (first + second + third)
    #expect(dense.layers - classification.layers == extra)
  }

  @Test("One rule of decay spares what each recipe names")
  func decay() {
    let keys: [(String, [Int], [WeightDecayRule])] = [
      ("backbone.layers.0.blocks.0.norm1.weight", [96], [.all]),
      ("backbone.layers.0.blocks.0.attn.qkv.bias", [288], [.all, .namedNorms]),
      (
        "backbone.layers.0.blocks.0.attn.relative_position_bias_table", [169, 3], [.all, .matrices]
      ),
      ("decode_head.psp_modules.1.1.bn.weight", [512], [.all, .namedNorms]),
      (
        "head.weight", [10, 8],
        [.all, .matrices, .matricesWithoutPositions, .namedNorms]
      ),
    ]
    for (key, shape, rules) in keys {
      for rule in WeightDecayRule.allCases {
        #expect(rule.decays(key: key, shape: shape) == rules.contains(rule), "\(rule) \(key)")
      }
    }
    let tensors = keys.map { (key: $0.0, tensor: Tensor(zeros: $0.1)) }
    let applied = WeightDecayRule.namedNorms.applied(to: tensors, weightDecay: 0.05)
    #expect(applied.map(\.weightDecay) == [0, 0.05, 0, 0.05, 0.05])
    #expect(applied.map(\.isAdapted) == [false, false, true, false, true])
  }
}
