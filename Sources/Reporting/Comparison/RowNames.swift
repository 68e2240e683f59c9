import FileSupport

/// What tells rows and tables apart: made of what they are, never of their order, so that a link
/// still leads to the same number when other runs have come or gone.
struct RowNames {
  /// A row's name in tables; where several have one name, with what they differ in.
  private(set) var titles: [String] = []
  /// The part of the cells' names that is the row's.
  private(set) var slugs: [String] = []
  /// What a row is asked for by: its own name, or where another of its network has that, too, its
  /// title.
  private(set) var handles: [String] = []
  /// The fragment of a row in a page.
  private(set) var anchors: [String] = []

  /// One entry a row.
  ///
  /// - Parameter keys: What a row is, as a digest.
  init(names: [String], networks: [String], keys: [String], task: String) {
    let plain = names.map { Self.words($0, or: "run") }
    for at in names.indices {
      let twins = names.indices.filter { plain[$0] == plain[at] }
      let short = String(keys[at].prefix(6))
      if twins.count == 1 {
        titles.append(names[at])
        slugs.append(plain[at])
      } else if Set(twins.map { Self.words(networks[$0], or: "") }).count == twins.count {
        titles.append("\(names[at]) (\(networks[at]))")
        slugs.append(plain[at] + "-" + Self.words(networks[at], or: short))
      } else {
        titles.append("\(names[at]) (\(short))")
        slugs.append("\(plain[at])-\(short)")
      }
      let hasNamesake = names.indices.contains {
        $0 != at && names[$0].lowercased() == names[at].lowercased()
          && networks[$0] == networks[at]
      }
      handles.append(hasNamesake ? titles[at] : names[at])
      anchors.append([Self.words(task, or: "task"), plain[at], short].joined(separator: "-"))
    }
    for at in slugs.indices where slugs.count(where: { $0 == slugs[at] }) > 1 {
      slugs[at] += "-" + keys[at].prefix(12)
    }
  }

  /// The names of the tables of a task, by the data's names and what the data are.
  static func sections(task: String, data: [[String: String]]) -> [String] {
    let own = words(task, or: "task")
    guard data.count > 1 else { return [own] }
    let names = data.map { words($0["name"] ?? "", or: "data") }
    return data.indices.map { at in
      own + "-"
        + (names.count { $0 == names[at] } == 1 ? names[at] : String(digest(data[at]).prefix(6)))
    }
  }

  /// A digest of named texts.
  static func digest(_ members: [String: String]...) -> String {
    SHA256.digest(
      JSONValue.array(members.map { .object($0.mapValues { .string($0) }) }).text())
  }

  /// Letters and digits in lower case with hyphens between them: safe in a file's name, a fragment and
  /// a label.
  static func words(_ text: String, or other: String) -> String {
    let words = text.lowercased().split { !$0.isLetter && !$0.isNumber }
    return words.isEmpty ? other : words.joined(separator: "-")
  }
}
