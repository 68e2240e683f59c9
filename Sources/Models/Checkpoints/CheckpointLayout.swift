import Foundation
import TensorCore

/// The published ways of naming a backbone's weights.
public enum CheckpointLayout: String, Sendable, CaseIterable {
  case official = "official"
  case moby = "MoBY pretraining"
  case mocoV3 = "MoCo v3"
  case mocoV2 = "MoCo v2"
  case dino = "DINO"
  case detector = "OpenMMLab detector or segmentor (Swin forks)"
  case openMMLab = "OpenMMLab 1.x/3.x"
  case timm = "timm"
}

/// Which of two networks a self-supervised checkpoint offers.
public enum CheckpointBranch: String, Sendable, CaseIterable {
  /// Trained by gradients (MoBY's encoder, DINO's student).
  case online
  /// The moving average (MoBY's encoder_k, DINO's teacher).
  case target
  /// What the method's authors evaluate: online, but DINO's teacher.
  case published
}

/// A backbone's weights under the official key names, whatever the file called them.
struct CanonicalWeights {
  var layout: CheckpointLayout
  /// The group they were taken from.
  var group: String
  /// The part of the keys that was cut off, for the report.
  var prefix = ""
  /// Backbone tensors by official key.
  var tensors: [String: StoredTensor]
  /// The classifier, when the file has one.
  var head: (weight: StoredTensor, bias: StoredTensor?)?
  /// Keys that belong to something else (heads, queues, projectors).
  var others: [String]
  /// Whether these are the weights of a moving average: a momentum encoder, a teacher, an EMA.
  var isTarget: Bool

  /// Groups of files, and beginnings of keys, that hold a moving average.
  static let targetGroups = ["teacher", "model_ema", "state_dict_ema", "ema"]
  static let targetPrefixes = ["encoder_k.", "momentum_encoder.", "momentum_backbone."]

  /// Two keys of a file that are the same once wrappers are cut off.
  struct KeyClash: Error {
    let wrapped, bare: String
  }
}

extension CanonicalWeights {
  /// Recognises the layout of one group of a file, or nil when it holds no backbone.
  ///
  /// - Throws: `KeyClash` when wrapped and bare keys name the same tensor.
  init?(group: String, entries: [String: StoredTensor], branch: CheckpointBranch) throws(KeyClash) {
    var tensors = try Self.unwrapped(entries)
    var others: [String] = []
    var layout = CheckpointLayout.official
    var prefix = ""
    func has(_ key: String) -> Bool {
      tensors[key + "patch_embed.proj.weight"] != nil
        || tensors[key + "patch_embed.projection.weight"] != nil
    }
    let wantsTarget = branch == .target
    if has("encoder."), has("encoder_k.") {
      layout = .moby
      prefix = wantsTarget ? "encoder_k." : "encoder."
    } else if has("base_encoder.") {
      layout = .mocoV3
      prefix = wantsTarget ? "momentum_encoder." : "base_encoder."
    } else if has("encoder_q.") {
      layout = .mocoV2
      prefix = wantsTarget ? "encoder_k." : "encoder_q."
    } else if has("encoder.") {
      layout = .moby
      prefix = "encoder."
    } else if has("backbone."), has("momentum_backbone.") {
      layout = .moby
      prefix = wantsTarget ? "momentum_backbone." : "backbone."
    } else if has("backbone.") {
      layout = group == "teacher" || group == "student" ? .dino : .detector
      prefix = "backbone."
    }
    guard has(prefix) else { return nil }
    isTarget = Self.targetPrefixes.contains(prefix) || Self.targetGroups.contains(group)
    if !prefix.isEmpty {
      others = tensors.keys.filter { !$0.hasPrefix(prefix) }.sorted()
      tensors = Dictionary(
        uniqueKeysWithValues: tensors.compactMap { key, tensor in
          key.hasPrefix(prefix) ? (String(key.dropFirst(prefix.count)), tensor) : nil
        })
    }
    if tensors.keys.contains(where: { $0.hasPrefix("stages.") && $0.contains(".attn.w_msa.") }) {
      if layout == .official || layout == .detector { layout = .openMMLab }
      tensors = Self.fromOpenMMLab(tensors)
    } else if tensors.keys.contains(where: { Self.isLateDownsample($0, in: tensors) }) {
      layout = layout == .official ? .timm : layout
      tensors = Self.fromTimm(tensors)
    }
    if let weight = tensors["head.fc.weight"] {
      tensors["head.weight"] = weight
      tensors["head.bias"] = tensors["head.fc.bias"]
      tensors["head.fc.weight"] = nil
      tensors["head.fc.bias"] = nil
    }
    var head: (weight: StoredTensor, bias: StoredTensor?)?
    // In self-supervised files `head` and `fc` are projectors.
    if [.official, .timm, .openMMLab].contains(layout), let weight = tensors["head.weight"],
      weight.shape.count == 2
    {
      head = (weight, tensors["head.bias"])
    }
    for key in tensors.keys
    where key.hasPrefix("head.") || key.hasPrefix("head_dist.") || key.hasPrefix("fc.") {
      if head == nil || key.hasPrefix("head_dist.") { others.append(prefix + key) }
      tensors[key] = nil
    }
    // Decoders, mask tokens and whatever else was saved beside the backbone.
    for key in tensors.keys where !Self.belongsToBackbone(key) {
      others.append(prefix + key)
      tensors[key] = nil
    }
    self.layout = layout
    self.group = group
    self.prefix = prefix
    self.tensors = tensors
    self.head = head
    self.others = others.sorted()
  }

