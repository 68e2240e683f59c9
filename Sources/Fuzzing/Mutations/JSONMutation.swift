import CounterRandom

/// JSON text whose values, members and brackets are moved, lost and replaced.
///
/// It works on the tokens of the text, not on values: so a number may be one that no value holds,
/// and a member may stand twice.
struct JSONMutation {
  private var tokens: [ArraySlice<UInt8>] = []

  /// What may stand for a value.
  static let values: [String] = [
    "null", "true", "false", "0", "-0", "1", "-1", "2", "0.5", "-0.5", "255", "256", "65535",
    "65536", "2147483647", "2147483648", "-2147483649", "4294967296", "1099511627776",
    "4611686018427387904", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "1e16", "1e18", "1e19", "1e300", "-1e300",
    "1e308", "1e999", "-1e999", "1e-320", "1.5", "99999999999.5", "100000000", "3", "4", "7", "10",
    "64", "100", "\"\"", "\"0\"", "\"a\"", "\"../../x\"", "\"/\"", "\"\\u0000\"", "\"\\ud800\"",
    "\"\\n\"", "\"é\"", "\"e\\u0301\"", "\"0P4\"", "\"o\"", "\"PPYo1\"", "[]", "{}", "[[]]",
    "[null]", "[0]",
    "[0,0]", "[1,2,3,4]", "[0,0,0,0]", "[-1,-1,-1,-1]", "[1e300,1e300,1e300,1e300]",
    "[[0,0,0,0,0,0]]", "[[1e9,0,0,1e9,5,5]]", "{\"a\":1}", "{\"counts\":[1,2],\"size\":[1,3]}",
  ]
  /// What is no JSON.
  private static let nonsense = [
    "NaN", "Infinity", "-Infinity", "[1,", "{\"a\":", "\"", "\u{1}", "'x'", "01", "+1", ".5", "1.",
    "}",
    "]", ",", ":",
  ]

  /// Breaks a text into tokens.
  init(_ text: [UInt8]) {
    var at = 0
    while at < text.count {
      let start = at
      switch text[at] {
      case UInt8(ascii: "\""):
        at += 1
        while at < text.count, text[at] != UInt8(ascii: "\"") {
          at += text[at] == UInt8(ascii: "\\") ? 2 : 1
        }
        at = min(text.count, at + 1)
      case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"),
        UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: " "), UInt8(ascii: "\n"):
        at += 1
      default:
        while at < text.count, !"{}[],: \n\"".utf8.contains(text[at]) { at += 1 }
      }
      if text[start] != UInt8(ascii: " "), text[start] != UInt8(ascii: "\n") {
        tokens.append(text[start..<at])
      }
    }
  }

  /// The text without blanks.
  var text: [UInt8] { Array(tokens.joined()) }

  /// A text with one to four changes.
  func changed(_ random: inout RandomStream) -> [UInt8] {
    var own = self
    for _ in 0...random.below(4) { own.change(&random) }
    return own.text
  }

  private func isMark(_ at: Int, _ marks: String) -> Bool {
    tokens[at].count == 1 && marks.utf8.contains(tokens[at][tokens[at].startIndex])
  }

  /// The tokens of the value that begins at a place.
  private func value(at start: Int) -> Range<Int> {
    guard isMark(start, "{[") else { return start..<start + 1 }
    var depth = 0
    for at in start..<tokens.count {
      if isMark(at, "{[") { depth += 1 }
      if isMark(at, "}]") { depth -= 1 }
      if depth == 0 { return start..<at + 1 }
    }
    return start..<tokens.count
  }

  /// A place at which a value, a key or an opening bracket stands.
  private func place(_ random: inout RandomStream) -> Int? {
    for _ in 0..<32 {
      let at = random.below(tokens.count)
      if !isMark(at, "}],:") { return at }
    }
    return nil
  }

  private func isKey(_ at: Int) -> Bool { at + 1 < tokens.count && isMark(at + 1, ":") }

  /// The member, or the element, that a token begins: with its value, without a comma.
  private func part(at start: Int) -> Range<Int> {
    isKey(start) && start + 2 < tokens.count
      ? start..<value(at: start + 2).upperBound : value(at: start)
  }

  private mutating func change(_ random: inout RandomStream) {
    guard !tokens.isEmpty, let at = place(&random) else {
      tokens = [Array(random.pick(Self.values).utf8)[...]]
      return
    }
    if random.once(in: 24) { return breakText(at, &random) }
    switch random.below(10) {
    case 0...4:
      // A value; of a member its key stays.
      let start = isKey(at) && at + 2 < tokens.count ? at + 2 : at
      tokens.replaceSubrange(value(at: start), with: [Array(random.pick(Self.values).utf8)[...]])
    case 5: remove(part(at: at))
    case 6:
      let own = Array(tokens[part(at: at)])
      tokens.insert(contentsOf: own + [Array(",".utf8)[...]], at: at)
    case 7:
      guard let other = place(&random), isKey(at) == isKey(other) else { return }
      let own = Array(tokens[part(at: other)])
      tokens.replaceSubrange(part(at: at), with: own)
    case 8: repeatValue(at, &random)
    default:
      let length = random.pick([1, 100, 5000])
      let text = [UInt8](repeating: UInt8(ascii: "x"), count: length)
      let quoted = [UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")]
      tokens.replaceSubrange(isKey(at) ? at..<at + 1 : value(at: at), with: [quoted[...]])
    }
  }

  private mutating func remove(_ range: Range<Int>) {
    if range.upperBound < tokens.count, isMark(range.upperBound, ",") {
      tokens.removeSubrange(range.lowerBound..<range.upperBound + 1)
    } else if range.lowerBound > 0, isMark(range.lowerBound - 1, ",") {
      tokens.removeSubrange(range.lowerBound - 1..<range.upperBound)
    } else {
      tokens.removeSubrange(range)
    }
  }

  /// Many of the same: lists that are long, or deep.
  private mutating func repeatValue(_ at: Int, _ random: inout RandomStream) {
    let start = isKey(at) && at + 2 < tokens.count ? at + 2 : at
    let range = value(at: start)
    let part = Array(tokens[range])
    let count = random.pick([2, 10, 300, 2000])
    guard part.count * count < 20_000 else { return }
    let (opening, closing) = (Array("[".utf8)[...], Array("]".utf8)[...])
    if random.once(in: 3) {
      let deep = [ArraySlice<UInt8>](repeating: opening, count: count)
      tokens.replaceSubrange(
        range, with: deep + part + [ArraySlice<UInt8>](repeating: closing, count: count))
    } else {
      let comma = [Array(",".utf8)[...]]
      let list = (0..<count).flatMap { $0 == 0 ? part : comma + part }
      tokens.replaceSubrange(range, with: [opening] + list + [closing])
    }
  }

  private mutating func breakText(_ at: Int, _ random: inout RandomStream) {
    switch random.below(3) {
    case 0: tokens.removeSubrange(random.below(tokens.count)...)
    case 1: tokens[at] = Array(random.pick(Self.nonsense).utf8)[...]
    default:
      // The digits of a number, or the letters of a text.
      var bytes = Array(tokens[at])
      bytes[random.below(bytes.count)] = random.pick(Array("0123456789.-eE\"\\ax".utf8))
      tokens[at] = bytes[...]
    }
  }
}
