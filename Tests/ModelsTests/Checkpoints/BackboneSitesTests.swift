import FileSupport
import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// Which of a file's networks a branch means, whatever program named them.
@Suite("Branches of checkpoints")
struct BackboneSitesTests {
  private static let keys: [String: StoredTensor] = [
    "patch_embed.proj.weight": StoredTensor(shape: [1], values: [1]),
    "norm.weight": StoredTensor(shape: [1], values: [1]),
  ]

  /// The sites of networks at some places, `group/prefix`.
  private func sites(_ places: [String]) -> [BackboneSite] {
    var groups: [String: [String: StoredTensor]] = [:]
    var order: [String] = []
    for place in places {
      let parts = place.components(separatedBy: "|")
      if !order.contains(parts[0]) { order.append(parts[0]) }
      for (key, tensor) in Self.keys { groups[parts[0], default: [:]][parts[1] + key] = tensor }
    }
    return order.flatMap { BackboneSite.all(in: $0, groups[$0] ?? [:]) }
  }

  private func places(_ sites: [BackboneSite]) -> [String] {
    sites.map { "\($0.group)|\($0.prefix)" }
  }

  @Test(
    "The branch of every program's file",
    arguments: [
      (["model|encoder.", "model|encoder_k."], "model|encoder.", "model|encoder_k.", "online"),
      (
        ["state_dict|base_encoder.", "state_dict|momentum_encoder."], "state_dict|base_encoder.",
        "state_dict|momentum_encoder.", "online"
      ),
      (
        ["state_dict|backbone.", "state_dict|momentum_backbone."], "state_dict|backbone.",
        "state_dict|momentum_backbone.", "online"
      ),
      (
        ["state_dict|backbone.", "state_dict|backbone_momentum."], "state_dict|backbone.",
        "state_dict|backbone_momentum.", "online"
      ),
      (
        ["|student_backbone.", "|teacher_backbone."], "|student_backbone.", "|teacher_backbone.",
        "target"
      ),
      (
        ["student|backbone.", "teacher|backbone."], "student|backbone.", "teacher|backbone.",
        "target"
      ),
      (
        ["model|student.backbone.", "model|teacher.backbone."], "model|student.backbone.",
        "model|teacher.backbone.", "target"
      ),
      (["model|", "model_ema|"], "model|", "model_ema|", "online"),
      (["model_ema|", "model|"], "model|", "model_ema|", "online"),
      (["state_dict|", "state_dict_ema|"], "state_dict|", "state_dict_ema|", "online"),
      (["|online_network.", "|target_network."], "|online_network.", "|target_network.", "online"),
    ])
  func branches(_ names: [String], _ online: String, _ target: String, _ published: String) {
    let found = sites(names)
    #expect(places(found.site(.online)) == [online])
    #expect(places(found.site(.target)) == [target])
    #expect(places(found.site(.published)) == [published == "target" ? target : online])
    #expect(found.otherBranch(than: .published)?.branch.rawValue != published)
    #expect(found.otherBranch(than: .published)?.places.count == 1)
  }

  @Test("A branch that is not there is no other one")
  func absent() {
    #expect(sites(["model|"]).site(.target).isEmpty)
    #expect(sites(["model|encoder."]).site(.target).isEmpty)
    #expect(sites(["teacher|backbone."]).site(.online).isEmpty)
    #expect(places(sites(["teacher|backbone."]).site(.published)) == ["teacher|backbone."])
    #expect(places(sites(["student|backbone."]).site(.published)) == ["student|backbone."])
  }

