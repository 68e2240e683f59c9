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
  case huggingFace = "Hugging Face"
  case torchvision = "torchvision"
  case other = "of another program"
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
  /// Whether the file has factors of layer scale, which were taken into the layers.
  var scalesLayers = false
  /// Keys that belong to something else (heads, queues, projectors).
  var others: [String]
  /// A part that changes what the network computes and that is not built here.
  var foreignPart: String?
  /// Places of other networks of the branch, none of which is read.
  var passedOver: [String] = []
  /// What was taken, where the file also holds the other branch.
  var choice: String?

  /// Two keys of a file that are the same once wrappers are cut off, and other tensors.
  struct KeyClash: Error {
    let wrapped, bare: String

    /// The sentence for the user.
    func refusal(of path: String) -> CheckpointError {
      CheckpointError(
        path: path, problem: "holds '\(wrapped)' beside '\(bare)', two networks in one",
        remedy: "keep the keys of one of them")
    }
  }
}

extension CanonicalWeights {
  /// Takes a backbone out of a group of a file.
  ///
  /// - Parameter entries: The group's tensors, wrappers cut off.
  /// - Throws: `KeyClash` when two keys name the same tensor.
  init(_ site: BackboneSite, entries: [String: StoredTensor]) throws(KeyClash) {
    let prefix = site.prefix
    layout = site.layout(among: entries)
    var others = entries.keys.filter { !$0.hasPrefix(prefix) }
    var tensors = Dictionary(
      uniqueKeysWithValues: entries.compactMap { key, tensor in
        key.hasPrefix(prefix) ? (String(key.dropFirst(prefix.count)), tensor) : nil
      })
    tensors = try KeyDialects.official(tensors, from: site.dialect)
    if site.dialect == .openMMLab, [.official, .detector, .other].contains(layout) {
      layout = .openMMLab
    } else if KeyDialects.isTimm(tensors) {
      layout = layout == .official ? .timm : layout
      tensors = try KeyDialects.fromTimm(tensors)
    }
    foreignPart = tensors.keys.filter(Self.changesTheNetwork).min().map { prefix + $0 }
    // In self-supervised files `head` and `fc` are projectors.
    if [.official, .timm, .openMMLab, .huggingFace, .torchvision].contains(layout) {
      let names = ["head.", "head.fc.", "heads.head."]
      let outer = ["classifier.", "head.fc.", "head.layers.head."]
      let found =
        names.map { (tensors[$0 + "weight"], tensors[$0 + "bias"]) }
        + outer.map { (entries[$0 + "weight"], entries[$0 + "bias"]) }
      if case (let weight?, let bias)? = found.first(where: { $0.0?.shape.count == 2 }) {
        head = (weight, bias)
        let own = names + outer
        others.removeAll { key in own.contains { key == $0 + "weight" || key == $0 + "bias" } }
        for name in names {
          (tensors[name + "weight"], tensors[name + "bias"]) = (nil, nil)
        }
      }
    }
    // Decoders, mask tokens and whatever else was saved beside the backbone.
    for key in tensors.keys where !Self.belongsToBackbone(key) {
      others.append(prefix + key)
      tensors[key] = nil
    }
    group = site.group
    self.prefix = prefix
    scalesLayers = tensors.keys.contains { $0.hasSuffix(".ls1.gamma") }
    self.tensors = KeyDialects.foldingLayerScale(
      KeyDialects.givingBiases(
        toQueries: KeyDialects.givingPositions(toLeadingTokens: tensors)))
    self.others = others.sorted()
  }

  /// What compilers, parallel wrappers and trainers put before every key, at any depth.
  private static let wrappers = ["model.", "net.", "network."] + inner
  /// Those that compilers, parallel wrappers and activation checkpoints also put further inside.
  private static let inner = [
    "module.", "_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.",
  ]

  /// A group's tensors without the wrappers of their keys.
  ///
  /// - Throws: `KeyClash` when wrapped and bare keys name the same tensor.
  static func unwrapped(
    _ entries: [String: StoredTensor]
  ) throws(KeyClash) -> [String: StoredTensor] {
    var result: [String: StoredTensor] = [:]
    var sources: [String: String] = [:]
    for (key, tensor) in entries.sorted(by: { $0.key < $1.key }) {
      var bare = key[...]
      while let wrapper = wrappers.first(where: { bare.hasPrefix($0) }) {
        bare = bare.dropFirst(wrapper.count)
      }
      let name = inner.reduce(String(bare)) {
        $0.replacingOccurrences(of: "." + $1, with: ".")
      }
      // Shared modules are stored once for each of their names.
      if let other = sources.updateValue(key, forKey: name),
        result[name].map({ !$0.holdsSame(as: tensor) }) ?? true
      {
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

  /// Parts that other networks of the family have and these have not, and whose they are.
  private static let foreign: [(part: String, network: String)] = [
    (".attn.logit_scale", "Swin V2, with attention by cosines"),
    (".cpb_mlp.", "Swin V2, with position biases from an MLP"),
    (".continuous_position_bias_mlp.", "Swin V2, with position biases from an MLP"),
    ("register_tokens", "a ViT with register tokens, as DINOv2's later ones"),
    ("reg_token", "a ViT with register tokens, as DINOv2's later ones"),
    ("storage_tokens", "a ViT with register tokens, as DINOv3's"),
    (".mlp.w12.", "a ViT with gated MLPs, as DINOv2's ViT-g"),
    (".mlp.weights_in.", "a ViT with gated MLPs, as DINOv2's ViT-g"),
    ("norm_pre.", "a ViT with a norm before its blocks, as CLIP's"),
    ("pre_norm.", "a ViT with a norm before its blocks, as CLIP's"),
    ("ln_pre.", "a ViT with a norm before its blocks, as CLIP's"),
    ("rel_pos", "a ViT with relative positions"),
    ("fc_norm.", "a ViT that is read by the mean of its patches, as fine-tuned MAE"),
  ]

  /// The network that a part belongs to, for the refusal.
  static func network(of part: String) -> String {
    foreign.first { part.contains($0.part) }?.network ?? "another network"
  }

  /// Whether a key is of a part that other networks of the family have and these have not.
  private static func changesTheNetwork(_ key: String) -> Bool {
    foreign.contains { $0.part.hasPrefix(".") ? key.contains($0.part) : key.hasPrefix($0.part) }
  }
}
