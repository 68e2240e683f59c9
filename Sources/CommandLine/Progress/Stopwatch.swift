import Dispatch

/// Seconds since it was started, whatever the machine's clock is set to meanwhile.
public struct Stopwatch: Sendable {
  private let start = DispatchTime.now().uptimeNanoseconds

  /// Starts to count.
  public init() {}

  /// Seconds since the start.
  public var seconds: Double { Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9 }
}
