import Foundation

/// The texts of the oldest pickle protocol, which writes everything as lines.
enum PickleText {
  /// A Python string literal without its quotes and escapes.
  static func unquoted(_ line: String) -> String {
    guard let quote = line.first, quote == "'" || quote == "\"", line.count >= 2,
      line.last == quote
    else { return line }
    return unescaped(String(line.dropFirst().dropLast()))
  }

  /// Python's raw-unicode-escape and string escapes undone.
  static func unescaped(_ text: String) -> String {
    guard text.contains("\\") else { return text }
    var result = ""
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      guard scalar == "\\", let kind = rest.popFirst() else {
        result.unicodeScalars.append(scalar)
        continue
      }
      switch kind {
      case "n": result += "\n"
      case "r": result += "\r"
      case "t": result += "\t"
      case "\\", "'", "\"": result.unicodeScalars.append(kind)
      case "x", "u", "U":
        let digits = rest.prefix(kind == "x" ? 2 : kind == "u" ? 4 : 8)
        rest = rest.dropFirst(digits.count)
        let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
        result.unicodeScalars.append(value.flatMap(UnicodeScalar.init) ?? "\u{FFFD}")
      default:
        result += "\\"
        result.unicodeScalars.append(kind)
      }
    }
    return result
  }

  /// The fields of a storage that protocol 0 names by the text of a Python tuple:
  /// `('storage', <class 'torch.HalfStorage'>, '0', 'cpu', 192)`; none for another text.
  static func storageFields(_ line: String) -> [PickleValue] {
    guard line.hasPrefix("("), line.hasSuffix(")") else { return [] }
    let parts = line.dropFirst().dropLast().components(separatedBy: ", ")
    return parts.map { part in
      if part.hasPrefix("<class '"), part.hasSuffix("'>") {
        return .global(String(part.dropFirst("<class '".count).dropLast(2)))
      }
      if part.hasPrefix("'") { return .string(unquoted(part)) }
      return Int(part).map(PickleValue.int) ?? .none
    }
  }
}
