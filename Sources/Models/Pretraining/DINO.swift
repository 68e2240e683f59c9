import Layers
import TensorCore

/// DINO: the student matches the teacher's centred and sharpened output over prototypes.
///
/// The teacher sees the two global views, the student all of them. With T, S outputs of teacher
/// and student and c the centre:
///
///     t = softmax((T − c)/τ_t),  s = log softmax(S/0.1)
///     loss = mean over pairs (teacher view i, student view v ≠ i) of mean over images of −Σ t·s
///     c ← 0.9·c + 0.1·mean(T)
///
/// The teacher moves after the update.
///
/// State keys: `encoder.*`, `encoder_k.*` (the teacher, which is what is evaluated),
/// `projector.mlp.{0,2,4}.*`, `projector.last_layer.weight_{g,v}`, `projector_k.*`,
/// `center [1, K]`.
///
/// Source: Caron et al., Emerging Properties in Self-Supervised Vision Transformers, 2021.
public final class DINO: PretrainingMethod {
  /// DINO's own numbers, as published without small crops.
  public struct Settings: MethodSettings {
    /// The teacher's momentum at the start.
    public var startMomentum = 0.996
    /// Hidden size of the head, its bottleneck, and the prototypes of the last layer.
    public var hiddenSize = 2048, outputSize = 256, prototypeCount = 65536
    /// The student's temperature.
    public var studentTemperature = 0.1
    /// The teacher's temperature at the start and after its warm-up.
    public var teacherTemperature = 0.04, finalTeacherTemperature = 0.04
    /// Epochs of the teacher's warm-up, and those in which the last layer is not trained.
    public var teacherWarmupEpochs = 0, frozenLastLayerEpochs = 1
    /// Small crops beside the two large ones, and their side in pixels.
    public var localViewCount = 0, localSize = 96
    /// Area of a global crop and of a local one, in parts of the image.
    public var cropScale = 0.14...1.0, localScale = 0.05...0.4

    public var onlineViews: [Int] { Array(0..<2 + localViewCount) }

    /// The published numbers.
    public init() {}

    public func views(inputSize: Int) -> [ViewDescription] {
      let local = ViewDescription(size: localSize, scale: localScale).with(\.blur, 0.5)
      return
        (ViewDescription.pair(size: inputSize, scale: cropScale)
        + [ViewDescription](repeating: local, count: localViewCount))
        .map { $0.with(\.isBicubic, true) }
    }

    public var facts: [String: String] {
      [
        "temperatures": "student \(studentTemperature), teacher \(teacherTemperature) to "
          + "\(finalTeacherTemperature) over \(teacherWarmupEpochs) epochs",
        "last layer": "of unit length, frozen for \(frozenLastLayerEpochs) epochs",
      ]
    }

    public mutating func shrink(to size: SmallSize) {
      (hiddenSize, outputSize, prototypeCount) = (size.hidden, size.output, size.prototypes)
      if localViewCount > 0 { (localViewCount, localSize) = (size.localViews, size.localSide) }
      cropScale = size.cropScale(cropScale)
    }

    public mutating func scaleEpochs(_ scaled: (Int) -> Int) {
      if teacherWarmupEpochs > 0 { teacherWarmupEpochs = scaled(teacherWarmupEpochs) }
    }

    public func headSize(featureCount: Int, classCount: Int) -> HeadSize {
      let head =
        HeadSize.layers(featureCount, hiddenSize, hiddenSize, outputSize)
        + HeadSize.layers(outputSize, prototypeCount)
      return HeadSize(trained: head, kept: head + Double(prototypeCount))
    }

    public func makeMethod(
      totalSteps: Int, classCount: Int, seed: UInt64, makeEncoder: () -> any Backbone
    ) -> any PretrainingMethod {
      DINO(self, totalSteps: totalSteps, seed: seed, makeEncoder: makeEncoder)
    }
  }

  public let encoder: any Backbone
  public private(set) var observation: StepObservation?
  private let student, teacher: DINOHead
  private let teacherEncoder: any Backbone
  private let center: Tensor
  private let settings: Settings
  private let schedule: MomentumSchedule

