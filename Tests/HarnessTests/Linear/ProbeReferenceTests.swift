import CommandLine
import Evaluation
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Protocols
import TensorCore
import TestSupport
import Testing

@testable import Harness

/// What PyTorch and scikit-learn find, by `Tests/References/probes.py`.
private struct Reference: Decodable {
  struct Descent: Decodable { let losses, rates, weight, bias: [Double] }
  struct Logistic: Decodable { let regularization, objective: Double, weight, bias: [Double] }
  let descent: [String: Descent]
  struct Attentive: Decodable { let rates, decays: [Double] }
  let logistic: [Logistic]
  let attentive: Attentive

  static func load() throws -> Reference {
    let path = SourceTree.fixture("Evaluation/probes.json")
    return try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private let (rows, width, classes) = (60, 5, 4)

/// The features and labels of the reference, through a file.
private func data(in folder: TemporaryDirectory, count: Int = rows) throws -> FeatureMatrix {
  let labels = DeterministicFill.values("probe.labels", count: rows).map {
    Int32((Double($0) + 1) * 0.5 * Double(classes))
  }
  let centres = DeterministicFill.values("probe.centres", count: classes * width)
  let noise = DeterministicFill.values("probe.noise", count: rows * width, bound: 1.5)
  let values = (0..<rows * width).map {
    centres[Int(labels[$0 / width]) * width + $0 % width] + noise[$0]
  }
  let path = folder.file("\(count).features")
  try FeatureMatrix.write(
    blocks: 1, block: { _ in Array(values.prefix(count * width)) },
    labels: Array(labels.prefix(count)), indices: (0..<Int32(count)).map { $0 },
    featureCount: width, key: "key", to: path)
  return try #require(FeatureMatrix(path: path, key: "key"))
}

@Suite("Probes against PyTorch and scikit-learn")
struct ProbeReferenceTests {
  @Test("The recipes of DINO and MoCo v3 descend as theirs do", arguments: ["dino", "moco-v3"])
  func descent(recipe: String) throws {
    let expected = try #require(try Reference.load().descent[recipe])
    let matrix = try data(in: TemporaryDirectory())
    var settings = LinearProtocol(try #require(LinearProtocol.Name(rawValue: recipe)))
    settings.epochs = 3
    let head = LinearHead(
      settings, learningRate: recipe == "dino" ? 0.3 : 3, featureCount: width, classCount: classes,
      stepsPerEpoch: 4, batchSize: 15, seed: 0)
    head.layer.weight.assign(
      DeterministicFill.values("probe.weight", count: classes * width, bound: 0.1))
    for step in 0..<12 {
      let part = Array(step % 4 * 15..<(step % 4 + 1) * 15)
      let loss = head.gradients(
        features: matrix.rows(part), labels: part.map { Int(matrix.labels[$0]) }, step: step)
      #expect(abs(Double(loss) - expected.losses[step]) < 1e-5 * expected.losses[step])
      head.update(step: step)
      #expect(abs(Double(head.optimizer.learningRate) - expected.rates[step]) < 1e-6)
    }
    for (own, value) in zip(head.weights, expected.weight + expected.bias) {
      #expect(abs(Double(own) - value) < 1e-4)
    }
  }

  @Test("Logistic regression has scikit-learn's optimum and objective")
  func logistic() throws {
    let matrix = try data(in: TemporaryDirectory())
    for expected in try Reference.load().logistic {
      let regression = LogisticRegression(
        features: matrix, rows: Array(0..<rows), classCount: classes,
        regularization: expected.regularization)
      let found = try regression.fit(iterationLimit: 1000, tolerance: 1e-9)
      #expect(found.ending != .limit)
      #expect(
        abs(found.value * Double(rows) - expected.objective) < 1e-6 * expected.objective,
        "\(expected.regularization)")
      let largest = expected.weight.map(abs).max() ?? 1
      for (own, value) in zip(found.x, expected.weight) {
        #expect(abs(own - value) < 1e-4 * max(1, largest), "\(expected.regularization)")
      }
      // Biases are free of the penalty but for a number that all share.
      let biases = found.x.suffix(classes)
      let mean = biases.reduce(0, +) / Double(classes)
      for (own, value) in zip(biases, expected.bias) {
        #expect(abs(own - mean - value) < 1e-4 * max(1, largest))
      }
    }
  }

  @Test("The attentive probe's rate and decay follow V-JEPA's schedules")
  func attentive() throws {
    let expected = try Reference.load().attentive
    let settings = LinearProtocol(.attentive)
    for step in 0..<10 {
      let found = AttentiveProbe.schedule(settings, step: step, of: 10)
      #expect(abs(found.rate - expected.rates[step]) < 1e-12)
      #expect(abs(found.decay - expected.decays[step]) < 1e-12)
    }
    let classifier = AttentiveClassifier(
      channels: 8, headCount: 2, classCount: 3, initializer: .blank)
    let decaying = AttentiveProbe.optimizer(classifier, weightDecay: 0.1).parameters
      .filter { $0.weightDecay > 0 }.map(\.key)
    #expect(decaying.count == 6 && decaying.allSatisfy { !$0.contains("bias") })
    #expect(!decaying.contains { $0.contains("norm") } && decaying[0] == "pooler.query_tokens")
  }

  @Test("Products in single precision give the sums of those in double")
  func fast() throws {
    let matrix = try data(in: TemporaryDirectory())
    let regression = LogisticRegression(
      features: matrix, rows: Array(7..<rows), classCount: classes, regularization: 1)
    let x = DeterministicFill.values("place", count: classes * (width + 1)).map { Double($0) }
    let (exact, fast) = (regression.exactSums(x), regression.fastSums(x))
    #expect(abs(exact.loss - fast.loss) < 1e-5 * exact.loss)
    for (a, b) in zip(exact.gradient, fast.gradient) { #expect(abs(a - b) < 1e-5 * exact.loss) }
    #expect(exact.gradient.count == fast.gradient.count)
  }

  @Test("The objective's gradient is its slope")
  func slope() throws {
    let matrix = try data(in: TemporaryDirectory())
    let regression = LogisticRegression(
      features: matrix, rows: Array(stride(from: 0, to: rows, by: 2)), classCount: classes,
      regularization: 0.7)
    let x = DeterministicFill.values("place", count: classes * (width + 1)).map { Double($0) }
    let (_, gradient) = regression.objective(x)
    for at in x.indices {
      var (up, down) = (x, x)
      (up[at], down[at]) = (up[at] + 1e-5, down[at] - 1e-5)
      let slope = (regression.objective(up).value - regression.objective(down).value) / 2e-5
      #expect(abs(slope - gradient[at]) < 1e-8, "\(at)")
    }
  }

  @Test(
    "The search goes by CLIP's rule to eight strengths a decade, and takes the strongest of equals")
  func search() throws {
    let folder = try TemporaryDirectory()
    let (train, validation) = (try data(in: folder), try data(in: folder, count: 40))
    let settings = LinearProtocol(.logistic)
    func found() throws -> LinearOutcome {
      try LogisticProbe(
        settings: settings, train: train, validation: validation, classCount: classes, seed: 0,
        label: "test"
      ).outcome()
    }
    let first = try found()
    let place = try #require(first.chosen["regularization"])
    let grid = (log10(place) + 6) * 8
    #expect(abs(grid - grid.rounded()) < 1e-9 && LogisticProbe.places.contains(Int(grid.rounded())))
    #expect(first.heldOutCount > 0 && first.records.count == 40 && first.curve.isEmpty)
    #expect(first.score.top1 > 0.5)
    let again = try found()
    #expect(again.records == first.records && again.chosen == first.chosen)
  }
}
