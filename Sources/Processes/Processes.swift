import CMPI
import FileSupport
import Foundation
import Synchronization

/// The processes that this one works with.
public enum Processes {
  /// Whether other processes are looked for.
  public enum Mode: String, CaseIterable, Sendable {
    /// Where a launcher (`mpirun`, `srun`) started this process.
    case auto
    /// Always.
    case on
    /// Never: this process works by itself.
    case off
  }

  private struct State {
    var communicator: any Communicator = SingleProcess()
    /// Nil before the start.
    var mode: Mode?
    var isFinished = false
  }

  private static let state = Mutex(State())

  /// The communicator of this process; a single process before `start`.
  public static var current: any Communicator {
    standIn ?? state.withLock { $0.communicator }
  }

  /// Whether this is the process that prints: the first of those that a launcher started, also
  /// before they are joined.
  public static var speaks: Bool {
    state.withLock { state in
      switch state.mode {
      case nil: Launcher.current?.rank ?? 0 == 0
      case .off: true
      case .auto, .on: state.communicator.isRoot
      }
    }
  }

  private static var wereStarted: Bool { Launcher.current?.startedSeveral == true }

  /// Sees that this process works by itself, for work that cannot be shared.
  ///
  /// - Throws: `SoloWorkError` where several were started.
  public static func refuseOthers() throws {
    let isAlone = state.withLock { $0.mode == nil ? !wereStarted : $0.communicator.size == 1 }
    if !isAlone { throw SoloWorkError(launcher: Launcher.current?.name ?? "the launcher") }
  }

  /// Whether `start` was called and went well.
  public static var areStarted: Bool { state.withLock { $0.mode != nil } }

  /// Joins the other processes; the first call decides.
  ///
  /// - Throws: `ProcessStartError` where they cannot be joined.
  public static func start(_ mode: Mode) throws {
    guard state.withLock({ $0.mode == nil }) else { return }
    let launcher = Launcher.current
    let isWanted = mode == .on || mode == .auto && launcher?.startedSeveral == true
    guard isWanted else {
      return state.withLock { $0.mode = .off }
    }
    let world = try MessageLibrary.join(launcher, trusts: mode == .on)
    // The first process writes, and the others compute the same.
    FileWriting.isOff = !world.isRoot
    state.withLock { state in
      state.communicator = world
      state.mode = mode
    }
  }

  /// The processes of MPI with messages cut small, to try out how large ones are cut.
  ///
  /// - Parameter bytes: What one call moves at most, of all ranks together.
  package static func cutting(at bytes: Int) -> (any Communicator)? {
    (current as? MessagePassing).map {
      MessagePassing(
        rank: $0.rank, size: $0.size, localSize: $0.localSize, largestMessage: bytes)
    }
  }

  /// What the library calls itself; nil where none is open.
  public static var versionOfMPI: String? {
    current is MessagePassing ? String(cString: cmpi_library_version()) : nil
  }

  /// Leaves the other processes, at the end of work that all of them did.
  public static func finish() {
    let world = state.withLock { state -> MessagePassing? in
      defer { state.isFinished = true }
      return state.isFinished ? nil : state.communicator as? MessagePassing
    }
    world?.finish()
  }

  /// Ends every process because this one cannot go on.
  ///
  /// Most failures are seen by several processes, and one sentence is enough: the first process
  /// speaks at once, the others after a while, when they were not ended meanwhile. A process that
  /// only sees that another one fell silent waits longest.
  ///
  /// - Parameters:
  ///   - error: What happened.
  ///   - isCommon: Whether every process is sure to see the same.
  ///   - isStopped: Whether this process was told to end.
  ///   - speak: Says what happened.
  public static func fail(
    _ error: any Error, exitCode: Int32, isCommon: Bool = false, isStopped: () -> Bool,
    _ speak: () -> Void
  ) -> Never {
    let (hasOthers, rank) = state.withLock { state in
      state.mode == nil
        ? (wereStarted, Launcher.current?.rank ?? 0)
        : (state.communicator.size > 1, state.communicator.rank)
    }
    if hasOthers {
      var patience = rank == 0 ? 0 : 1 + min(Double(rank) * 0.1, 9)
      if error is CommunicationError { patience += 5 }
      let wasStopped = isStopped()
      let end = Date(timeIntervalSinceNow: patience)
      while Date() < end {
        Thread.sleep(forTimeInterval: 0.05)
        if isStopped(), !wasStopped { _exit(exitCode) }
      }
    }
    let isCommon =
      isCommon || (error as? ProcessStartError)?.isCommon == true || error is SoloWorkError
    let isSaidByAnother = rank > 0 && hasOthers && isCommon
    if !isSaidByAnother {
      speak()
      if hasOthers { Self.waitUntilRead(STDERR_FILENO) }
    }
    if !areStarted, !isCommon { Launcher.current?.endAll(exitCode: exitCode) }
    current.abort(exitCode: exitCode)
  }

  /// Waits until a launcher has read what this process wrote: it drops the rest with the process.
  private static func waitUntilRead(_ descriptor: Int32) {
    let end = Date(timeIntervalSinceNow: 5)
    var waiting: Int32 = 0
    while ioctl(descriptor, UInt(FIONREAD), &waiting) == 0, waiting > 0, Date() < end {
      Thread.sleep(forTimeInterval: 0.01)
    }
    // And a moment to pass it on.
    Thread.sleep(forTimeInterval: 0.05)
  }
}
