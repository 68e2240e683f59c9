import CounterRandom
import Foundation

/// How often tests and intervals are right where the truth is known.
public struct TestSimulation: Sendable {
  /// What is simulated.
  public let task: SimulatedTask
  /// Images of each comparison, trainings of each method, comparisons, and random swaps of each.
  public let imageCount: Int, trainingCount: Int, repetitions: Int, drawCount: Int
  /// The form of McNemar's test.
  public let mcNemar: McNemar
  /// Seed of everything.
  public let seed: UInt64

  /// Plans a simulation.
  public init(
    _ task: SimulatedTask, imageCount: Int, trainingCount: Int = 1, repetitions: Int,
    drawCount: Int = 1000, mcNemar: McNemar = .exact, seed: UInt64
  ) {
    self.task = task
    self.imageCount = imageCount
    self.trainingCount = trainingCount
    self.repetitions = repetitions
    self.drawCount = drawCount
    self.mcNemar = mcNemar
    self.seed = seed
  }

  /// What a simulation found; parts of the repetitions.
  public struct Findings: Sendable {
    /// Claims of a difference between methods with equal numbers.
    public var falseClaims = Double.nan
    /// 95 % intervals that hold the true difference, where there is none and where there is one.
    public var coverageAtZero = Double.nan, coverage = Double.nan
    /// 95 % intervals of one method's number that hold it.
    public var coverageOfNumber = Double.nan
    /// Claims of equivalence where the difference is just the margin.
    public var falseEquivalence = Double.nan
    /// Claims of a difference of the size that the comparisons print as found 8 times in 10.
    public var power = Double.nan
    /// That size, and the true difference that stood for it.
    public var printed = Double.nan, truth = Double.nan
    /// How often better or worse was said of the same true difference by one of two repetitions alone.
    public var disagreement = Double.nan
    /// Repetitions with a difference.
    public var count = 0

    /// The deviation of a part by chance.
    public func noise(_ part: Double) -> Double {
      (part * (1 - part) / Double(max(1, count))).squareRoot()
    }
  }

  /// Runs the simulation.
  ///
  /// - Parameter progress: Called after each comparison.
  public func run(
    truth: SimulatedTruth, progress: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) -> Findings {
    var findings = Findings()
    let equal = differences(skill: truth.skill(of: 0), part: 0) { progress($0, 2 * repetitions) }
    findings.falseClaims = Self.part(equal) { $0.pValue < 0.05 }
    findings.coverageAtZero = Self.part(equal) { Self.holds(0, $0) }
    findings.coverageOfNumber = coverageOfNumber(truth.number)
    let printed = equal.map { $0.detectable() }.sorted()
    findings.printed = printed[printed.count / 2]
    guard findings.printed.isFinite, let skill = truth.reachable(findings.printed) else {
      findings.count = equal.count
      return findings
    }
    findings.truth = truth.difference(of: skill)
    let apart = differences(skill: skill, part: 1) { progress(repetitions + $0, 2 * repetitions) }
    findings.coverage = Self.part(apart) { Self.holds(findings.truth, $0) }
    findings.falseEquivalence = Self.part(apart) {
      $0.equivalencePValue(margin: findings.truth, evenIfTooSmall: true) < 0.05
    }
    findings.power = Self.part(apart) { $0.pValue < 0.05 }
    findings.disagreement = 2 * findings.power * (1 - findings.power)
    findings.count = apart.count
    return findings
  }

  private static func part(
    _ differences: [PairedDifference], _ isSo: (PairedDifference) -> Bool
  ) -> Double {
    Double(differences.count(where: isSo)) / Double(max(1, differences.count))
  }

  private static func holds(_ value: Double, _ difference: PairedDifference) -> Bool {
    let interval = difference.interval(significance: 0.05, evenIfTooSmall: true)
    return interval.map { $0.low <= value && value <= $0.high } ?? false
  }

  /// How often the interval of the first method's number holds it.
  private func coverageOfNumber(_ truth: Double) -> Double {
    let held = (0..<repetitions).count { repetition in
      let seed = seed &+ UInt64(2_000_003 + repetition) &* 7919
      var stream = RandomStream(seed: seed, purpose: .simulation, epoch: 4_000_000)
      let methods = (0..<trainingCount).map { training in
        SimulatedTask.Method(
          skill: trainingCount > 1 ? SimulatedTask.trainingSpread * stream.normal() : 0,
          training: training)
      }
      let outcomes = task.outcomes(methods, images: imageCount, seed: seed)
      let interval: Interval
      if trainingCount > 1 {
        interval = SeededNumber(outcomes.compactMap { $0.imageValues(of: task.metric) }).interval()
      } else if task == .classification {
        let mean = outcomes[0].values(weights: [Int32](repeating: 1, count: imageCount))[0]
        interval = Proportions.wilson(
          successes: Int((mean * Double(imageCount)).rounded()), of: imageCount)
      } else {
        let ones = [Int32](repeating: 1, count: imageCount)
        let whole = Bootstrap.Draw(outcomes[0].linearizations(weights: ones)[0], ones)
        let drawn = (0..<drawCount).map { number in
          let weights = Bootstrap.weights(seed: seed, number: number, imageCount: imageCount)
          return Bootstrap.Draw(outcomes[0].linearizations(weights: weights)[0], weights)
        }
        interval = Bootstrap.interval(
          whole, drawn.filter(\.value.isFinite), 0.95, support: outcomes[0].supports[0])
      }
      return interval.low <= truth && truth <= interval.high
    }
    return Double(held) / Double(repetitions)
  }

