import Foundation

/// The momentum of a target network over a run.
///
///     m(t) = 1 − (1 − m₀)·(cos(π·t/T) + 1)/2,  or m₀ throughout
public struct MomentumSchedule: Sendable, Equatable {
  /// The momentum of the first step.
  public let start: Double
  /// Whether it stays there (MoCo v2).
  public let isConstant: Bool
  /// Steps of the whole run, `T`.
  public let totalSteps: Int

  /// Sets the curve.
  public init(start: Double, isConstant: Bool = false, totalSteps: Int) {
    self.start = start
    self.isConstant = isConstant
    self.totalSteps = totalSteps
  }

  /// The momentum of one step, counted from 0.
  public func callAsFunction(step: Int) -> Double {
    if isConstant { return start }
    let angle = Double.pi * Double(step) / Double(max(1, totalSteps))
    return 1 - (1 - start) * (cos(angle) + 1) / 2
  }
}
