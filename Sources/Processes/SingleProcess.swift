import Foundation

/// One process by itself: every exchange is with itself, and no library is needed.
public struct SingleProcess: Communicator {
  /// There is nothing to set.
  public init() {}
  public var rank: Int { 0 }
  public var size: Int { 1 }
  public var localSize: Int { 1 }
  public var aside: any Communicator { self }
  public func barrier() {}
  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {}
  public func gather(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) {
    all.copyMemory(from: bytes)
  }
  public func exchange(
    _ pieces: UnsafeRawBufferPointer, into received: UnsafeMutableRawBufferPointer
  ) {
    received.copyMemory(from: pieces)
  }
  public func swap(
    _ bytes: UnsafeRawBufferPointer, into received: UnsafeMutableRawBufferPointer,
    with partner: Int
  ) {
    received.copyMemory(from: bytes)
  }
  public func abort(exitCode: Int32) -> Never { exit(exitCode) }
}
