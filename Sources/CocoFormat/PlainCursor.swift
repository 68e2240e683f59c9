import CFormats

/// A place in the bytes of a JSON record that is taken for a plain one: names without escapes,
/// numbers and lists of numbers as programs write them.
///
/// Whatever is not so ends in nil or false, and the record is the parser's: it alone says what is
/// wrong.
struct PlainCursor {
  let base: UnsafePointer<UInt8>
  /// The place at hand, and the end of the record, in bytes from the start of the file.
  private(set) var at: Int
  let end: Int

  /// The next byte that is no white space; 0 at the end.
  @inline(__always)
  mutating func next() -> UInt8 {
    if at < end, base[at] > UInt8(ascii: " ") { return base[at] }
    at = cf_json_skip_space(base, end, at)
    return at < end ? base[at] : 0
  }

  /// Passes a byte, behind white space.
  @inline(__always)
  mutating func take(_ byte: UInt8) -> Bool {
    guard next() == byte else { return false }
    at &+= 1
    return true
  }

  /// Passes a text without escapes and gives what is between its quotes.
  mutating func text() -> UnsafeBufferPointer<UInt8>? {
    guard take(UInt8(ascii: "\"")) else { return nil }
    let start = at
    while at < end {
      let byte = base[at]
      if byte == UInt8(ascii: "\"") {
        at &+= 1
        return UnsafeBufferPointer(start: base + start, count: at &- 1 &- start)
      }
      guard byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\\") else { return nil }
      at &+= 1
    }
    return nil
  }

  /// Passes a number.
  mutating func number() -> cf_json_scalar? {
    guard next() != 0 else { return nil }
    var number = cf_json_scalar()
    let stop = cf_json_number(base, end, at, &number)
    guard stop >= 0 else { return nil }
    at = stop
    return number
  }

  /// Passes a number that is whole, as `wholeNumber` has it.
  mutating func wholeNumber() -> Int? {
    guard let number = number() else { return nil }
    return number.is_whole != 0 ? Int(number.whole) : Int(exactly: number.value)
  }

  /// Passes a list of numbers and writes them behind `start` numbers of an array that grows as
  /// needed; gives how many they are.
  mutating func numbers(into numbers: inout [Double], from start: Int = 0) -> Int? {
    guard next() == UInt8(ascii: "[") else { return nil }
    var found = 0
    // Every number takes two bytes at least.
    var capacity = min(64, (end &- at) / 2)
    while true {
      if numbers.count < start &+ capacity {
        let missing = max(start &+ capacity &- numbers.count, numbers.count)
        numbers.append(contentsOf: repeatElement(0, count: missing))
      }
      let room = numbers.count &- start
      let stop = numbers.withUnsafeMutableBufferPointer { buffer -> Int in
        guard let first = buffer.baseAddress else { return Int(CF_SCAN_ODD) }
        return cf_json_number_list(base, end, at, first + start, room, &found)
      }
      if stop >= 0 {
        at = stop
        return found
      }
      // Whether the numbers are odd or only many shows itself with more room.
      guard found == room, room < (end &- at) / 2 else { return nil }
      capacity = 4 &* room
    }
  }

  /// Passes a value that nothing depends on, if it is a number, a text or a word.
  mutating func skipScalar() -> Bool {
    switch next() {
    case UInt8(ascii: "\""): return text() != nil
    case UInt8(ascii: "n"): return word("null")
    case UInt8(ascii: "t"): return word("true")
    case UInt8(ascii: "f"): return word("false")
    default: return number() != nil
    }
  }

  private mutating func word(_ word: StaticString) -> Bool {
    guard end &- at >= word.utf8CodeUnitCount else { return false }
    for place in 0..<word.utf8CodeUnitCount where base[at &+ place] != word.utf8Start[place] {
      return false
    }
    at &+= word.utf8CodeUnitCount
    return true
  }

  /// Passes whatever value is next, well formed or not.
  mutating func skipValue() -> Bool {
    guard next() != 0 else { return false }
    let stop = cf_json_value_end(base, end, at)
    guard stop > at else { return false }
    at = stop
    return true
  }

  /// Passes a text that may hold escaped backslashes, as compressed run lengths do, and adds what
  /// it says to an array; false, with nothing added, for other escapes.
  mutating func appendRunText(to text: inout [UInt8]) -> Bool {
    guard take(UInt8(ascii: "\"")) else { return false }
    let length = text.count
    let (quote, slash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
    while true {
      let start = at
      while at < end, base[at] != quote, base[at] != slash { at &+= 1 }
      guard at < end else { break }
      if base[at] == quote {
        text.append(contentsOf: UnsafeBufferPointer(start: base + start, count: at &- start))
        at &+= 1
        return true
      }
      guard at &+ 1 < end, base[at &+ 1] == slash else { break }
      text.append(contentsOf: UnsafeBufferPointer(start: base + start, count: at &+ 1 &- start))
      at &+= 2
    }
    text.removeLast(text.count - length)
    return false
  }
}

/// Whether a text has the letters of a name.
@inline(__always)
func ~= (name: StaticString, text: UnsafeBufferPointer<UInt8>) -> Bool {
  guard text.count == name.utf8CodeUnitCount else { return false }
  for place in 0..<text.count where text[place] != name.utf8Start[place] { return false }
  return true
}
