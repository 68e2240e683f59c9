import Evaluation

/// What a comparison of two rows came to.
public enum Judgement: Sendable {
  case tested(Delta)
  /// Why nothing is said, and the difference if there are numbers.
  case untested(String, difference: Double?)

  /// The difference with its test.
  public var delta: Delta? { if case .tested(let delta) = self { delta } else { nil } }

  /// The difference of a number, named by its two sides, where it is not tested, and why; nil where it is.
  public func untestedText(_ subject: String, _ unit: MetricUnit) -> String? {
    guard case .untested(let reason, let difference) = self else { return nil }
    let value = difference.map { ": \(unit.difference($0)) \(unit.name)" } ?? ""
    return "\(subject)\(value), not tested (\(reason))"
  }

  /// Difference, interval, p, word, and what is found four times out of five, as tables write them.
  public func cells(_ unit: MetricUnit) -> [String] {
    switch self {
    case .tested(let delta):
      [
        delta.text, delta.intervalText, probability(delta.adjustedPValue), delta.word,
        delta.detectableText,
      ]
    case .untested(_, let difference):
      [difference.map(unit.difference) ?? "-", "-", "-", "not judged", "-"]
    }
  }
}

extension [Judgement] {
  /// The same after Holm's correction over the primary numbers among them.
  public func corrected() -> [Judgement] {
    var deltas = compactMap(\.delta)
    Delta.correct(&deltas)
    var next = deltas.makeIterator()
    return map { judgement in
      guard judgement.delta != nil, let delta = next.next() else { return judgement }
      return .tested(delta)
    }
  }

  /// What a reader must know of these, each once.
  public var notes: [String] {
    var notes: [String] = []
    for judgement in self {
      switch judgement {
      case .untested(let reason, _): if !notes.contains(reason) { notes.append(reason) }
      case .tested(let delta):
        for note in [delta.scope, delta.marginText].compactMap({ $0 }) where !notes.contains(note) {
          notes.append(note)
        }
      }
    }
    let family = compactMap(\.delta).count { $0.role == .primary }
    if family > 0 {
      notes.append(
        "words of the primary number hold after Holm's correction over \(family) differences at 5 %; "
          + "others are exploratory and stand alone")
    }
    return notes
  }
}

/// A method's outcomes of single images, one a training.
public struct MethodOutcomes: Sendable {
  /// The name in tables.
  public let name: String
  /// One a training: numbers of the same images.
  public let trainings: [any ResampledMetric]
  /// Whether the numbers come from trainings that another seed would end otherwise.
  public let isTrained: Bool
  /// Whether the trainings are of several checkpoints, so that they speak of the method.
  public let isGroup: Bool

  /// Wraps outcomes.
  public init(
    name: String, trainings: [any ResampledMetric], isTrained: Bool, isGroup: Bool = false
  ) {
    self.name = name
    self.trainings = trainings
    self.isTrained = isTrained
    self.isGroup = isGroup
  }
}

extension MethodOutcomes {
  /// The mean over trainings.
  ///
  /// - Precondition: there is one.
  fileprivate var mean: any ResampledMetric {
    trainings.count == 1 ? trainings[0] : MeanOfSeeds(trainings)
  }

  /// A classifier's answers, one list a seed; its seeds are no trainings of a whole network.
  public init(name: String, answers: PairedOutcomes, named metric: String) {
    self.init(
      name: name,
      trainings: answers.seeds.map { AnswersOfImages($0, of: answers.images, named: metric) },
      isTrained: false)
  }
}

/// How numbers of two methods are tested against each other: in reports and in the tables of programs.
public struct DifferenceTest: Sendable {
  /// Random swaps of the permutation test.
  public var drawCount: Int
  /// Seed of the swaps.
  public var seed: UInt64
  /// The form of McNemar's test.
  public var mcNemar = McNemar.exact
  /// Differences that do not matter.
  public var margins = Margins.published

  /// Declares a test.
  public init(drawCount: Int, seed: UInt64) {
    self.drawCount = drawCount
    self.seed = seed
  }

