import Foundation

/// A learning rate for every step of a run.
public protocol LearningRateSchedule: Sendable {
  /// The rate of one step, counted from 0.
  func learningRate(step: Int) -> Double
}

/// Linear warm-up, then a cosine down to `minimum`.
///
/// The cosine of the MoBY and linear protocols is not shifted by the warm-up: it enters at
/// cos(π·W/T), and the rate of step i is the schedule's value at i − 1, because the reference
/// sets it after the update (steps 0 and 1 both use the warm-up's start).
///
///     t < W:  start + t·(peak − start)/W
///     else:   minimum + ½(peak − minimum)(1 + cos(π·t/T))
///
/// Source: timm 0.3.2's scheduler as used by Transformer-SSL.
public struct CosineSchedule: LearningRateSchedule {
  /// The highest rate, the rate at the start of the warm-up and the rate at the end.
  public let peak, warmupStart, minimum: Double
  /// Steps of warm-up, `W`, and steps in all, `T`.
  public let warmupSteps, totalSteps: Int
  /// Whether the cosine starts after the warm-up and ends at `T` (newer recipes).
  public let isShifted: Bool
  /// Whether step i uses the value at i − 1, as the reference does.
  public let lags: Bool
  /// Whether the last step of the warm-up has the peak itself, `t·peak/(W − 1)` (DINO).
  public let reachesPeak: Bool

  /// Sets the curve.
  public init(
    peak: Double, warmupStart: Double, minimum: Double, warmupSteps: Int, totalSteps: Int,
    isShifted: Bool = false, lags: Bool = true, reachesPeak: Bool = false
  ) {
    self.reachesPeak = reachesPeak
    self.peak = peak
    self.warmupStart = warmupStart
    self.minimum = minimum
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    self.isShifted = isShifted
    self.lags = lags
  }

  public func learningRate(step: Int) -> Double {
    let t = lags ? max(0, step - 1) : step
    if t < warmupSteps {
      let intervals = reachesPeak ? max(1, warmupSteps - 1) : warmupSteps
      return warmupStart + Double(t) * (peak - warmupStart) / Double(intervals)
    }
    let offset = isShifted ? warmupSteps : 0
    let length = totalSteps - offset
    guard t - offset < length else { return minimum }
    let angle = Double.pi * Double(t - offset) / Double(length)
    return minimum + 0.5 * (peak - minimum) * (1 + cos(angle))
  }
}

/// A schedule that is looked up once an epoch.
public struct EpochwiseSchedule: LearningRateSchedule {
  /// The curve, counted in epochs.
  public let curve: CosineSchedule
  /// Steps an epoch.
  public let stepsPerEpoch: Int

  /// Wraps a curve over epochs.
  public init(_ curve: CosineSchedule, stepsPerEpoch: Int) {
    self.curve = curve
    self.stepsPerEpoch = stepsPerEpoch
  }

  public func learningRate(step: Int) -> Double {
    curve.learningRate(step: step / max(1, stepsPerEpoch))
  }
}

/// A rate that is multiplied by `factor` at each milestone, after a linear warm-up.
public struct StepSchedule: LearningRateSchedule {
  /// The rate after the warm-up and its value at the first step of the warm-up.
  public let base, warmupStart: Double
  /// Steps of warm-up.
  public let warmupSteps: Int
  /// Steps at which the rate drops, ascending.
  public let milestones: [Int]
  /// What the rate is multiplied by at each milestone.
  public let factor: Double

  /// Sets the curve.
  public init(
    base: Double, milestones: [Int], factor: Double = 0.1, warmupStart: Double = 0,
    warmupSteps: Int = 0
  ) {
    self.base = base
    self.milestones = milestones
    self.factor = factor
    self.warmupStart = warmupStart
    self.warmupSteps = warmupSteps
  }

  public func learningRate(step: Int) -> Double {
    if step < warmupSteps {
      return warmupStart + Double(step) * (base - warmupStart) / Double(warmupSteps)
    }
    let drops = milestones.count { $0 <= step }
    return base * pow(factor, Double(drops))
  }
}
