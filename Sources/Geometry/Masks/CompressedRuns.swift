// COCO's text form of run lengths: five bits a character, from the fourth run on as differences
// from the run two before.

extension RunLengthMask {
  /// Decodes COCO's compressed counts.
  ///
  /// Stricter than the source, which accepts anything: characters, sums and signs are checked.
  ///
  /// - Throws: `MaskError` when the text is no mask of that size.
  public init(
    height: Int, width: Int, compressedCounts text: UnsafeBufferPointer<UInt8>
  ) throws(MaskError) {
    var runs: [Int] = []
    runs.reserveCapacity(text.count)
    var decoder = RunDecoder(text)
    while let run = try decoder.next() { runs.append(run) }
    try self.init(height: height, width: width, counts: runs)
  }

  /// Decodes COCO's compressed counts.
  ///
  /// - Throws: `MaskError` when the text is no mask of that size.
  public init(height: Int, width: Int, compressedCounts text: String) throws(MaskError) {
    let bytes = Array(text.utf8)
    var runs: [Int] = []
    var failure: MaskError?
    bytes.withUnsafeBufferPointer { buffer in
      var decoder = RunDecoder(buffer)
      do throws(MaskError) {
        while let run = try decoder.next() { runs.append(run) }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    try self.init(height: height, width: width, counts: runs)
  }

  /// The runs as COCO's compressed counts, in characters 48...111.
  public var compressedCounts: [UInt8] { Self.compress(runs) }

  static func compress(_ runs: [UInt32]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(runs.count * 2)
    for index in runs.indices {
      var value = Int(runs[index])
      if index > 2 { value -= Int(runs[index - 2]) }
      while true {
        let bits = value & 31
        value >>= 5
        let isLast = bits & 16 == 0 ? value == 0 : value == -1
        text.append(UInt8(48 + bits + (isLast ? 0 : 32)))
        if isLast { break }
      }
    }
    return text
  }
}

/// Reads compressed counts one run at a time.
struct RunDecoder {
  private let text: UnsafeBufferPointer<UInt8>
  private var at = 0
  private var index = 0
  // The last run and the one before it.
  private var last = 0, beforeLast = 0

  init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

  /// Whether all runs were read.
  var isAtEnd: Bool { at >= text.count }

  /// The next run; nil for what `next` throws, and at the end.
  ///
  /// Nearly all runs take one or two characters, and which of both cannot be foreseen: these are
  /// read without a branch.
  @inline(__always)
  mutating func nextOrNil() -> Int? {
    guard at < text.count, let base = text.baseAddress else { return nil }
    let first = Int(base[at]) &- 48
    guard UInt(bitPattern: first) < 64 else { return nil }
    // 1 where the number goes on, and all bits set.
    let more = first &>> 5
    let goesOn = 0 &- more
    let place = at &+ more
    guard place < text.count else { return nil }
    let second = (Int(base[place]) &- 48) & goesOn
    guard UInt(bitPattern: second) < 32 else {
      // Not a method: the decoder stays in registers.
      guard let (number, end) = Self.number(base, from: at, count: text.count) else { return nil }
      return take(number, end: end)
    }
    // The highest bit is the sign.
    let sign = 16 &+ (496 & goesOn)
    let bits = (first & 31) | (second &<< 5)
    return take((bits ^ sign) &- sign, end: place &+ 1)
  }

  /// A number of any count of characters, and where it ends.
  @inline(never)
  private static func number(
    _ base: UnsafePointer<UInt8>, from at: Int, count: Int
  ) -> (number: Int, end: Int)? {
    var (value, shift, place) = (0, 0, at)
    while true {
      guard place < count else { return nil }
      let bits = Int(base[place]) &- 48
      guard UInt(bitPattern: bits) < 64, shift < 40 else { return nil }
      value |= (bits & 31) &<< shift
      shift &+= 5
      place &+= 1
      guard bits & 32 != 0 else { break }
    }
    let sign = 1 &<< (shift &- 1)
    return ((value ^ sign) &- sign, place)
  }

  /// A run by what its characters say: from the fourth on the difference to the one before the last.
  @inline(__always)
  private mutating func take(_ number: Int, end: Int) -> Int? {
    let value = index > 2 ? number &+ beforeLast : number
    guard UInt(bitPattern: value) <= UInt(UInt32.max) else { return nil }
    at = end
    index &+= 1
    beforeLast = last
    last = value
    return value
  }

  /// The next run; nil at the end.
  @inline(__always)
  mutating func next() throws(MaskError) -> Int? {
    guard at < text.count else { return nil }
    var value = 0
    var shift = 0
    while true {
      guard at < text.count else { throw .cutShort }
      let bits = Int(text[at]) &- 48
      // Seven groups hold more than any run of an image can need.
      guard bits >= 0, bits < 64, shift < 40 else { throw .badCharacter(text[at], position: at) }
      at &+= 1
      value |= (bits & 31) &<< shift
      shift &+= 5
      if bits & 32 == 0 {
        if bits & 16 != 0 { value |= -1 &<< shift }
        break
      }
    }
    if index > 2 { value &+= beforeLast }
    guard value >= 0, value <= Int(UInt32.max) else { throw .negativeRun(value) }
    index &+= 1
    beforeLast = last
    last = value
    return value
  }
}

extension MaskIntervals {
  /// What compressed counts were decoded to: how many intervals, their area and their bounds.
  struct Decoded {
    var count = 0, area = 0
    var minX = 0, minY = 0, maxX = 0, maxY = 0
  }

  /// Decodes compressed counts to intervals, with area and bounds in the same pass.
  ///
  /// - Parameter out: Room for half as many intervals as there are characters, and one more.
  /// - Returns: nil when they are no mask of that size.
  static func decode(
    _ text: UnsafeBufferPointer<UInt8>, height: Int, width: Int,
    into out: UnsafeMutablePointer<UInt32>
  ) -> Decoded? {
    let pixelCount = height &* width
    var decoder = RunDecoder(text)
    var result = Decoded()
    var position = 0
    // The column of the interval at hand ends here.
    var columnEnd = height
    result.minY = height
    while !decoder.isAtEnd {
      // Background, then foreground.
      guard let empty = decoder.nextOrNil() else { return nil }
      position &+= empty
      guard position <= pixelCount else { return nil }
      if decoder.isAtEnd { break }
      guard let filled = decoder.nextOrNil() else { return nil }
      let end = position &+ filled
      guard end <= pixelCount else { return nil }
      guard filled > 0 else { continue }
      if result.count > 0, out[2 &* result.count &- 1] == UInt32(truncatingIfNeeded: position) {
        // The background between was empty.
        out[2 &* result.count &- 1] = UInt32(truncatingIfNeeded: end)
      } else {
        out[2 &* result.count] = UInt32(truncatingIfNeeded: position)
        out[2 &* result.count &+ 1] = UInt32(truncatingIfNeeded: end)
        result.count &+= 1
      }
      result.area &+= filled
      if position >= columnEnd {
        columnEnd &+= height
        // Columns without a pixel are rare, but for those before the first.
        if position >= columnEnd { columnEnd = (position / height &+ 1) &* height }
      }
      if end > columnEnd {
        (result.minY, result.maxY) = (0, height)
      } else {
        let columnStart = columnEnd &- height
        result.minY = min(result.minY, position &- columnStart)
        result.maxY = max(result.maxY, end &- columnStart)
      }
      position = end
    }
    guard position == pixelCount else { return nil }
    guard result.count > 0 else { return Decoded() }
    result.minX = Int(out[0]) / height
    result.maxX = (Int(out[2 &* result.count &- 1]) &- 1) / height &+ 1
    return result
  }
}