  /// The comparison of every repetition: the second method minus the first.
  private func differences(
    skill: Double, part: Int, progress: (Int) -> Void
  ) -> [PairedDifference] {
    var all: [PairedDifference] = []
    for repetition in 0..<repetitions {
      let seed = seed &+ UInt64(part * 1_000_003 + repetition) &* 7919
      var stream = RandomStream(seed: seed, purpose: .simulation, epoch: 4_000_000)
      var methods: [SimulatedTask.Method] = []
      for method in 0..<2 {
        for training in 0..<trainingCount {
          let luck = trainingCount > 1 ? SimulatedTask.trainingSpread * stream.normal() : 0
          methods.append(
            .init(
              skill: (method == 1 ? skill : 0) + luck, isNoisy: method == 1, training: training))
        }
      }
      let outcomes = task.outcomes(methods, images: imageCount, seed: seed)
      if let difference = difference(
        Array(outcomes[trainingCount...]), Array(outcomes[..<trainingCount]), seed)
      {
        all.append(difference)
      }
      progress(repetition + 1)
    }
    return all
  }

  private func difference(
    _ own: [any ResampledMetric], _ other: [any ResampledMetric], _ seed: UInt64
  ) -> PairedDifference? {
    if trainingCount > 1 {
      let values = [own, other].map { $0.compactMap { $0.imageValues(of: task.metric) } }
      return SeededDifference(first: values[0], second: values[1]).difference
    }
    guard task != .classification else {
      let right = [own[0], other[0]].map {
        ($0.imageValues(of: task.metric) ?? []).map { $0 > 0.5 }
      }
      return PairedDifference(PairedProportions(first: right[0], second: right[1]), mcNemar)
    }
    return SwapTest(own[0], minus: other[0], drawCount: drawCount, seed: seed)[task.metric]
  }
}

/// The true difference of a task's two methods as the second one's skill grows, from many images.
public struct SimulatedTruth: Sendable {
  /// The first method's number.
  public let number: Double
  private let skills: [Double]
  private let differences: [Double]

  /// Draws many data sets.
  ///
  /// - Parameters:
  ///   - sets: How many.
  ///   - images: Images of each.
  public init(
    _ task: SimulatedTask, skills: [Double] = [-0.2, 0, 0.2, 0.5, 1, 1.8],
    hasTrainings: Bool = false,
    sets: Int = 40, images: Int = 5000, seed: UInt64
  ) {
    self.skills = skills
    let drawn = (0..<sets).map { set -> [Double] in
      let own = seed &+ 0x5EED_0000 &+ UInt64(set)
      var stream = RandomStream(seed: own, purpose: .simulation, epoch: 4_000_001)
      func luck() -> Double { hasTrainings ? SimulatedTask.trainingSpread * stream.normal() : 0 }
      // All skills see the same images and chances, so that their differences are smooth.
      let (first, second) = (luck(), luck())
      let ones = [Int32](repeating: 1, count: images)
      func value(_ method: Int, _ skill: Double) -> Double {
        let methods = [
          SimulatedTask.Method(skill: first),
          SimulatedTask.Method(skill: skill + second, isNoisy: true),
        ]
        let outcomes = task.outcomes(methods, images: images, seed: own)
        let at = outcomes[method].metricNames.firstIndex(of: task.metric) ?? 0
        return outcomes[method].values(weights: ones)[at]
      }
      let base = value(0, 0)
      return [base] + skills.map { value(1, $0) - base }
    }
    let means = (0...skills.count).map { at in drawn.reduce(0) { $0 + $1[at] } / Double(sets) }
    number = means[0]
    differences = Array(means.dropFirst())
  }

  /// The skill at which the methods differ by so much; between the known ones by a parabola through
  /// the nearest three.
  func skill(of difference: Double) -> Double {
    var (low, high) = (skills[0], skills[skills.count - 1])
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if self.difference(of: middle) < difference { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }

  /// The skill of a difference, or nil where it is larger than any that was drawn.
  func reachable(_ difference: Double) -> Double? {
    difference < differences[differences.count - 1] ? skill(of: difference) : nil
  }

  /// The difference at a skill.
  func difference(of skill: Double) -> Double {
    let nearest = skills.indices.sorted { abs(skills[$0] - skill) < abs(skills[$1] - skill) }
      .prefix(3)
    return nearest.reduce(0) { sum, at in
      sum
        + nearest.filter { $0 != at }.reduce(differences[at]) {
          $0 * (skill - skills[$1]) / (skills[at] - skills[$1])
        }
    }
  }
}