  /// The difference of a number.
  ///
  /// - Parameter swaps: Finds the outcome of a permutation test that was made before, or makes it.
  public func judge(
    _ metric: MetricDescription, _ own: MethodOutcomes, against base: MethodOutcomes,
    role: Delta.Role,
    swaps: (_ test: () -> SwapTest) -> SwapTest = { $0() }
  ) -> Judgement {
    let counts = [own, base].map(\.trainings.count)
    guard let first = own.trainings.first, let second = base.trainings.first,
      first.images == second.images, first.metricNames == second.metricNames,
      !first.images.isEmpty
    else { return .untested("not the same images, or no records of them", difference: nil) }
    guard first.images.count > 1 else {
      return .untested(
        "one image alone cannot be tested",
        difference: Self.difference(of: metric, own, base))
    }
    func delta(_ difference: PairedDifference, _ seeded: SeededDifference? = nil) -> Judgement {
      .tested(
        Delta(
          metric: metric, name: own.name, baseline: base.name, difference: difference,
          seeded: seeded, scope: scope(own, base), role: role, margin: margins.margin(of: metric)))
    }
    // One training whose luck does not matter may stand against several.
    let areSeveral = counts.map { $0 >= SeededDifference.fewestTrainings }
    if areSeveral.contains(true),
      zip(areSeveral, [own, base]).allSatisfy({ $0 || !$1.isTrained })
    {
      let values = [own, base].map { $0.trainings.compactMap { $0.imageValues(of: metric.key) } }
      guard values.map(\.count) == counts, values.joined().allSatisfy({ $0[0].isFinite }) else {
        return .untested("the runs lack this number", difference: nil)
      }
      let seeded = SeededDifference(first: values[0], second: values[1])
      return delta(seeded.difference, seeded)
    }
    guard !own.isTrained, !base.isTrained else {
      return .untested(
        "one training of \(counts[0] == 1 ? own.name : base.name): another seed would give another "
          + "number, by how much is not known",
        difference: Self.difference(of: metric, own, base))
    }
    if let a = first as? AnswersOfImages, let b = second as? AnswersOfImages {
      return delta(PairedDifference(PairedProportions(first: a.right, second: b.right), mcNemar))
    }
    let test = swaps { SwapTest(first, minus: second, drawCount: drawCount, seed: seed) }
    return test[metric.key].map { delta($0) }
      ?? .untested("the outcomes cannot be swapped", difference: nil)
  }

  /// The difference alone; nil where one of both lacks the number.
  private static func difference(
    of metric: MetricDescription, _ own: MethodOutcomes, _ base: MethodOutcomes
  ) -> Double? {
    let values = [own, base].compactMap { method -> Double? in
      let mean = method.mean
      return mean.metricNames.firstIndex(of: metric.key).map {
        mean.values(weights: [Int32](repeating: 1, count: mean.images.count))[$0]
      }
    }
    guard values.count == 2, (values[0] - values[1]).isFinite else { return nil }
    return values[0] - values[1]
  }

  private func scope(_ own: MethodOutcomes, _ base: MethodOutcomes) -> String {
    if own.isGroup && base.isGroup { return "about the methods: several checkpoints of each" }
    let single = [own, base].filter { !$0.isGroup }.map(\.name)
    return
      "about \(single.count == 2 ? "these checkpoints" : "this checkpoint of \(single[0])"), not "
      + "about \(single.count == 2 ? "their methods" : "its method"): one pretraining"
      + (single.count == 2 ? " each" : "")
  }
}

/// Right or wrong of every image by one number.
struct AnswersOfImages: ResampledMetric {
  let right: [Bool]
  private let mean: MeanOverImages

  init(_ right: [Bool], of images: [Int], named name: String) {
    self.right = right
    mean = MeanOverImages(right.map { $0 ? 1 : 0 }, of: images, named: name)
  }

  var images: [Int] { mean.images }
  var metricNames: [String] { mean.metricNames }
  func values(weights: [Int32]) -> [Double] { mean.values(weights: weights) }
  func linearizations(weights: [Int32]) -> [Linearization] { mean.linearizations(weights: weights) }
  func followed(by other: any ResampledMetric) -> (any ResampledMetric)? {
    (other as? AnswersOfImages).flatMap { mean.followed(by: $0.mean) }
  }
}