  /// What compilers, parallel wrappers and trainers put before every key, at any depth.
  private static let wrappers = ["module.", "_orig_mod.", "model.", "net.", "network."]

  private static func unwrapped(
    _ entries: [String: StoredTensor]
  ) throws(KeyClash) -> [String: StoredTensor] {
    var result: [String: StoredTensor] = [:]
    var sources: [String: String] = [:]
    for (key, tensor) in entries.sorted(by: { $0.key < $1.key }) {
      var bare = key[...]
      while let wrapper = wrappers.first(where: { bare.hasPrefix($0) }) {
        bare = bare.dropFirst(wrapper.count)
      }
      let name = String(bare)
      if let other = sources.updateValue(key, forKey: name) {
        throw KeyClash(wrapped: key.count > other.count ? key : other, bare: name)
      }
      result[name] = tensor
    }
    return result
  }

  /// Whether a backbone of some kind has such a key under the official names.
  private static func belongsToBackbone(_ key: String) -> Bool {
    [
      "patch_embed.", "layers.", "blocks.", "norm.", "norm0.", "norm1.", "norm2.", "norm3.",
      "cls_token", "pos_embed", "dist_token", "absolute_pos_embed",
    ].contains { key.hasPrefix($0) }
  }

  /// timm since 2023 puts the merge at the start of the next stage: stage 0 has none.
  private static func isLateDownsample(_ key: String, in tensors: [String: StoredTensor]) -> Bool {
    key.hasPrefix("layers.") && key.hasSuffix(".downsample.reduction.weight")
      && tensors["layers.0.downsample.reduction.weight"] == nil
  }

  private static func fromTimm(_ tensors: [String: StoredTensor]) -> [String: StoredTensor] {
    var result: [String: StoredTensor] = [:]
    for (key, tensor) in tensors {
      let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      if parts.count > 3, parts[0] == "layers", parts[2] == "downsample", let stage = Int(parts[1])
      {
        result[(["layers", String(stage - 1)] + parts.dropFirst(2)).joined(separator: ".")] = tensor
      } else {
        result[key] = tensor
      }
    }
    return result
  }

  /// Keys and order of the Swin authors for a backbone in OpenMMLab's dialect.
  static func fromOpenMMLab(_ tensors: [String: StoredTensor]) -> [String: StoredTensor] {
    let isClassifier = tensors["norm3.weight"] != nil && tensors["norm0.weight"] == nil
    var result: [String: StoredTensor] = [:]
    for (key, tensor) in tensors {
      var name = key
      var value = tensor
      if name.hasPrefix("stages.") { name = "layers." + name.dropFirst("stages.".count) }
      for (from, to) in [
        ("patch_embed.projection.", "patch_embed.proj."), (".attn.w_msa.", ".attn."),
        (".ffn.layers.0.0.", ".mlp.fc1."), (".ffn.layers.1.", ".mlp.fc2."),
      ] {
        if let range = name.range(of: from) { name.replaceSubrange(range, with: to) }
      }
      if name.contains(".downsample.") { value = unfoldReordered(tensor) }
      if isClassifier, name.hasPrefix("norm3.") { name = "norm." + name.dropFirst("norm3.".count) }
      result[name] = value
    }
    return result
  }

  /// Reorders the last axis from unfold's order (channel, then position by rows) to the official
  /// one (position by columns: top left, bottom left, top right, bottom right; then channel).
  static func unfoldReordered(_ tensor: StoredTensor) -> StoredTensor {
    guard let length = tensor.shape.last, length % 4 == 0, length > 0 else { return tensor }
    let channels = length / 4
    let values = tensor.floats()
    var result = values
    let position = [0, 2, 1, 3]
    for row in 0..<values.count / length {
      for slice in 0..<4 {
        for channel in 0..<channels {
          result[row * length + slice * channels + channel] =
            values[row * length + channel * 4 + position[slice]]
        }
      }
    }
    return StoredTensor(shape: tensor.shape, values: result)
  }
}
