import CommandLine
import Evaluation
import FileSupport
import Loading
import TensorCore
import Training

/// A linear probe between two epochs: classifiers, curves, and the best epoch so far.
struct ProbeState {
  /// Classifiers that learn from all training images, one a learning rate.
  let heads: [LinearHead]
  /// Their twins that do without the held-out images; empty when nothing is chosen.
  let twins: [LinearHead]
  /// Finished epochs.
  private(set) var epoch = 0
  /// Top-1 by epoch for each learning rate, on validation and on held-out images.
  private(set) var curves: [[Double]]
  private(set) var heldOutCurves: [[Double]]
  /// Training loss by epoch, and by step of the unfinished one.
  private(set) var losses: [Double] = []
  private var stepLosses: [Double] = []
  /// Each classifier's weights at its twin's best epoch.
  private var best: [[Float]]
  private var bestEpochs: [Int]

  init(heads: [LinearHead], twins: [LinearHead]) {
    self.heads = heads
    self.twins = twins
    curves = heads.map { _ in [] }
    heldOutCurves = heads.map { _ in [] }
    best = heads.map(\.weights)
    bestEpochs = heads.map { _ in 0 }
  }

  /// Takes in the first classifier's loss of a step.
  mutating func addStep(loss: Double) { stepLosses.append(loss) }

  mutating func finishEpoch(
    validation: FeatureMatrix, train: FeatureMatrix, heldOut: [Int], classCount: Int
  ) {
    epoch += 1
    losses.append(
      stepLosses.isEmpty ? .nan : stepLosses.reduce(0, +) / Double(stepLosses.count))
    stepLosses = []
    for (index, head) in heads.enumerated() {
      let hasDiverged = head.divergedStep != nil
      curves[index].append(
        hasDiverged ? 0 : Self.top1(head, validation, nil, classCount))
      var isBest = !hasDiverged
      if !twins.isEmpty {
        let top1 = Self.top1(twins[index], train, heldOut, classCount)
        isBest = !hasDiverged && top1 > (heldOutCurves[index].max() ?? -1)
        heldOutCurves[index].append(hasDiverged ? 0 : top1)
      }
      if isBest {
        best[index] = head.weights
        bestEpochs[index] = epoch
      }
    }
  }

  private static func top1(
    _ head: LinearHead, _ features: FeatureMatrix, _ rows: [Int]?, _ classCount: Int
  ) -> Double {
    ClassificationScore(
      head.classifier.records(features, rows: rows), classCount: classCount
    ).top1
  }

  /// The chosen learning rate's outcome.
  func outcome(
    seed: Int, heldOutCount: Int, validation: FeatureMatrix, classCount: Int
  ) -> LinearOutcome {
    // The best held-out accuracy; the first of equal ones.
    let scores = heldOutCurves.map { $0.max() ?? 0 }
    let best = scores.max() ?? 0
    let equal = heldOutCount > 0 ? scores.indices.filter { scores[$0] == best } : [0]
    let chosen = equal.first ?? 0
    let head = heads[chosen]
    head.weights = self.best[chosen]
    let records = head.classifier.records(validation)
    let ties = equal.dropFirst().map { heads[$0].learningRate }
    var outcome = LinearOutcome(
      seed: seed,
      chosen: ["learning_rate": head.learningRate, "epoch": Double(bestEpochs[chosen])],
      remarks: ties.isEmpty
        ? []
        : [
          "learning rates \(([head.learningRate] + ties).argument) did equally well on "
            + "\(heldOutCount) held-out images (seed \(seed)); the first was taken"
        ], heldOutCount: heldOutCount, classifier: head.classifier, records: records,
      score: ClassificationScore(records, classCount: classCount))
    outcome.curve = curves[chosen]
    outcome.heldOutCurve = heldOutCurves[chosen]
    outcome.lossCurve = losses
    return outcome
  }

  // MARK: Resume

  /// The classifiers with their keys' beginnings.
  private var named: [(name: String, head: LinearHead)] {
    heads.enumerated().map { ("head.\($0).", $1) } + twins.enumerated().map { ("twin.\($0).", $1) }
  }

  var tensors: [StateTensor] {
    named.flatMap { name, head in
      head.memory.map { (name + $0.key, $0.tensor.shape, $0.tensor.values) }
    } + best.enumerated().map { ("best.\($0)", [$1.count], $1) }
  }

  var facts: JSONValue {
    func list(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
    return .object([
      "epoch": .integer(epoch), "losses": list(losses), "step losses": list(stepLosses),
      "curves": .array(curves.map(list)), "held out": .array(heldOutCurves.map(list)),
      "best epochs": .array(bestEpochs.map { .integer($0) }),
      "diverged": .array(named.map { .integer($0.head.divergedStep ?? -1) }),
    ])
  }

  /// Takes over a state whose tensors fit.
  ///
  /// - Returns: Whether the facts are those of such a probe.
  mutating func restore(_ stored: TrainingState.Contents) -> Bool {
    func list(_ value: JSONValue?) -> [Double] {
      value?.arrayValue?.map { $0.doubleValue ?? .nan } ?? []
    }
    func integers(_ name: String) -> [Int] {
      stored.facts[name]?.arrayValue?.compactMap(\.intValue) ?? []
    }
    guard let finished = stored.facts["epoch"]?.intValue,
      let curves = stored.facts["curves"]?.arrayValue?.map(list), curves.count == heads.count,
      let held = stored.facts["held out"]?.arrayValue?.map(list), held.count == heads.count,
      integers("best epochs").count == heads.count, integers("diverged").count == named.count
    else { return false }
    for ((name, head), step) in zip(named, integers("diverged")) {
      for (key, tensor) in head.memory {
        if let values = stored.tensors[name + key] { tensor.assign(values) }
      }
      head.divergedStep = step < 0 ? nil : step
    }
    epoch = finished
    losses = list(stored.facts["losses"])
    stepLosses = list(stored.facts["step losses"])
    self.curves = curves
    heldOutCurves = held
    bestEpochs = integers("best epochs")
    best = best.indices.map { stored.tensors["best.\($0)"] ?? best[$0] }
    return true
  }
}
