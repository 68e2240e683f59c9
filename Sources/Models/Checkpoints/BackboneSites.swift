import Foundation

/// How a program names the parts of a backbone.
enum KeyDialect: Sendable {
  case official, openMMLab, huggingFace, torchvision
}

/// A backbone's place in a file: the group, and the beginning of its keys.
struct BackboneSite: Sendable {
  /// The group of the file.
  let group: String
  /// What stands before the backbone's own keys, with its dot.
  let prefix: String
  /// How its keys are spelled.
  let dialect: KeyDialect

  /// The keys that only a backbone's first layer has.
  private static let signatures: [(key: String, dialect: KeyDialect)] = [
    ("patch_embed.proj.weight", .official), ("patch_embed.projection.weight", .openMMLab),
    ("embeddings.patch_embeddings.projection.weight", .huggingFace),
    ("features.0.0.weight", .torchvision), ("conv_proj.weight", .torchvision),
  ]

  /// Every backbone in a group, by its first layer.
  static func all(in group: String, _ tensors: [String: StoredTensor]) -> [BackboneSite] {
    var sites: [BackboneSite] = []
    for key in tensors.keys.sorted() {
      for signature in signatures where key.hasSuffix(signature.key) {
        let prefix = String(key.dropLast(signature.key.count))
        guard prefix.isEmpty || prefix.hasSuffix(".") else { continue }
        // Many networks begin with a convolution; only these go on with attention.
        guard
          signature.dialect != .torchvision || tensors[prefix + "class_token"] != nil
            || tensors[prefix + "features.1.0.attn.qkv.weight"] != nil
        else { continue }
        sites.append(BackboneSite(group: group, prefix: prefix, dialect: signature.dialect))
      }
    }
    return sites
  }

  /// The names on the way to the backbone.
  var path: [String] {
    (group.split(separator: "/") + prefix.split(separator: ".")).map { $0.lowercased() }
  }

  /// The words that these names are made of.
  private var words: Set<String> { Set(path.flatMap { $0.split(separator: "_").map(String.init) }) }

  /// The place in messages.
  var place: String {
    let place = [group, prefix].filter { !$0.isEmpty }.joined(separator: "/")
    return place.isEmpty ? "the file's one network" : "'\(place)'"
  }

  /// The place in messages that name several.
  var level: String { path.isEmpty ? "the top level of the file" : place }

  /// Whether the names say that this is a moving average: a momentum encoder, a teacher, an EMA.
  var isTarget: Bool {
    !words.isDisjoint(with: [
      "ema", "teacher", "momentum", "target", "averaged", "key", "k",
    ]) && !words.contains("student")
  }

  /// Whether the names are those of a pair of student and teacher.
  var isDistilled: Bool { words.contains("teacher") || words.contains("student") }

  /// The published way of naming, by the names on the way to the backbone.
  func layout(among tensors: [String: StoredTensor]) -> CheckpointLayout {
    func has(_ prefix: String) -> Bool { tensors.keys.contains { $0.hasPrefix(prefix) } }
    switch dialect {
    case .huggingFace: return .huggingFace
    case .torchvision: return .torchvision
    case .official, .openMMLab: break
    }
    switch path.last {
    case _ where isDistilled: return .dino
    case "base_encoder": return .mocoV3
    case "momentum_encoder" where has("base_encoder."): return .mocoV3
    case "encoder_q": return .mocoV2
    case "encoder_k": return has("encoder_q.") ? .mocoV2 : .moby
    case "encoder": return .moby
    case "backbone" where ["neck.", "rpn_head.", "decode_head."].contains(where: has):
      return .detector
    case _ where prefix.isEmpty: return .official
    default: return .other
    }
  }
}

extension [BackboneSite] {
  /// The backbone that a branch means: none when the file has none of that branch, several where
  /// nothing tells which is meant.
  ///
  /// Published is the online network, but the teacher of a student.
  func site(_ branch: CheckpointBranch) -> [BackboneSite] {
    let found = all(branch)
    // Published files keep the weights that count here; of others none is more likely than another.
    let groups = ["model", "state_dict", ""].filter { name in found.contains { $0.group == name } }
    guard let group = groups.first else { return found }
    return found.filter { $0.group == group }
  }

  /// Places of the branch's other networks, in groups that count less.
  func passedOver(_ branch: CheckpointBranch) -> [String] {
    let meant = Set(site(branch).map(\.place))
    return all(branch).map(\.place).filter { !meant.contains($0) }
  }

  /// Places of the branch that was not taken, and the choice that takes it; nil where there is none.
  func otherBranch(than branch: CheckpointBranch) -> (places: [String], branch: CheckpointBranch)? {
    guard let taken = site(branch).first else { return nil }
    let other: CheckpointBranch = taken.isTarget ? .online : .target
    let places = site(other).map(\.level)
    return places.isEmpty ? nil : (places, other)
  }

  private func all(_ branch: CheckpointBranch) -> [BackboneSite] {
    let (target, online) = (filter(\.isTarget), filter { !$0.isTarget })
    return switch branch {
    case .target: target
    case .online: online
    case .published:
      online.isEmpty || online.allSatisfy(\.isDistilled) && !target.isEmpty ? target : online
    }
  }
}
