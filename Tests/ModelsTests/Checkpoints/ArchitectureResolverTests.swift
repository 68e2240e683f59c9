import FileSupport
import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// What shapes do not tell: read from the file, said by the user, or refused.
@Suite("Networks that shapes alone do not tell")
struct ArchitectureResolverTests {
  private func vit(_ channels: Int, depth: Int = 1, heads: Int = 1) -> VisionTransformer {
    VisionTransformer(
      VisionTransformerConfiguration(
        patchSize: 16, embeddingSize: channels, depth: depth, headCount: heads), inputSize: 32,
      initializer: Initializer(seed: 1))
  }

  private func load(
    _ network: some Module, metadata: [(key: String, value: String)] = [],
    claim: NetworkClaim = NetworkClaim(), inputSize: Int = 32
  ) throws -> LoadedBackbone {
    let folder = try TemporaryDirectory()
    try CheckpointWriter.write(
      StateDictionary(network).entries, metadata: metadata, to: folder.file("a.pth"))
    return try BackboneLoader.load(path: folder.file("a.pth"), inputSize: inputSize, claim: claim)
  }

  private func heads(_ loaded: LoadedBackbone) -> Int? {
    guard case .visionTransformer(let network) = loaded.backbone.architecture else { return nil }
    return network.headCount
  }

