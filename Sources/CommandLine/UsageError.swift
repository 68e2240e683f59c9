import FileSupport

/// Every way a command line can be wrong, one sentence each.
public enum UsageError: ReportableError, Equatable {
  case unknownOption(String, nearest: String?)
  case missingValue(String, expected: String)
  /// A value that looks like an option follows, and is not taken for one.
  case detachedValue(option: String, value: String, expected: String)
  case wrongValue(option: String, value: String, expected: String)
  case unexpectedValue(option: String, value: String)
  case unexpectedArgument(String)
  case missing(String)
  case unknownCommand(String, known: [String])
  case configuration(path: String, problem: String)
  /// The settings contradict each other.
  case conflict(String)

  public var exitCode: ExitCode { .usage }

  /// Makes sure that a folder can be made, or is one.
  ///
  /// - Parameter option: The option that names it, without dashes.
  /// - Throws: `UsageError` where a file is in its way.
  package static func checkFolder(_ folder: String, of option: String) throws(UsageError) {
    let place = OutputPath.nearest(folder)
    guard FileTree.isFolder(place) else {
      throw .conflict("--\(option) \(folder): \(place) is no folder.")
    }
  }

  public var description: String {
    switch self {
    case .unknownOption(let name, let nearest):
      "unknown option '\(name)'." + (nearest.map { " Did you mean '\($0)'?" } ?? "")
    case .missingValue(let name, let expected): "option '\(name)' needs \(expected) after it."
    case .detachedValue(let option, let value, let expected):
      "option '\(option)' needs \(expected) after it; one that begins with '--' stands behind '=': "
        + "\(option)=\(Command.quoted(value))."
    case .wrongValue(let option, let value, let expected):
      "option '\(option)' got '\(value)', but must be \(expected)."
    case .unexpectedValue(let option, let value):
      "option '\(option)' is a switch and takes no value, got '\(value)'."
    case .unexpectedArgument(let text): "'\(text)' belongs to no option."
    case .missing(let name): "\(name) is required."
    case .unknownCommand(let text, let known):
      if let nearest = nearestName(to: text, among: known) {
        "unknown command '\(text)'. Did you mean '\(nearest)'?"
      } else {
        "unknown command '\(text)'; the commands are \(known.joined(separator: ", "))."
      }
    case .configuration(let path, let problem): "configuration file \(path) \(problem)."
    case .conflict(let sentence): sentence
    }
  }
}

/// The candidate that a mistyped word most likely means: a third of its letters may differ, three at
/// most.
package func nearestName(to word: String, among candidates: [String]) -> String? {
  candidates.map { ($0, editDistance(word, $0)) }
    .filter { $0.1 <= min(3, max(1, (word.count + 2) / 3)) }
    .min { $0.1 < $1.1 }?.0
}

/// How many letters must be added, dropped or changed to make one word of another.
func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a), Array(b))
  var row = Array(0...b.count)
  for i in 0..<a.count {
    var diagonal = row[0]
    row[0] = i + 1
    for j in 0..<b.count {
      let above = row[j + 1]
      row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
      diagonal = above
    }
  }
  return row[b.count]
}
