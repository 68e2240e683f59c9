/// What became of every key when a checkpoint met a network.
public struct LoadReport: Sendable, Equatable {
  /// The file and its SHA-256.
  public let path, sha256: String
  /// How the file is built and how it names its weights.
  public let format: String, layout: String
  /// The part of the file that was used: group and key prefix.
  public let source: String
  /// The network found.
  public let architecture: String
  /// Numbers loaded into the network.
  public var parameterCount = 0
  /// Keys loaded as they are.
  public var matched: [String] = []
  /// Keys the network wants and the file lacks.
  public var missing: [String] = []
  /// Backbone keys of the file that the network has no place for.
  public var unexpected: [String] = []
  /// Keys whose tensors were interpolated, with both shapes.
  public var reshaped: [String] = []
  /// Stored constants that are computed afresh (position indices, masks).
  public var ignored: [String] = []
  /// Keys whose numbers are there in a form that is not read, and what it is.
  var unread: [String: String] = [:]
  /// Keys of other parts: heads, queues, projectors.
  public var others: [String] = []
  /// How the backbone was pretrained, where the file says so.
  public var method: String?
  /// Where the numbers of the network come from that are not weights, such as its heads.
  public var origins: [String] = []
  /// Means and deviations of the pixels that the file says its network was trained with.
  public var normalization: [[Float]]?
  /// What the file does not say and was taken to be usual.
  public var assumptions: [String] = []

  /// Whether every parameter of the network was loaded and nothing of the file was left over.
  public var isComplete: Bool { missing.isEmpty && unexpected.isEmpty }

  /// Notes keys of the file that found no place in the network.
  mutating func noteLeft(_ keys: some Sequence<String>) {
    for key in keys.sorted() {
      if Self.isComputed(key) { ignored.append(key) } else { unexpected.append(key) }
    }
  }

  /// Whether a key is of a constant that published files store and that is computed here.
  public static func isComputed(_ key: String) -> Bool {
    key.hasSuffix("relative_position_index") || key.hasSuffix("attn_mask")
  }

  /// Notes tensors that were interpolated where a network's weights went on into another form.
  public mutating func note(resized: [String]) {
    guard !resized.isEmpty else { return }
    reshaped += resized
    origins.append("\(resized.count) tensors interpolated for the dense form")
  }

  /// Refuses a file in which a weight of the network stands in a form that is not read.
  ///
  /// - Throws: `CheckpointError` with the first one.
  func requireReadable() throws(CheckpointError) {
    let inOrder = unread.sorted { $0.key < $1.key }
    for key in missing {
      let own = inOrder.first {
        $0.key == key || $0.key.hasSuffix("/" + key) || $0.key.hasSuffix("." + key)
      }
      guard let own else { continue }
      throw CheckpointError(
        path: path, problem: "stores '\(own.key)' as \(own.value), which is not read",
        remedy: "give the checkpoint in floating point, as plain tensors")
    }
  }

  /// Refuses a file that does not cover the network.
  ///
  /// - Throws: `CheckpointError` with the counts and the first key of each kind.
  func requireComplete() throws(CheckpointError) {
    guard !isComplete else { return }
    let file = path.split(separator: "/").last ?? ""
    if let part = file.firstMatch(of: /^(.+)-(\d{5})-of-(\d{5})\.(\w+)$/), part.3 != "00001" {
      throw CheckpointError(
        path: path,
        problem:
          "is part \(Int(part.2) ?? 0) of \(Int(part.3) ?? 0) of a checkpoint and does not cover "
          + "\(architecture) alone",
        remedy: "give \(part.1).\(part.4).index.json, which names all parts")
    }
    throw CheckpointError(
      path: path,
      problem: "does not cover \(architecture): \(missing.count) keys missing"
        + (missing.first.map { " (\($0)…)" } ?? "") + ", \(unexpected.count) unexpected"
        + (unexpected.first.map { " (\($0)…)" } ?? ""),
      remedy: missing.isEmpty
        ? "give the matching checkpoint, or --allow-partial to leave those out, with which its network "
          + "may have computed something else"
        : "give the matching checkpoint, or --allow-partial to start the rest at random")
  }

  /// A few lines for the log: what was found and what did not fit.
  public var summary: String {
    var lines = [
      "checkpoint  \(path)",
      "sha256      \(sha256)",
      "layout      \(layout), \(format)\(source.isEmpty ? "" : ", from \(source)")",
      "network     \(architecture), \(grouped(parameterCount)) parameters loaded",
      "known by    \(origins.joined(separator: "; "))",
      "keys        \(matched.count) matched, \(missing.count) missing, "
        + "\(unexpected.count) unexpected, \(reshaped.count) reshaped, "
        + "\(ignored.count) recomputed, \(others.count) of other parts",
    ]
    for (title, keys) in [
      ("missing", missing), ("unexpected", unexpected), ("reshaped", reshaped),
    ] where !keys.isEmpty {
      lines.append(
        "\(title): " + keys.prefix(6).joined(separator: ", ")
          + (keys.count > 6 ? ", and \(keys.count - 6) more" : ""))
    }
    lines += assumptions.map { "note: " + $0 }
    return lines.joined(separator: "\n")
  }
}

/// A number with commas between thousands.
private func grouped(_ number: Int) -> String {
  let digits = Array(String(number))
  var out = ""
  for (index, digit) in digits.enumerated() {
    if index > 0, (digits.count - index) % 3 == 0 { out.append(",") }
    out.append(digit)
  }
  return out
}