  @Test("Heads that nothing tells are refused, and the option that tells them is named")
  func unknownHeads() throws {
    for channels in [128, 192, 320, 1280] {
      let error = try #require(throws: CheckpointError.self) { try load(vit(channels)) }
      #expect(error.exitCode == .badData && error.description.contains("--heads"))
      let loaded = try load(vit(channels), claim: NetworkClaim(headCount: 4))
      #expect(heads(loaded) == 4)
      #expect(loaded.report.origins.contains("heads 4 from --heads"))
    }
    let error = try #require(throws: CheckpointError.self) {
      try load(vit(128), claim: NetworkClaim(headCount: 3))
    }
    #expect(error.exitCode == .usage)
  }

  @Test("The file's own arguments come before what is usual, and contradict an option")
  func arguments() throws {
    #expect(heads(try load(vit(192), metadata: [("num_heads", "12")])) == 12)
    #expect(heads(try load(vit(192), metadata: [("args", #"{"num_attention_heads":3}"#)])) == 3)
    #expect(heads(try load(vit(192), metadata: [("model", "mae_vit_tiny_patch16")])) == 12)
    #expect(heads(try load(vit(192), metadata: [("arch", "deit_tiny_patch16_224")])) == 3)
    #expect(heads(try load(vit(384, depth: 2), metadata: [("arch", "vit_small")])) == 6)
    #expect(heads(try load(vit(384), metadata: [("protocol", #"{"architecture":"DeiT-S"}"#)])) == 6)
    // A decoder's heads are not the encoder's, and two accounts that differ are none.
    #expect(throws: CheckpointError.self) {
      try load(vit(192), metadata: [("decoder/num_heads", "12")])
    }
    #expect(throws: CheckpointError.self) {
      try load(vit(192), metadata: [("a/num_heads", "12"), ("b/num_heads", "3")])
    }
    #expect(throws: CheckpointError.self) { try load(vit(192), metadata: [("num_heads", "7")]) }
    #expect(throws: CheckpointError.self) { try load(vit(192), metadata: [("num_heads", "0")]) }
    // However it is written, it counts; what cannot be read or differs is refused with its place.
    for said in [("num_heads", "12.0"), ("head_dim", "16"), ("encoder_num_heads", "12")] {
      #expect(heads(try load(vit(192), metadata: [said])) == 12, "\(said)")
    }
    for (said, words) in [
      (
        [("args", #"{"num_heads": [12, 3]}"#)],
        "12 heads (args/num_heads/0) and 3 (args/num_heads/1)"
      ),
      ([("num_heads", "8"), ("t/num_heads", "16")], "8 heads (num_heads) and 16 (t/num_heads)"),
      ([("num_heads", "many")], "'many' heads (num_heads)"), ([("head_dim", "100")], "(head_dim)"),
    ] {
      let error = #expect(throws: CheckpointError.self) { try load(vit(768), metadata: said) }
      #expect(error?.problem.contains(words) == true, "\(error as Any)")
    }
    // What cannot be, or contradicts itself, leaves the word to the option.
    for said in [[("num_heads", "7")], [("a/num_heads", "12"), ("b/num_heads", "3")]] {
      #expect(
        heads(try load(vit(192), metadata: said, claim: NetworkClaim(headCount: 6))) == 6)
    }
    let error = try #require(throws: CheckpointError.self) {
      try load(
        vit(192), metadata: [("num_heads", "12")], claim: NetworkClaim(headCount: 3))
    }
    #expect(error.exitCode == .usage && error.description.contains("12"))
  }

  @Test("Configurations that are kept as source are read, lists too")
  func sources() throws {
    let text =
      "model = dict(\n  backbone=dict(type='VisionTransformer', num_heads=3,\n"
      + "  mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]))\n"
    let loaded = try load(vit(192), metadata: [("meta", text)])
    #expect(heads(loaded) == 3)
    #expect(loaded.report.normalization == [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]])
    #expect(
      heads(try load(vit(192), metadata: [("config", "MODEL:\n  VIT:\n    NUM_HEADS: 12\n")])) == 12
    )
  }

  @Test("A config.json that cannot be read leaves nothing to assume")
  func unreadable() throws {
    let folder = try TemporaryDirectory()
    try CheckpointWriter.write(
      StateDictionary(vit(32)).entries, to: folder.file("model.safetensors"))
    try AtomicFile.write(text: #"{"num_attention_heads": "#, to: folder.file("config.json"))
    let error = #expect(throws: CheckpointError.self) {
      try BackboneLoader.load(path: folder.file("model.safetensors"), inputSize: 32)
    }
    #expect(error?.description.contains("config.json beside it") == true, "\(error as Any)")
    // Those of a text encoder beside it are another network's.
    try AtomicFile.write(
      text:
        #"{"vision_config": {"num_attention_heads": 4}, "text_config": {"num_attention_heads": 8}}"#,
      to: folder.file("config.json"))
    #expect(
      heads(try BackboneLoader.load(path: folder.file("model.safetensors"), inputSize: 32)) == 4)
  }

  @Test("Norms of another ε than a Swin has here are refused")
  func swinEpsilon() throws {
    let swin = SwinTransformer(
      SwinConfiguration(embeddingSize: 4, depths: [1, 1], headCounts: [1, 2], windowSize: 4),
      inputSize: 32, initializer: Initializer(seed: 1))
    _ = try load(swin, metadata: [("layer_norm_eps", "1e-05")])
    let error = #expect(throws: CheckpointError.self) {
      try load(swin, metadata: [("layer_norm_eps", "0.01")])
    }
    #expect(error?.problem.contains("ε of 0.01 (layer_norm_eps)") == true)
  }

  @Test("A config.json beside the weights is the file's own account")
  func sibling() throws {
    let folder = try TemporaryDirectory()
    try CheckpointWriter.write(
      StateDictionary(vit(192)).entries, to: folder.file("model.safetensors"))
    try AtomicFile.write(
      text: #"{"num_attention_heads": 12, "layer_norm_eps": 1e-12}"#,
      to: folder.file("config.json"))
    let loaded = try BackboneLoader.load(path: folder.file("model.safetensors"), inputSize: 32)
    #expect(heads(loaded) == 12)
    guard case .visionTransformer(let network) = loaded.backbone.architecture else { return }
    #expect(network.epsilon == 1e-12)
    #expect(loaded.report.origins.contains { $0.contains("config.json/num_attention_heads") })
    try AtomicFile.write(
      text: #"{"num_attention_heads": 12, "num_attention_heads": 3}"#,
      to: folder.file("config.json"))
    let error = #expect(throws: CheckpointError.self) {
      try BackboneLoader.load(path: folder.file("model.safetensors"), inputSize: 32)
    }
    #expect(error?.problem.contains("config.json beside it has the key") == true)
    let other = try BackboneLoader.load(
      path: folder.file("model.safetensors"), inputSize: 32, claim: NetworkClaim(headCount: 3))
    let note = other.report.assumptions.first
    #expect(
      note?.hasPrefix("config.json beside it has the key 'num_attention_heads' twice") == true
        && note?.hasSuffix("what it says is left out") == true, "\(note ?? "")")
  }

  @Test("An activation that is not built is refused")
  func activation() throws {
    let error = try #require(throws: CheckpointError.self) {
      try load(vit(64), metadata: [("hidden_act", "quick_gelu")])
    }
    #expect(error.description.contains("quick_gelu"))
  }

  @Test("A named network is what the file must be, and tells its heads")
  func named() throws {
    let deit = Architecture.visionTransformer(.deitSmall)
    let error = try #require(throws: CheckpointError.self) {
      try load(vit(64), claim: NetworkClaim(architecture: deit))
    }
    #expect(error.description.contains("DeiT-S"))
    // Where a Swin is needed, the heads of a ViT are no question.
    let plain = try #require(throws: CheckpointError.self) {
      try load(vit(320), claim: NetworkClaim(architecture: .swin(.tiny)))
    }
    #expect(plain.description.contains("holds a ViT where Swin-T is needed"))
    let fine = VisionTransformer(
      VisionTransformerConfiguration(patchSize: 8, embeddingSize: 320, depth: 1, headCount: 5),
      inputSize: 32, initializer: Initializer(seed: 1))
    let flat = try #require(throws: CheckpointError.self) {
      try load(fine, claim: NetworkClaim(isDense: true))
    }
    #expect(flat.description.contains("holds a ViT of other patches than 16 pixels"))
    let dense = try load(vit(64), claim: NetworkClaim(isDense: true))
    #expect(dense.backbone.architecture.isDense)
    let swin = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    #expect(throws: CheckpointError.self) {
      try load(swin, claim: NetworkClaim(architecture: .swin(.tiny)), inputSize: 64)
    }
    let loaded = try load(swin, claim: NetworkClaim(architecture: .swin(.mini)), inputSize: 64)
    #expect(loaded.backbone.architecture == .swin(.mini))
    #expect(throws: CheckpointError.self) {
      try load(swin, claim: NetworkClaim(headCount: 2), inputSize: 64)
    }
  }

  @Test(
    "MoCo v3's positions are recognised in every precision, also rounded ones that were widened",
    arguments: [StoredType.float32, .float16, .bfloat16], [false, true])
  func fixedPositions(type: StoredType, isWidened: Bool) throws {
    var configuration = VisionTransformerConfiguration.mocoV3Small
    configuration.depth = 1
    let network = VisionTransformer(
      configuration, inputSize: 224, initializer: Initializer(seed: 1))
    let tensors = Dictionary(
      network.parameters.map { parameter in
        let rounded = stored(parameter.tensor, as: type)
        return (
          parameter.key,
          isWidened ? StoredTensor(shape: rounded.shape, values: rounded.floats()) : rounded
        )
      },
      uniquingKeysWith: { a, _ in a })
    guard
      case .visionTransformer(let read)? = Architecture(canonical: tensors, layout: .official)
    else {
      Issue.record("no ViT")
      return
    }
    #expect(read.hasFixedPositions)
    #expect(PublishedShapes.headCount(like: read)?.count == 12)
    // A name that others give a network of six heads changes nothing.
    #expect(heads(try load(network, metadata: [("arch", "vit_small")], inputSize: 224)) == 12)
  }

  /// A tensor rounded to a type, as PyTorch's `half` and `bfloat16` round: to the nearest.
  private func stored(_ tensor: Tensor, as type: StoredType) -> StoredTensor {
    let bytes = tensor.values.flatMap { value -> [UInt8] in
      switch type {
      case .float16:
        var nearest = UInt16(0)
        var best = Float.infinity
        // Both neighbours below and above, found by bisection over the ordered positive numbers.
        var (low, high) = (UInt16(0), UInt16(0x7BFF))
        while high - low > 1 {
          let middle = (low + high) / 2
          if StoredType.half(middle) <= abs(value) { low = middle } else { high = middle }
        }
        for bits in [low, high] where abs(StoredType.half(bits) - abs(value)) < best {
          (nearest, best) = (bits, abs(StoredType.half(bits) - abs(value)))
        }
        if value < 0 { nearest |= 0x8000 }
        return [UInt8(nearest & 0xFF), UInt8(nearest >> 8)]
      case .bfloat16:
        let bits = (value.bitPattern + 0x7FFF + (value.bitPattern >> 16 & 1)) >> 16
        return [UInt8(bits & 0xFF), UInt8(bits >> 8)]
      default:
        return withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
      }
    }
    return StoredTensor(shape: tensor.shape, type: type, bytes: bytes)
  }

  @Test("Blocks that the file's arguments count and its keys lack are missing")
  func counted() throws {
    let error = try #require(throws: CheckpointError.self) {
      try load(vit(64, depth: 2), metadata: [("num_hidden_layers", "3")])
    }
    #expect(error.description.contains("blocks.2.norm1.weight"))
    var depths = SwinConfiguration.mini
    depths.depths = [2, 2, 2, 2]
    let swin = SwinTransformer(depths, inputSize: 64, initializer: Initializer(seed: 1))
    let said = zip(0..., [2, 2, 4, 2]).map { (key: "config/depths/\($0)", value: "\($1)") }
    let shorter = try #require(throws: CheckpointError.self) {
      try load(swin, metadata: said, inputSize: 64)
    }
    #expect(shorter.description.contains("layers.2.blocks."))
  }

  @Test("A published network without its last block is that network, not a shallower one")
  func lastBlock() throws {
    func architecture(_ read: Architecture) throws -> Architecture {
      let file = try CheckpointFile(path: SourceTree.fixture("Checkpoints/official.pth"))
      var resolver = ArchitectureResolver(
        path: "f", hints: NetworkHints(file), claim: NetworkClaim())
      return try resolver.resolve(read, tensors: [:], layout: .official)
    }
    for depths in [[2, 2, 5, 2], [2, 2, 6, 1], [1, 2, 6, 2]] {
      var short = SwinConfiguration.tiny
      short.depths = depths
      #expect(try architecture(.swin(short)) == .swin(.tiny))
    }
    var small = SwinConfiguration.tiny
    small.depths = [2, 2, 18, 2]
    #expect(try architecture(.swin(small)) == .swin(small))
    var deit = VisionTransformerConfiguration.deitSmall
    deit.depth = 11
    #expect(try architecture(.visionTransformer(deit)) == .visionTransformer(.deitSmall))
  }

  @Test("A file that names blocks which it does not hold takes no memory for them")
  func coverage() throws {
    let folder = try TemporaryDirectory()
    let swin = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    try CheckpointWriter.write(
      StateDictionary(swin).entries + [
        ("layers.3.blocks.999.norm1.weight", [256], [Float](repeating: 1, count: 256))
      ],
      to: folder.file("a.pth"))
    let error = try #require(throws: CheckpointError.self) {
      try BackboneLoader.load(path: folder.file("a.pth"), inputSize: 64)
    }
    #expect(error.description.contains("neither a whole Swin Transformer"))
  }
}
