/// The processes that share one piece of work, and what they can do together.
///
/// Every rank calls the same functions in the same order, one at a time; each function returns when
/// this rank's part is done. A second thread has its own order of calls on `aside`. A failure is thrown
/// on the rank that sees it, and nothing may be sent after it: the program ends (`abort`).
public protocol Communicator: Sendable {
  /// This process among all, from 0.
  var rank: Int { get }
  /// How many processes there are.
  var size: Int { get }
  /// How many of them run on this machine, this one included.
  var localSize: Int { get }
  /// The same processes for one other thread, whose calls meet only each other.
  var aside: any Communicator { get }

  /// Returns when every rank has called it.
  func barrier() throws

  /// Overwrites the bytes of every rank by those of one.
  ///
  /// - Parameters:
  ///   - bytes: As many on every rank.
  ///   - root: The rank whose bytes they become.
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws

  /// Brings the bytes of all ranks to all ranks.
  ///
  /// - Parameters:
  ///   - bytes: This rank's, as many on every rank.
  ///   - all: `size * bytes.count` bytes, apart from `bytes`; those of rank r come to lie at
  ///     `r * bytes.count`.
  func gather(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws

  /// Sends every rank a piece of its own, and receives one from each.
  ///
  /// - Parameters:
  ///   - pieces: `size` pieces of equal length; piece p goes to rank p.
  ///   - received: As many bytes, apart from `pieces`; what rank p sent lands at piece p.
  func exchange(_ pieces: UnsafeRawBufferPointer, into received: UnsafeMutableRawBufferPointer)
    throws

  /// Sends bytes to one rank and receives as many from it.
  func swap(
    _ bytes: UnsafeRawBufferPointer, into received: UnsafeMutableRawBufferPointer,
    with partner: Int) throws

  /// Says that a thread waits, or waits no longer, for what another one does on this channel, so that
  /// its core may be spent on moving messages.
  func setAwaited(_ isAwaited: Bool)

  /// Ends every process with this status.
  func abort(exitCode: Int32) -> Never
}

extension Communicator {
  public func setAwaited(_ isAwaited: Bool) {}

  /// Whether this is the process that writes and speaks.
  public var isRoot: Bool { rank == 0 }

  /// This rank's part of some items in a row.
  public func share(of count: Int) -> Range<Int> { count * rank / size..<count * (rank + 1) / size }

  /// The numbers of all ranks, as many of each, in the order of the ranks.
  public func gather(_ values: [Float]) throws -> [Float] {
    guard size > 1 else { return values }
    var all = [Float](repeating: 0, count: values.count * size)
    try values.withUnsafeBytes { own in
      try all.withUnsafeMutableBytes { try gather(own, into: $0) }
    }
    return all
  }

  /// The bytes of every rank, whose counts may differ, in the order of the ranks.
  public func gatherBytes(_ own: [UInt8]) throws -> [[UInt8]] {
    guard size > 1 else { return [own] }
    var counts = [Int64](repeating: 0, count: size)
    try withUnsafeBytes(of: Int64(own.count)) { count in
      try counts.withUnsafeMutableBytes { try gather(count, into: $0) }
    }
    let room = Int(counts.max() ?? 0)
    var all = [UInt8](repeating: 0, count: room * size)
    let padded = own + [UInt8](repeating: 0, count: room - own.count)
    try padded.withUnsafeBytes { bytes in
      try all.withUnsafeMutableBytes { try gather(bytes, into: $0) }
    }
    return counts.enumerated().map { rank, count in
      Array(all[rank * room..<rank * room + Int(count)])
    }
  }

  /// The numbers of all ranks, whose counts may differ, in the order of the ranks.
  public func joined(_ own: [Float]) throws -> [Float] {
    guard size > 1 else { return own }
    let parts = try gatherBytes(own.withUnsafeBytes { Array($0) })
    let width = MemoryLayout<Float>.size
    return [Float](unsafeUninitializedCapacity: parts.reduce(0) { $0 + $1.count } / width) {
      numbers, count in
      let bytes = UnsafeMutableRawBufferPointer(numbers)
      for part in parts {
        UnsafeMutableRawBufferPointer(rebasing: bytes[(count * width)...]).copyBytes(from: part)
        count += part.count / width
      }
    }
  }

  /// One rank's bytes, on every rank.
  ///
  /// - Parameters:
  ///   - own: The bytes; only those of the root count, and only it needs to know how many.
  ///   - root: Whose bytes they are.
  public func broadcast(_ own: [UInt8], from root: Int) throws -> [UInt8] {
    guard size > 1 else { return own }
    var count = Int64(own.count)
    try withUnsafeMutableBytes(of: &count) { try broadcast($0, from: root) }
    var bytes = rank == root ? own : [UInt8](repeating: 0, count: Int(count))
    try bytes.withUnsafeMutableBytes { try broadcast($0, from: root) }
    return bytes
  }

  /// Whether the flag is set on any rank.
  public func any(_ flag: Bool) throws -> Bool {
    guard size > 1 else { return flag }
    var flags = [UInt8](repeating: 0, count: size)
    try withUnsafeBytes(of: UInt8(flag ? 1 : 0)) { own in
      try flags.withUnsafeMutableBytes { try gather(own, into: $0) }
    }
    return flags.contains(1)
  }
}
