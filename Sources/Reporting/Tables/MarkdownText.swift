import Foundation

/// Text that Markdown shows letter by letter, as names and paths are meant.
///
/// Only what would become markup gets a backslash, so that ordinary text stays as it is: printed
/// tables are read as they are.
enum MarkdownText {
  /// One line of text inside of a heading, a list or a paragraph.
  ///
  /// - Parameters:
  ///   - isCell: Whether it stands in a table, whose columns end at `|`.
  ///   - isBold: Whether it stands between `**`, where one more star counts.
  static func escaped(_ text: String, isCell: Bool = false, isBold: Bool = false) -> String {
    // A line end would end the row or begin another block.
    let text = text.split(whereSeparator: \.isNewline).joined(separator: " ")
    // The one emphasis that cells have of themselves.
    for mark in [FigureOrigin.published, .measured].map({ $0.marked("") }) where isCell {
      guard let place = text.range(of: mark) else { continue }
      return escaped(String(text[..<place.lowerBound]), isCell: true) + mark
        + escaped(String(text[place.upperBound...]), isCell: true)
    }
    let letters = Array(text)
    // One mark alone opens what nothing closes.
    let paired = Set(
      "*_~`".filter { mark in
        letters.count { $0 == mark } > (isBold && mark == "*" ? 0 : 1)
      })
    var out = isCell || !opensBlock(text) ? "" : "\\"
    for at in letters.indices {
      if isMarkup(letters, at, paired) || (isCell && letters[at] == "|") { out += "\\" }
      out.append(letters[at])
    }
    return out
  }

  /// Whether a letter would be markup where it stands.
  private static func isMarkup(_ letters: [Character], _ at: Int, _ paired: Set<Character>) -> Bool
  {
    let before = at > 0 ? letters[at - 1] : " "
    let after = at + 1 < letters.count ? letters[at + 1] : " "
    switch letters[at] {
    case "`": return paired.contains("`")
    case "*", "~": return paired.contains(letters[at]) && !(before == " " && after == " ")
    case "_":
      func isWord(_ letter: Character) -> Bool {
        letter.isLetter || letter.isNumber || letter == "_"
      }
      // Inside of a word it is a letter.
      return paired.contains("_") && !(isWord(before) && isWord(after))
        && !(before == " " && after == " ")
    case "\\": return after.isASCII && (after.isPunctuation || after.isSymbol)
    case "<": return after.isLetter || "/!?".contains(after)
    case "]": return "([".contains(after)
    case "&":
      let name = letters[(at + 1)...].prefix { $0.isLetter || $0.isNumber || $0 == "#" }
      return !name.isEmpty && letters[(at + 1)...].dropFirst(name.count).first == ";"
    default: return false
    }
  }

  /// Whether a line would begin a heading, a quotation, a list or the address of a link.
  private static func opensBlock(_ text: String) -> Bool {
    guard let first = text.first else { return false }
    let next = text.dropFirst().first ?? " "
    switch first {
    case ">": return true
    case "#": return text.drop { $0 == "#" }.first ?? " " == " "
    case "+", "-": return next == " "
    case "[": return text.contains("]:")
    default: return false
    }
  }
}
