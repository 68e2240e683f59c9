import FileSupport
import Foundation
import Processes

/// Sends known bytes in every way that a communicator has and compares what arrives with what the
/// slow obvious way would bring: every rank can make every other's bytes by itself.
struct NetworkCheck {
  /// What arrived is not what was sent.
  struct Mismatch: ReportableError {
    let what: String
    var exitCode: ExitCode { .internalFailure }
    var description: String {
      "\(what): other bytes arrived than were sent; the library or the network is at fault."
    }
  }

  private let ranks: any Communicator
  private let lengths = [0, 1, 5, 1000, 65_536, 100_003, 3 << 20]

  init(_ ranks: any Communicator) { self.ranks = ranks }

  /// Compares everything, with whole messages and with messages that are cut, from this thread and
  /// from two at a time.
  ///
  /// - Returns: How many comparisons all ranks made.
  func run() throws -> Int {
    let cut = Processes.cutting(at: 3001)
    let counts =
      [try compare()] + (try cut.map { [try NetworkCheck($0).compare(upTo: 100_003)] } ?? [])
    let count = Int64(counts.reduce(0, +) + (try onTwoThreads()))
    let all = try ranks.gatherBytes(withUnsafeBytes(of: count) { Array($0) })
    return all.reduce(0) { $0 + $1.withUnsafeBytes { Int($0.loadUnaligned(as: Int64.self)) } }
  }

  /// Compares from two threads, each at its own pace and with a channel of its own.
  private func onTwoThreads() throws -> Int {
    let aside = NetworkCheck(ranks.aside)
    nonisolated(unsafe) var result = Result<Int, any Error>.success(0)
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      result = Result { try aside.compare(upTo: 100_003) }
      done.signal()
    }
    thread.stackSize = 4 << 20
    thread.start()
    let count = try compare(upTo: 100_003)
    done.wait()
    return try count + result.get()
  }

  /// Bytes of a rank that nobody else has.
  private func bytes(_ rank: Int, _ count: Int, _ purpose: Int) -> [UInt8] {
    var state = UInt64(rank * 1009 + purpose * 31 + count) &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }

  private func expect(_ isEqual: Bool, _ what: @autoclosure () -> String, _ count: inout Int) throws
  {
    guard isEqual else { throw Mismatch(what: "process \(ranks.rank), \(what())") }
    count += 1
  }

  private func compare(upTo longest: Int = .max) throws -> Int {
    var count = 0
    for length in lengths where length <= longest {
      try gather(length, &count)
      try exchange(length, &count)
      try swap(length, &count)
      try broadcast(length, &count)
      try sum(length / 4, &count)
      try ranks.barrier()
    }
    try expect(try !ranks.any(false), "no flag", &count)
    for flagged in 0..<ranks.size {
      try expect(try ranks.any(flagged == ranks.rank), "the flag of \(flagged)", &count)
    }
    let varied = (0..<ranks.size).map { bytes($0, $0 * 977 % 5000, 1) }
    try expect(try ranks.gatherBytes(varied[ranks.rank]) == varied, "bytes of any length", &count)
    return count
  }

  private func gather(_ length: Int, _ count: inout Int) throws {
    let all = try filled(length * ranks.size) { received in
      try bytes(ranks.rank, length, 2).withUnsafeBytes { try ranks.gather($0, into: received) }
    }
    let expected = (0..<ranks.size).flatMap { bytes($0, length, 2) }
    try expect(all == expected, "a gathering of \(length) bytes each", &count)
  }

  private func exchange(_ length: Int, _ count: inout Int) throws {
    func sent(by sender: Int, to receiver: Int) -> [UInt8] {
      bytes(sender * 131 + receiver, length, 3)
    }
    let pieces = (0..<ranks.size).flatMap { sent(by: ranks.rank, to: $0) }
    let all = try filled(pieces.count) { received in
      try pieces.withUnsafeBytes { try ranks.exchange($0, into: received) }
    }
    let expected = (0..<ranks.size).flatMap { sent(by: $0, to: ranks.rank) }
    try expect(all == expected, "an exchange of \(length) bytes each", &count)
  }

  private func swap(_ length: Int, _ count: inout Int) throws {
    // Neighbours where they pair up, opposite ends, and oneself.
    let neighbour = ranks.rank ^ 1
    for partner in [neighbour, ranks.size - 1 - ranks.rank, ranks.rank] where partner < ranks.size {
      let arrived = try filled(length) { received in
        try bytes(ranks.rank, length, 4).withUnsafeBytes {
          try ranks.swap($0, into: received, with: partner)
        }
      }
      try expect(arrived == bytes(partner, length, 4), "\(length) bytes of \(partner)", &count)
    }
  }

  private func broadcast(_ length: Int, _ count: inout Int) throws {
    for root in Set([0, ranks.size - 1, ranks.size / 2]).sorted() {
      let own = ranks.rank == root ? bytes(root, length, 5) : []
      let arrived = try ranks.broadcast(own, from: root)
      try expect(arrived == bytes(root, length, 5), "\(length) bytes to all from \(root)", &count)
    }
  }

  /// Numbers whose sum depends on the order of the ranks.
  private func numbers(_ rank: Int, _ length: Int) -> [Float] {
    let bits = bytes(rank, length * 2, 6)
    return (0..<length).map { index in
      (Float(bits[2 * index]) - 127) * (bits[2 * index + 1] & 1 == 0 ? 1 : 1.0001e-4)
    }
  }

  private func sum(_ length: Int, _ count: inout Int) throws {
    guard ranks.size.nonzeroBitCount == 1 else { return }
    var sums = numbers(ranks.rank, length)
    try sums.withUnsafeMutableBufferPointer { try ranks.sum($0) }
    let expected = tree((0..<ranks.size).map { numbers($0, length) }[...])
    let isEqual = sums.elementsEqual(expected) { $0.bitPattern == $1.bitPattern }
    try expect(isEqual, "a sum of \(length) numbers", &count)
  }

  private func tree(_ vectors: ArraySlice<[Float]>) -> [Float] {
    guard vectors.count > 1 else { return vectors.first ?? [] }
    let middle = vectors.startIndex + vectors.count / 2
    return zip(tree(vectors[..<middle]), tree(vectors[middle...])).map { $0 + $1 }
  }

  private func filled(
    _ count: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Void
  ) rethrows -> [UInt8] {
    var bytes = [UInt8](repeating: 0xA5, count: count)
    try bytes.withUnsafeMutableBytes(body)
    return bytes
  }
}
