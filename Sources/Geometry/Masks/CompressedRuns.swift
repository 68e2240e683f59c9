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
