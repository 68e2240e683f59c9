import FileSupport
import Foundation

/// What a file says of its network beside the weights: arguments, configurations and names.
struct NetworkHints {
  /// A value, and where it stands.
  struct Hint<Value> {
    let value: Value
    let place: String
  }

  // Every value by the path that leads to it, in order of the paths.
  private var entries: [(path: [String], value: String)] = []
  /// What was there and could not be read, a sentence each.
  private(set) var notes: [String] = []

  /// Collects what a file holds beside its tensors, and what stands in the `config.json` beside it.
  init(_ file: CheckpointFile) {
    for (path, value) in file.metadata { add(path.split(separator: "/").map(String.init), value) }
    // Some keep whole numbers as tensors of one.
    for entry in file.entries where entry.tensor.type.isWhole && entry.tensor.elementCount == 1 {
      guard let value = entry.tensor.floats().first.flatMap({ Int(exactly: $0) }) else { continue }
      let key = entry.key.split { $0 == "." || $0 == "/" }.map(String.init)
      add([entry.group] + key, String(value))
    }
    let folder = RelativePath.folder(of: file.path)
    let name = ((file.path as NSString).lastPathComponent).lowercased()
    // Hubs keep a model's weights and settings under these names.
    if name.hasPrefix("model") || name.hasPrefix("pytorch_model") {
      for beside in ["config.json", "preprocessor_config.json"] {
        let path = folder.isEmpty ? beside : folder + "/" + beside
        guard let bytes = try? FileBytes.read(path), bytes.count < 1 << 20 else { continue }
        do throws(JSONFault) {
          add([beside], try JSONValue(document: bytes))
        } catch {
          notes.append("\(beside) beside it \(error.problem); what it says is left out")
        }
      }
    }
    entries.sort { $0.path.lexicographicallyPrecedes($1.path) }
  }