  /// Builds the networks; the teacher starts as a copy of the student.
  public init(
    _ settings: Settings, totalSteps: Int, seed: UInt64, makeEncoder: () -> any Backbone
  ) {
    let initializer = Initializer(seed: seed)
    self.settings = settings
    schedule = MomentumSchedule(start: settings.startMomentum, totalSteps: totalSteps)
    encoder = makeEncoder()
    teacherEncoder = makeEncoder()
    func head(_ encoder: any Backbone) -> DINOHead {
      DINOHead(
        inputs: encoder.featureCount, hidden: settings.hiddenSize,
        bottleneck: settings.outputSize, prototypes: settings.prototypeCount, key: "projector.",
        initializer: initializer)
    }
    student = head(encoder)
    teacher = head(teacherEncoder)
    center = Tensor(zeros: [1, settings.prototypeCount])
    for (from, to) in zip(encoder.parameters, teacherEncoder.parameters) {
      to.tensor.assign(from.tensor)
    }
    teacherEncoder.setRequiresGradient(false)
    teacher.setRequiresGradient(false)
  }

  public var targetEncoder: (any Backbone)? { teacherEncoder }
  public var publishedBranch: CheckpointBranch { .target }
  public var publishedEncoder: any Backbone { teacherEncoder }
  public func momentum(step: Int) -> Double { schedule(step: step) }
  public var followed: [(target: Tensor, online: Tensor)] {
    pairs(teacherEncoder, encoder) + pairs(teacher, student)
  }

  /// The teacher's temperature in one epoch: linear over its warm-up, then constant.
  public func teacherTemperature(epoch: Int) -> Double {
    let (first, last) = (settings.teacherTemperature, settings.finalTeacherTemperature)
    let count = settings.teacherWarmupEpochs
    guard epoch < count else { return last }
    guard count > 1 else { return first }
    return first + (last - first) * Double(epoch) / Double(count - 1)
  }

  public func loss(
    features: [Tensor], targetFeatures: [Tensor], targets: Tensor?, at position: StepPosition
  ) -> Tensor {
    let count = features[0].shape[0]
    let (seen, raw) = withoutGradients { () -> (Tensor, Tensor) in
      let (bottleneck, outputs) = teacher(concatenated(targetFeatures))
      return (rows(bottleneck, 0..<count), outputs)
    }
    let temperature = Float(teacherTemperature(epoch: position.epoch))
    let aims = [0, 1].map { sharpened(raw, $0 * count..<($0 + 1) * count, temperature) }
    // The head sees every view at once; all of its parts work row by row.
    let (bottleneck, outputs) = student(concatenated(features))
    var total: Tensor?
    var pairCount = 0
    for view in features.indices {
      // Terms that share a student view are one cross-entropy against the sum of their targets.
      let teachers = aims.indices.filter { $0 != view }
      pairCount += teachers.count
      let target = teachers.dropFirst().reduce(aims[teachers[0]]) { add($0, aims[$1]) }
      let logits = scaled(
        rows(outputs, view * count..<(view + 1) * count),
        by: 1 / Float(settings.studentTemperature))
      let term = softCrossEntropy(logits, targets: target)
      total = total.map { add($0, term) } ?? term
    }
    moveToColumnMeans(center, of: raw, momentum: 0.9)
    observation = StepObservation(
      queries: rows(bottleneck.detached(), count..<2 * count), keys: seen)
    return scaled(total ?? Tensor(zeros: [1]), by: 1 / Float(max(1, pairCount)))
  }

  private func sharpened(_ raw: Tensor, _ range: Range<Int>, _ temperature: Float) -> Tensor {
    withoutGradients {
      softmax(centered(rows(raw, range), by: center, temperature: temperature))
    }
  }

  public func willStep(at position: StepPosition) {
    guard position.epoch < settings.frozenLastLayerEpochs else { return }
    student.forgetLastLayerGradients()
  }

  public func didStep(at position: StepPosition) { moveTarget(step: position.step) }

  public func visitTrained(_ visit: (String, Tensor) -> Void) {
    encoder.visitParameters("encoder.", visit)
    student.visitParameters("projector.", visit)
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visitTrained { visit(prefix + $0, $1) }
    teacherEncoder.visitParameters(prefix + "encoder_k.", visit)
    teacher.visitParameters(prefix + "projector_k.", visit)
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    encoder.visitBuffers(prefix + "encoder.", visit)
    teacherEncoder.visitBuffers(prefix + "encoder_k.", visit)
    visit(prefix + "center", center)
  }

