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
}