  @Test(
    "Which of two networks was taken is said, and how the other is",
    arguments: [
      (["", "model_ema."], "'model', the weights as trained", "'model/model_ema.'", "target"),
      (
        ["encoder.", "encoder_k."], "'model/encoder.', the weights as trained",
        "'model/encoder_k.'", "target"
      ),
      (
        ["student.", "teacher."], "'model/teacher.', the moving average", "'model/student.'",
        "online"
      ),
    ])
  func choice(_ prefixes: [String], _ taken: String, _ other: String, _ branch: String) throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("two.pth")
    let swin = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    let entries = StateDictionary(swin).entries
    try CheckpointWriter.write(
      prefixes.flatMap { prefix in entries.map { (prefix + $0.key, $0.shape, $0.values) } },
      to: path)
    let notes = try BackboneLoader.load(path: path, inputSize: 64).report.summary
    #expect(
      notes.contains("note: taken from \(taken)") && notes.contains("is in \(other)")
        && notes.contains("--branch \(branch) takes"), "\(notes)")
    try CheckpointWriter.write(entries, to: path)
    #expect(
      !(try BackboneLoader.load(path: path, inputSize: 64).report.summary.contains("--branch")))
  }

  @Test("Two networks that may be meant are refused by their names")
  func ambiguous() throws {
    #expect(sites(["|a.", "|b."]).site(.published).count == 2)
    #expect(sites(["first|", "second|"]).site(.published).count == 2)
    #expect(sites(["first|", "model|"]).site(.published).count == 1)
    #expect(sites(["first|", "model|"]).passedOver(.published).count == 1)
    #expect(sites(["model|", "model_ema|"]).passedOver(.published).isEmpty)
    let folder = try TemporaryDirectory()
    let swin = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    let entries = StateDictionary(swin).entries
    func write(_ prefixes: [String], step: Float) throws {
      try CheckpointWriter.write(
        prefixes.enumerated().flatMap { place, prefix in
          entries.map { (prefix + $0.key, $0.shape, $0.values.map { $0 + Float(place) * step }) }
        }, to: folder.file("two.pth"))
    }
    func refusal(_ prefixes: [String]) throws -> String {
      try write(prefixes, step: 0.5)
      return try #require(throws: CheckpointError.self) {
        try BackboneLoader.load(path: folder.file("two.pth"), inputSize: 64)
      }.description
    }
    #expect(try refusal(["a.", "b."]).contains("'model/a.' and 'model/b.'"))
    #expect(try refusal(["", "module."]).contains("module."))
    #expect(try refusal(["encoder.", "encoder.module."]).contains("encoder.module."))
    // One module under two names, with the same numbers, is one network.
    for prefixes in [["a.", "b."], ["", "module."], ["backbone.", "model.backbone."]] {
      try write(prefixes, step: 0)
      let loaded = try BackboneLoader.load(path: folder.file("two.pth"), inputSize: 64)
      #expect(loaded.report.isComplete, "\(prefixes)")
    }
  }

  @Test(
    "Wrappers are cut off at any depth",
    arguments: [
      "module.", "_orig_mod.", "module.module.", "model.module._orig_mod.", "net.", "backbone.",
      "model.backbone._orig_mod.", "backbone.module.", "lit.model.vit.", "_feature_blocks.",
    ])
  func wrappers(_ prefix: String) throws {
    let folder = try TemporaryDirectory()
    let swin = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    try CheckpointWriter.write(
      StateDictionary(swin).entries.map { (prefix + $0.key, $0.shape, $0.values) }
        + [("n_averaged", [], [3])], to: folder.file("a.pth"))
    let loaded = try BackboneLoader.load(path: folder.file("a.pth"), inputSize: 64)
    #expect(loaded.report.isComplete && loaded.backbone.architecture == .swin(.mini))
    // Parallel wrappers and activation checkpoints wrap blocks, too.
    for inner in ["_fsdp_wrapped_module.", "_checkpoint_wrapped_module."] {
      try CheckpointWriter.write(
        StateDictionary(swin).entries.map { entry in
          let place = entry.key.range(of: "blocks.0.")
          let key = place.map { entry.key.replacingCharacters(in: $0, with: "blocks.0." + inner) }
          return (prefix + inner + (key ?? entry.key), entry.shape, entry.values)
        }, to: folder.file("b.pth"))
      let wrapped = try BackboneLoader.load(path: folder.file("b.pth"), inputSize: 64)
      #expect(wrapped.report.isComplete, "\(inner)")
    }
  }

  @Test("Parts that change what a network computes are not left out in silence")
  func foreignParts() throws {
    let folder = try TemporaryDirectory()
    let vit = VisionTransformer(
      VisionTransformerConfiguration(patchSize: 16, embeddingSize: 64, depth: 1, headCount: 1),
      inputSize: 32, initializer: Initializer(seed: 1))
    for (key, network) in [
      ("register_tokens", "register tokens"), ("reg_token", "register tokens"),
      ("norm_pre.weight", "CLIP"), ("fc_norm.weight", "mean of its patches"),
      ("blocks.0.mlp.w12.weight", "gated MLPs"), ("blocks.0.attn.logit_scale", "Swin V2"),
      ("layers.0.blocks.0.attn.cpb_mlp.0.weight", "Swin V2"),
    ] {
      try CheckpointWriter.write(
        StateDictionary(vit).entries + [(key, [64], [Float](repeating: 1, count: 64))],
        to: folder.file("a.pth"))
      let error = try #require(throws: CheckpointError.self) {
        try BackboneLoader.load(path: folder.file("a.pth"), inputSize: 32)
      }
      #expect(error.description.contains(key) && error.description.contains(network), "\(error)")
    }
  }

  @Test("Without biases of queries they are 0; a part of a divided file is called one")
  func withoutBiases() throws {
    let folder = try TemporaryDirectory()
    let swin = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    let entries = StateDictionary(swin).entries
    try CheckpointWriter.write(
      entries.filter { !$0.key.hasSuffix("attn.qkv.bias") }, to: folder.file("bare.pth"))
    let loaded = try BackboneLoader.load(path: folder.file("bare.pth"), inputSize: 64)
    #expect(loaded.report.isComplete)
    let biases = loaded.backbone.parameters.filter { $0.key.hasSuffix("attn.qkv.bias") }
    #expect(!biases.isEmpty && biases.allSatisfy { $0.tensor.values.allSatisfy { $0 == 0 } })
    // Where only some are missing, so is the file.
    try CheckpointWriter.write(
      entries.filter { $0.key != "layers.0.blocks.0.attn.qkv.bias" }, to: folder.file("cut.pth"))
    #expect(throws: CheckpointError.self) {
      try BackboneLoader.load(path: folder.file("cut.pth"), inputSize: 64)
    }
    let part = folder.file("model-00001-of-00003.safetensors")
    try CheckpointWriter.write(
      entries.filter { $0.key != "layers.1.blocks.0.mlp.fc2.weight" }, to: part)
    let error = try #require(throws: CheckpointError.self) {
      try BackboneLoader.load(path: part, inputSize: 64)
    }
    #expect(
      error.problem.hasPrefix("is part 1 of 3 of a checkpoint")
        && error.remedy.hasPrefix("give model.safetensors.index.json"), "\(error)")
  }

  @Test("Two spellings of one tensor are refused, whichever comes first")
  func spellings() throws {
    let folder = try TemporaryDirectory()
    let vit = VisionTransformer(
      VisionTransformerConfiguration(patchSize: 16, embeddingSize: 64, depth: 1, headCount: 1),
      inputSize: 32, initializer: Initializer(seed: 1))
    let entries = StateDictionary(vit).entries
    try CheckpointWriter.write(
      entries + [("blocks.0.0.norm1.weight", [64], [Float](repeating: 2, count: 64))],
      to: folder.file("a.pth"))
    let error = try #require(throws: CheckpointError.self) {
      try BackboneLoader.load(path: folder.file("a.pth"), inputSize: 32)
    }
    #expect(error.description.contains("'blocks.0.0.norm1.weight' beside 'blocks.0.norm1.weight'"))
  }

  @Test("A weight that stands in a form that is not read is named, also where parts may be missing")
  func unread() throws {
    let folder = try TemporaryDirectory()
    let swin = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    let path = folder.file("a.safetensors")
    try CheckpointWriter.write(StateDictionary(swin).entries, to: path)
    // One letter of a type's name: as long, and of no type that is known.
    let bytes = try FileBytes.read(path)
    let text = String(decoding: bytes, as: UTF8.self)
    let key = "layers.0.blocks.0.attn.qkv.weight"
    let entry = try #require(text.range(of: "\"\(key)\":{\"dtype\":\"F32\""))
    let at = text.utf8.distance(from: text.utf8.startIndex, to: entry.upperBound) - 4
    var changed = bytes
    changed[at] = UInt8(ascii: "f")
    try AtomicFile.write(changed, to: path)
    for allowsPartial in [false, true] {
      let error = #expect(throws: CheckpointError.self) {
        try BackboneLoader.load(path: path, inputSize: 64, allowsPartial: allowsPartial)
      }
      #expect(error?.problem == "stores '\(key)' as f32, which is not read")
    }
  }

  @Test("Parts that a network has no place for are not said to start at random")
  func surplus() throws {
    let folder = try TemporaryDirectory()
    let swin = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    try CheckpointWriter.write(
      StateDictionary(swin).entries + [("layers.0.blocks.0.attn.lora", [2], [1, 2])],
      to: folder.file("a.pth"))
    let error = #expect(throws: CheckpointError.self) {
      try BackboneLoader.load(path: folder.file("a.pth"), inputSize: 64)
    }
    #expect(error?.remedy.contains("--allow-partial to leave those out") == true, "\(error as Any)")
  }

  @Test("A tensor stretched beyond all memory is named and refuses no file")
  func stretched() throws {
    let path = SourceTree.fixture("Checkpoints/stretched.pth")
    let file = try CheckpointFile(path: path)
    #expect(file.unread.map(\.key) == ["mask"])
    #expect(file.unread.first?.type.contains("expanded") == true)
    #expect(try BackboneLoader.load(path: path, inputSize: 32).report.isComplete)
  }
}