  public func restoreMemory(_ stored: (String) -> [Float]?) {
    guard let values = stored("center"), values.count == center.elementCount else { return }
    center.assign(values)
  }
}

/// DINO's head: three linear layers with GELU, unit length, then prototypes of unit length.
///
/// - in: `[N, D]`; out: the bottleneck `[N, bottleneck]` of unit length, and `[N, prototypes]`
///
/// State keys: `mlp.0.*`, `mlp.2.*`, `mlp.4.*`, `last_layer.weight_g [K, 1]`,
/// `last_layer.weight_v [K, bottleneck]`.
/// Initialisation: truncated normal 0.02 and 0; prototypes PyTorch's default, gain 1.
final class DINOHead: Module {
  private let layers: [Linear]
  private let gain, direction: Tensor

  init(
    inputs: Int, hidden: Int, bottleneck: Int, prototypes: Int, key: String,
    initializer: Initializer
  ) {
    let sizes = [inputs, hidden, hidden, bottleneck]
    layers = (0..<3).map {
      Linear(truncatedNormal: sizes[$0], sizes[$0 + 1], key: key + "mlp.\(2 * $0).", initializer)
    }
    gain = Tensor(repeating: 1, shape: [prototypes, 1])
    direction = initializer.uniformFan(
      [prototypes, bottleneck], key: key + "last_layer.weight_v", fanIn: bottleneck)
    direction.requiresGradient = true
  }

  func callAsFunction(_ x: Tensor) -> (bottleneck: Tensor, outputs: Tensor) {
    let bottleneck = l2Normalized(layers[2](gelu(layers[1](gelu(layers[0](x))))))
    let weight = weightNormalized(direction: direction, gain: gain)
    return (bottleneck, linear(bottleneck, weight: weight, bias: nil))
  }

  func forgetLastLayerGradients() {
    gain.gradient = nil
    direction.gradient = nil
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for (index, layer) in layers.enumerated() {
      layer.visitParameters(prefix + "mlp.\(2 * index).", visit)
    }
    visit(prefix + "last_layer.weight_g", gain)
    visit(prefix + "last_layer.weight_v", direction)
  }
}

extension MethodDescription {
  /// DINO on the two large crops alone.
  public static let dino = MethodDescription(
    "dino", title: "DINO", options: dinoOptions, published: { _ in .dino })

  /// DINO with small crops beside the large ones.
  public static let dinoMultiCrop = MethodDescription(
    "dino-multicrop", title: "DINO with multi-crop",
    options: dinoOptions + [
      MethodOption("local-views", \DINO.Settings.localViewCount, limit: 14, "Small crops."),
      MethodOption("local-size", \DINO.Settings.localSize, isSide: true, "Side of small crops."),
    ], published: { _ in .dinoMultiCrop })

  private static let dinoOptions: [MethodOption] = [
    .startMomentum(\DINO.Settings.startMomentum), .hiddenSize(\DINO.Settings.hiddenSize),
    .outputSize(\DINO.Settings.outputSize), .prototypes(\DINO.Settings.prototypeCount),
    .cropScale(\DINO.Settings.cropScale.low),
  ]
}

extension PretrainingRecipe {
  /// DINO for ViT-S without small crops.
  ///
  /// 300 epochs and the numbers of the authors' run without multi-crop as far as they are public.
  static var dino: PretrainingRecipe {
    var recipe = PretrainingRecipe(.dino, DINO.Settings())
    recipe.epochs = 300
    recipe.warmupEpochs = 10
    recipe.batchSize = 512
    recipe.baseLearningRate = 5e-4
    recipe.minimumRate = 1e-5
    recipe.scalesMinimum = false
    recipe.isShifted = true
    recipe.reachesPeak = true
    recipe.weightDecay = 0.04
    recipe.finalWeightDecay = 0.4
    recipe.decayRule = .matrices
    recipe.clipping = .none
    recipe.dropPathRate = 0.1
    return recipe
  }

  /// DINO with two global and eight local crops, as its code's defaults have it.
  static var dinoMultiCrop: PretrainingRecipe {
    var recipe = dino
    recipe.epochs = 100
    recipe.minimumRate = 1e-6
    recipe.clipping = .perTensor
    recipe.clipNorm = 3
    recipe.change(DINO.Settings.self) { ($0.localViewCount, $0.cropScale) = (8, 0.4...1) }
    return recipe
  }
}
