import Processes
import TensorCore

/// The passes of some groups of an update, side by side: batch norms inside see the images of all of
/// them, whoever computes them.
public final class GroupLockstep {
  private final class Failure {
    var error: (any Error)?
  }

  private let lockstep: Lockstep
  private let failure: Failure

  /// Sets the groups.
  ///
  /// - Parameters:
  ///   - ownCount: Groups that this process computes, of those that meet.
  ///   - count: Groups that meet, of all processes; as many as the own ones where processes do not
  ///     share them.
  ///   - parameters: Whose gradients are kept apart.
  public init(_ groups: ImageGroups, ownCount: Int, of count: Int, parameters: [Tensor]) {
    let communicator = groups.communicator
    let failure = Failure()
    self.failure = failure
    lockstep = Lockstep(ownCount, parameters: parameters) { values in
      guard ownCount < count else { return values }
      var values = values
      do {
        try values.withUnsafeMutableBufferPointer { try communicator.sum($0) }
      } catch {
        failure.error = failure.error ?? error
      }
      return values
    }
  }

  /// Runs `body` for every own group; what one run recorded may go backwards in the next.
  ///
  /// - Parameter ended: As of `Lockstep.run`.
  /// - Throws: What communication throws.
  public func run(_ body: @escaping (Int) -> Void, ended: (Int) -> Void = { _ in }) throws {
    lockstep.run(body, ended: ended)
    if let error = failure.error { throw error }
  }
}
