import Foundation

extension Processes {
  /// What `current` is for a while: a process by itself, or ranks made up by a test.
  @TaskLocal package static var standIn: (any Communicator)?

  /// Does a piece of work by one process after the other has left its results on disk: the first
  /// process alone, then all others, who find what it made.
  ///
  /// Inside, `current` is a single process.
  ///
  /// - Throws: What `body` throws, and what communication throws.
  public static func rootFirst<Value>(_ body: () throws -> Value) throws -> Value {
    let ranks = current
    guard ranks.size > 1 else { return try body() }
    if !ranks.isRoot { try ranks.barrier() }
    let value = try $standIn.withValue(SingleProcess()) { try body() }
    if ranks.isRoot { try ranks.barrier() }
    return value
  }

  /// Lets the first process alone find something out, and tells all.
  ///
  /// - Returns: What `body` gave in the first process.
  /// - Throws: What `body` throws, in the first process, which ends all; and what communication
  ///   throws.
  public static func told<Value: Codable>(_ body: () throws -> Value) throws -> Value {
    let ranks = current
    guard ranks.size > 1 else { return try body() }
    // A property list keeps every number as it is; its outermost part must be a list.
    guard ranks.isRoot else {
      let bytes = try ranks.broadcast([], from: 0)
      return try PropertyListDecoder().decode([Value].self, from: Data(bytes))[0]
    }
    let value = try $standIn.withValue(SingleProcess()) { try body() }
    let encoder = PropertyListEncoder()
    encoder.outputFormat = .binary
    _ = try ranks.broadcast(Array(try encoder.encode([value])), from: 0)
    return value
  }
}