  private mutating func add(_ path: [String], _ text: String) {
    // What belongs to a decoder, a predictor or an optimiser is not the backbone's.
    let foreign = [
      "decoder", "predictor", "optimizer", "scheduler", "teacher_model", "text_config",
      "text_model",
      "text_encoder",
    ]
    guard !path.contains(where: { part in foreign.contains { part.lowercased().contains($0) } })
    else { return }
    entries.append((path, text))
    guard text.utf8.count < 1 << 18 else { return }
    if text.hasPrefix("{"), let value = JSONValue(parsing: Array(text.utf8)) { add(path, value) }
    // Configurations that are kept as their source: name=value, or name: value.
    if text.contains("\n") {
      for match in text.matches(of: /(\w+)[ \t]*[=:][ \t]*['"]?([\w.\-]+)['"]?/) {
        entries.append((path + [String(match.1)], String(match.2)))
      }
      for match in text.matches(of: /(\w+)\s*[=:]\s*[\[(]([\d.,\s]+)[\])]/) {
        for (index, item) in match.2.split(separator: ",").enumerated() {
          let value = item.trimmingCharacters(in: .whitespaces)
          entries.append((path + [String(match.1), String(index)], value))
        }
      }
    }
  }

  private mutating func add(_ path: [String], _ value: JSONValue) {
    guard path.count < 12 else { return }
    switch value {
    case .object(let members): for (key, member) in members { add(path + [key], member) }
    case .array(let items):
      for (index, item) in items.prefix(64).enumerated() { add(path + [String(index)], item) }
    case .string(let text): add(path, text)
    case .null: break
    default: add(path, value.text())
    }
  }

  private func hint<Value>(
    _ names: [String], _ read: (String) -> Value?
  ) -> Hint<Value>? where Value: Equatable {
    var found: Hint<Value>?
    for entry in entries {
      guard let name = entry.path.last?.lowercased(), names.contains(name),
        let value = read(entry.value)
      else { continue }
      // Two that differ say nothing.
      if let found, found.value != value { return nil }
      found = found ?? Hint(value: value, place: entry.path.joined(separator: "/"))
    }
    return found
  }

  private func list(_ names: [String]) -> Hint<[String]>? {
    var lists: [String: [Int: String]] = [:]
    for entry in entries {
      guard entry.path.count > 1, let place = entry.path.last.flatMap({ Int($0) }),
        names.contains(entry.path[entry.path.count - 2].lowercased())
      else { continue }
      lists[entry.path.dropLast().joined(separator: "/"), default: [:]][place] = entry.value
    }
    let values = lists.mapValues { items in items.sorted { $0.key < $1.key }.map(\.value) }
    guard let first = values.min(by: { $0.key < $1.key }),
      values.values.allSatisfy({ $0 == first.value })
    else { return nil }
    return Hint(value: first.value, place: first.key)
  }

  // MARK: What is asked

  /// What is said of the attention heads of a plain transformer: each as it stands there, in order.
  ///
  /// - Parameter channels: The network's: some say how many a head has.
  func headCounts(channels: Int) -> [Hint<String>] {
    let counts = ["num_heads", "num_attention_heads", "n_heads", "heads", "nhead"]
    let sizes = ["head_dim", "dim_head", "head_size"]
    return entries.compactMap { path, value in
      // A list has an entry a block.
      let names = path.last.flatMap { Int($0) } == nil ? path[...] : path.dropLast()
      guard var name = names.last?.lowercased() else { return nil }
      for prefix in ["encoder_", "vit_", "vision_"] where name.hasPrefix(prefix) {
        name = String(name.dropFirst(prefix.count))
      }
      let place = path.joined(separator: "/")
      if counts.contains(name) { return Hint(value: value, place: place) }
      guard sizes.contains(name) else { return nil }
      let size = Self.count(value).map {
        $0 > 0 && channels % $0 == 0 ? String(channels / $0) : "0"
      }
      return Hint(value: size ?? value, place: place)
    }
  }

  /// A count, also one that is written with a fraction of 0; nil where it is none.
  static func count(_ text: String) -> Int? {
    Int(text) ?? Double(text).flatMap { Int(exactly: $0) }
  }

  /// Blocks of a plain transformer.
  var blockCount: Hint<Int>? { hint(["num_hidden_layers"]) { Int($0) } }

  /// Blocks of every stage.
  var depths: Hint<[Int]>? {
    list(["depths"]).flatMap { list in
      let counts = list.value.compactMap { Int($0) }
      return counts.count == list.value.count ? Hint(value: counts, place: list.place) : nil
    }
  }

  /// What is added to a variance before its root is taken.
  var epsilon: Hint<Float>? { hint(["layer_norm_eps"]) { Float($0) } }

  /// The nonlinearity of the blocks.
  var activation: Hint<String>? { hint(["hidden_act"]) { $0 } }

  /// Means and deviations of the pixels in training.
  var normalization: Hint<[[Float]]>? {
    guard let mean = list(["image_mean", "mean"]), let std = list(["image_std", "std"]) else {
      return nil
    }
    var values = [mean.value, std.value].map { $0.compactMap { Float($0) } }
    // Some count pixels from 0 to 255.
    if values.contains(where: { $0.contains { $0 > 2 } }) {
      values = values.map { $0.map { $0 / 255 } }
    }
    let isUsable = values.allSatisfy { $0.count == 3 } && values[1].allSatisfy { $0 > 0 }
    return isUsable ? Hint(value: values, place: mean.place) : nil
  }

  /// Names that may be those of networks.
  var names: [Hint<String>] {
    let known = [
      "arch", "architecture", "model", "model_name", "backbone", "encoder", "name", "network",
      "vit_arch", "_name_or_path",
    ]
    return entries.compactMap { entry in
      guard let name = entry.path.last?.lowercased(), known.contains(name) else { return nil }
      return Hint(value: entry.value, place: entry.path.joined(separator: "/"))
    }
  }
}
