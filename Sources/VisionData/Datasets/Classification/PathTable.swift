/// Many paths in one block of bytes: 1.28 million take about 50 MB.
struct PathTable: Sendable {
  /// All paths, one behind the other, and where each ends.
  private(set) var bytes: [UInt8] = []
  private(set) var ends: [Int] = []

  init() {}

  /// Paths that were kept; nil where their ends are none.
  init?(bytes: [UInt8], ends: [Int]) {
    guard (ends.last ?? 0) == bytes.count, (ends.first ?? 0) >= 0,
      zip(ends, ends.dropFirst()).allSatisfy({ $0 <= $1 })
    else { return nil }
    (self.bytes, self.ends) = (bytes, ends)
  }

  var count: Int { ends.count }

  mutating func append(_ path: some Sequence<UInt8>) {
    bytes.append(contentsOf: path)
    ends.append(bytes.count)
  }

  /// The bytes of a path.
  func bytes(_ index: Int) -> ArraySlice<UInt8> {
    bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }

  subscript(index: Int) -> String { String(decoding: bytes(index), as: UTF8.self) }
}
