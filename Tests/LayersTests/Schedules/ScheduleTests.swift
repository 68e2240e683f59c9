import Layers
import TestSupport
import Testing

@Suite("Schedules")
struct ScheduleTests {
  /// The rates that a schedule gives for as many steps as the reference has.
  private func expectRates(
    _ schedule: some LearningRateSchedule, _ key: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let expected = try SafetensorsFixture("Layers/training.safetensors").values(key)
    for (step, rate) in expected.enumerated() {
      let actual = schedule.learningRate(step: step)
      #expect(
        abs(actual - rate) <= 1e-12 * abs(rate) + 1e-18, "\(key), step \(step)",
        sourceLocation: sourceLocation)
    }
  }

  @Test("The rates that timm's scheduler gives the steps of a run")
  func cosine() throws {
    try expectRates(
      CosineSchedule(
        peak: 1e-3, warmupStart: 5e-7, minimum: 5e-6, warmupSteps: 10, totalSteps: 120),
      "cosine/moby")
    try expectRates(
      CosineSchedule(
        peak: 2, warmupStart: 1e-6, minimum: 1e-5, warmupSteps: 10, totalSteps: 120),
      "cosine/linear")
    try expectRates(
      CosineSchedule(
        peak: 0.3, warmupStart: 0.02, minimum: 0.01, warmupSteps: 10, totalSteps: 120,
        isShifted: true, lags: false), "cosine/shifted")
  }

  @Test(
    "The rate after the warm-up drops as the published settings say",
    arguments: [(300, 0.99932), (100, 0.99388)])
  func dropAfterWarmup(epochs: Int, share: Double) {
    let schedule = CosineSchedule(
      peak: 1e-3, warmupStart: 5e-7, minimum: 5e-6, warmupSteps: 5 * 2502,
      totalSteps: epochs * 2502)
    #expect(schedule.learningRate(step: 0) == 5e-7)
    #expect(schedule.learningRate(step: 1) == 5e-7)
    #expect(schedule.learningRate(step: 2) > 5e-7)
    let entry = schedule.learningRate(step: 5 * 2502 + 1)
    #expect(abs(entry / 1e-3 - share) < 1e-5)
    #expect(entry < schedule.learningRate(step: 5 * 2502))
    #expect(schedule.learningRate(step: epochs * 2502 + 1) == 5e-6)
  }

  @Test("Steps fall at the milestones, after a linear warm-up")
  func steps() throws {
    try expectRates(StepSchedule(base: 0.4, milestones: [20, 35]), "step/milestones")
    let warm = StepSchedule(base: 0.4, milestones: [20], warmupStart: 0.1, warmupSteps: 3)
    for (step, rate) in [0.1, 0.2, 0.3, 0.4, 0.4].enumerated() {
      #expect(abs(warm.learningRate(step: step) - rate) < 1e-15)
    }
  }
}
