import CMPI
import FileSupport
import Foundation

/// A message did not arrive: another process or the network failed.
public struct CommunicationError: ReportableError {
  /// What was being done, and what the library says of it.
  let action, reason: String
  let rank: Int

  public var exitCode: ExitCode { .internalFailure }
  public var description: String {
    "process \(rank) could not \(action), another process or the network failed (\(reason)); run "
      + "the same command again to go on."
  }
}

/// The processes of MPI's world.
final class MessagePassing: Communicator {
  let rank, size, localSize: Int
  /// How many bytes of all ranks together one call of the library moves: it counts them by 32 bits.
  let largestMessage: Int
  private let channel: Int32

  init(
    rank: Int, size: Int, localSize: Int, largestMessage: Int = 1 << 30,
    channel: Int32 = Int32(CMPI_MAIN)
  ) {
    self.rank = rank
    self.size = size
    self.localSize = localSize
    self.largestMessage = largestMessage
    self.channel = channel
  }

  var aside: any Communicator {
    MessagePassing(
      rank: rank, size: size, localSize: localSize, largestMessage: largestMessage,
      channel: Int32(CMPI_ASIDE))
  }

  func barrier() throws { try call("wait for the others") { cmpi_barrier(channel) } }

  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
    precondition((0..<size).contains(root), "no rank \(root) among \(size)")
    try forEachPart(of: bytes.count, largest: largestMessage) { part in
      try call("receive what all need") {
        cmpi_broadcast(channel, Self.address(bytes, part), Int32(part.count), Int32(root))
      }
    }
  }

  func gather(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
    let length = bytes.count
    precondition(all.count == length * size, "\(all.count) bytes for \(size) times \(length)")
    let action = "gather what all have"
    guard all.count > largestMessage else {
      return try call(action) {
        cmpi_gather(channel, bytes.baseAddress, Int32(length), all.baseAddress)
      }
    }
    try inParts(of: length) { part, scratch in
      try call(action) {
        cmpi_gather(channel, Self.address(bytes, part), Int32(part.count), scratch.baseAddress)
      }
      Self.copyPieces(from: scratch, to: all, part, count: size)
    }
  }

  func exchange(
    _ pieces: UnsafeRawBufferPointer, into received: UnsafeMutableRawBufferPointer
  ) throws {
    let length = pieces.count / size
    precondition(pieces.count == length * size, "\(pieces.count) bytes in \(size) pieces")
    precondition(received.count == pieces.count, "\(received.count) for \(pieces.count) bytes")
    let action = "exchange pieces"
    guard pieces.count > largestMessage else {
      return try call(action) {
        cmpi_exchange(channel, pieces.baseAddress, Int32(length), received.baseAddress)
      }
    }
    try inParts(of: length) { part, scratch in
      let own = UnsafeMutableRawBufferPointer.allocate(byteCount: scratch.count, alignment: 16)
      defer { own.deallocate() }
      for piece in 0..<size {
        let place = piece * length + part.lowerBound
        UnsafeMutableRawBufferPointer(
          rebasing: own[piece * part.count..<(piece + 1) * part.count]
        ).copyMemory(from: UnsafeRawBufferPointer(rebasing: pieces[place..<place + part.count]))
      }
      try call(action) {
        cmpi_exchange(channel, own.baseAddress, Int32(part.count), scratch.baseAddress)
      }
      Self.copyPieces(from: scratch, to: received, part, count: size)
    }
  }

  func swap(
    _ bytes: UnsafeRawBufferPointer, into received: UnsafeMutableRawBufferPointer,
    with partner: Int
  ) throws {
    precondition((0..<size).contains(partner), "no rank \(partner) among \(size)")
    precondition(bytes.count == received.count, "\(bytes.count) for \(received.count) bytes")
    try forEachPart(of: bytes.count, largest: largestMessage) { part in
      try call("swap bytes with process \(partner)") {
        cmpi_swap(
          channel, Self.address(bytes, part), Self.address(received, part), Int32(part.count),
          Int32(partner))
      }
    }
  }

  func setAwaited(_ isAwaited: Bool) { cmpi_set_awaited(isAwaited ? 1 : 0) }

  func abort(exitCode: Int32) -> Never {
    fflush(nil)
    cmpi_abort(exitCode)
    _exit(exitCode)
  }

  /// Leaves the world, when all others are about to.
  func finish() {
    try? barrier()
    // MPICH over UCX can wait for ever in its own end when there are several machines: one process
    // still closes its connections while another, which would have to answer, listens to the
    // launcher alone. Nothing is under way any more, so that the launcher can be told at once.
    if size > localSize, Launcher.current?.leave() == true { return }
    cmpi_finalize()
  }

  // MARK: Parts

  private func call(_ action: @autoclosure () -> String, _ body: () -> Int32) throws {
    let code = body()
    guard code != 0 else { return }
    throw CommunicationError(
      action: action(), reason: text { cmpi_error_text(code, $0, $1) }, rank: rank)
  }

  /// Cuts a piece's bytes so that those of all ranks fit into one call, with memory for them.
  private func inParts(
    of length: Int, _ body: (Range<Int>, UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    let largest = max(1, largestMessage / size)
    let scratch = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(largest, length) * size, alignment: 16)
    defer { scratch.deallocate() }
    try forEachPart(of: length, largest: largest) { part in
      try body(part, .init(rebasing: scratch[..<(part.count * size)]))
    }
  }

  private func forEachPart(of length: Int, largest: Int, _ body: (Range<Int>) throws -> Void)
    rethrows
  {
    var start = 0
    repeat {
      let end = start + min(largest, length - start)
      try body(start..<end)
      start = end
    } while start < length
  }

  /// Copies the parts of all pieces that lie close together to where they belong.
  private static func copyPieces(
    from close: UnsafeMutableRawBufferPointer,
    to all: UnsafeMutableRawBufferPointer, _ part: Range<Int>, count: Int
  ) {
    let length = all.count / count
    for piece in 0..<count {
      let place = piece * length + part.lowerBound
      let source = piece * part.count..<(piece + 1) * part.count
      UnsafeMutableRawBufferPointer(rebasing: all[place..<place + part.count])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: close[source]))
    }
  }

  private static func address(_ bytes: UnsafeRawBufferPointer, _ part: Range<Int>)
    -> UnsafeRawPointer?
  {
    bytes.baseAddress.map { $0 + part.lowerBound }
  }

  private static func address(_ bytes: UnsafeMutableRawBufferPointer, _ part: Range<Int>)
    -> UnsafeMutableRawPointer?
  {
    bytes.baseAddress.map { $0 + part.lowerBound }
  }
}

/// What a function of C writes into a buffer.
func text<Result>(
  capacity: Int = 512, _ body: (UnsafeMutablePointer<CChar>, Int) -> Result
) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
    guard let base = buffer.baseAddress else { return "" }
    buffer.initialize(repeating: 0)
    _ = body(base, capacity)
    return String(cString: base)
  }
}
