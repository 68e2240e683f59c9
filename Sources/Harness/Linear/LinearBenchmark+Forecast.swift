import CommandLine
import Layers
import Loading
import Models
import Protocols
import TensorCore
import VisionData

/// How long a candidate will take, measured on a few of its images.
extension LinearBenchmark {
  /// Images that tell how long one takes.
  private static let paceImages = 8

  func seconds(of candidate: Candidate) throws -> Double {
    let settings = options.settings
    let path = candidate.path
    let claim = NetworkClaim(
      architecture: options.architecture?.architecture, headCount: options.heads)
    let backbone =
      try path.map {
        try BackboneLoader.load(
          path: $0, inputSize: settings.inputSize, branch: options.backbone.branch, claim: claim,
          allowsPartial: options.backbone.allowsPartial
        ).backbone
      }
      ?? (claim.architecture ?? .swin(options.preset == .full ? .tiny : .mini)).makeBackbone(
        inputSize: settings.inputSize, initializer: Initializer(seed: 0))
    let choice = settings.feature(of: backbone.architecture)
    guard choice.problem(with: backbone.architecture) == nil else { return 0 }
    let chosen = ChosenFeatures(backbone, choice)
    func pass() throws -> Double {
      let loader = BatchLoader(
        folder: data.images.train, order: Array(data.trainOrder.prefix(Self.paceImages)),
        transforms: [settings.testTransform], batchSize: Self.paceImages, seed: 0, epoch: 0,
        policy: .skip)
      let watch = Stopwatch()
      while let batch = try loader.next() {
        _ = withoutGradients { chosen.features(batch.images) }
      }
      return watch.seconds / Double(min(Self.paceImages, data.trainOrder.count))
    }
    _ = try pass()
    let passes = settings.isCached ? 0 : settings.epochs
    let drawn = options.shots.map { $0 * data.classNames.count } ?? data.trainOrder.count
    let images =
      drawn * (options.shots == nil ? 1 : options.seeds.count)
      + drawn * passes * options.seeds.count + data.validationOrder.count
      + shifts.reduce(0) { $0 + $1.imageCount }
    return try pass() * Double(images) + logisticSeconds(rows: drawn, width: chosen.featureCount)
      + shifts.reduce(0) { try $0 + $1.makingSeconds() }
  }

  /// About how long logistic regressions take: two products an evaluation, about sixty evaluations a
  /// fit, and the fits of the search.
  private func logisticSeconds(rows: Int, width: Int) -> Double {
    guard options.settings.classifier == .logistic else { return 0 }
    let evaluations = Double(60 * (options.settings.selects ? 16 : 1) * options.seeds.count)
    // Small problems are in double precision, a tenth or two of a second for the largest of them.
    let products = rows * width * classCount
    guard products > LogisticRegression.exactProducts else {
      return evaluations * 0.2 * Double(products) / Double(LogisticRegression.exactProducts)
    }
    let part = min(rows, 1024)
    let (inputs, weights) = (Tensor(zeros: [part, width]), Tensor(zeros: [classCount, width]))
    func evaluate() -> Double {
      let watch = Stopwatch()
      withoutGradients {
        let logits = matmul(inputs, weights, transposeB: true)
        _ = matmul(transposed(logits), inputs)
      }
      return watch.seconds
    }
    _ = evaluate()
    return evaluations * evaluate() * Double(rows) / Double(max(1, part))
  }
}
