import Foundation

/// The numbers of MoBY.
public struct MoBYConfiguration: Sendable, Equatable {
  /// Hidden size of projector and predictor.
  public var hiddenSize = 4096
  /// Length of queries and keys.
  public var outputSize = 256
  /// Keys in each of the two queues.
  public var queueSize = 4096
  /// Temperature of the logits.
  public var temperature: Float = 0.2
  /// Momentum of the target at the first step; rises to 1 by a cosine.
  public var startMomentum = 0.99
  /// Drop-path rate of the online encoder; the target has none.
  public var dropPathRate: Float = 0.2

  /// The published numbers.
  public init() {}
}

/// MoBY: MoCo v2's queues and contrastive loss with BYOL's asymmetric encoders.
///
/// One step: both views through the online encoder, projector and predictor; the target moves
/// towards the online network; both views through the target without gradients; each query is
/// told from the other view's key among the queue of earlier keys:
///
///     loss = CE([q₁·k₂, q₁·queue₂]/τ, 0) + CE([q₂·k₁, q₂·queue₁]/τ, 0)
///
/// State keys: `encoder.*`, `encoder_k.*`, `projector.*`, `projector_k.*`, `predictor.*`,
/// `queue1`, `queue2 [D, M]`, `queue_ptr`.
///
/// Source: Xie et al., Self-Supervised Learning with Swin Transformers, 2021.
/// Differs from the source: the momentum's step is part of the state, so a resumed run goes on
/// where it stopped instead of falling back to the start.
public final class MoBY: Module {
  /// The numbers of this run.
  public let configuration: MoBYConfiguration
  /// Trained by gradients.
  public let encoder: any Backbone
  private let projector, predictor: ProjectionHead
  private let targetEncoder: any Backbone
  private let targetProjector: ProjectionHead
  /// Earlier keys of view 1 and view 2, a row each, `[M, D]`, unit length.
  private let queues: [Tensor]
  private var queuePosition = 0
  private let totalSteps: Int
  private let seed: UInt64

  /// Builds the networks; the target starts as a copy of the online one.
  ///
  /// - Parameters:
  ///   - makeEncoder: Builds an encoder; called twice.
  ///   - totalSteps: Steps of the whole run, for the momentum's schedule.
  public init(
    _ configuration: MoBYConfiguration, totalSteps: Int, seed: UInt64,
    makeEncoder: () -> any Backbone
  ) {
    self.configuration = configuration
    self.totalSteps = totalSteps
    self.seed = seed
    let initializer = Initializer(seed: seed)
    encoder = makeEncoder()
    targetEncoder = makeEncoder()
    func head(_ inputs: Int, _ key: String) -> ProjectionHead {
      ProjectionHead(
        inputs: inputs, hidden: configuration.hiddenSize, outputs: configuration.outputSize,
        key: key, initializer: initializer)
    }
    projector = head(encoder.featureCount, "projector.")
    predictor = head(configuration.outputSize, "predictor.")
    targetProjector = head(encoder.featureCount, "projector.")
    queues = [1, 2].map { number in
      l2Normalized(
        initializer.normal(
          [configuration.queueSize, configuration.outputSize], key: "queue\(number)"))
    }
    Self.copy(encoder, to: targetEncoder)
    targetEncoder.setRequiresGradient(false)
    targetProjector.setRequiresGradient(false)
  }

  private static func copy(_ source: any Backbone, to target: any Backbone) {
    for (from, to) in zip(source.parameters, target.parameters) {
      to.tensor.pointer.update(from: from.tensor.pointer, count: from.tensor.elementCount)
    }
  }

  /// The target's momentum at one step: 1 − (1 − m₀)·(cos(πk/K) + 1)/2.
  public func momentum(step: Int) -> Double {
    let angle = Double.pi * Double(step) / Double(max(1, totalSteps))
    return 1 - (1 - configuration.startMomentum) * (cos(angle) + 1) / 2
  }

  /// The loss of one batch; moves target and queues.
  ///
  /// - Parameters:
  ///   - views: The two views of the batch, `[N, 3, H, W]` each.
  ///   - step: The optimiser's step, from 0.
  /// - Precondition: N divides the queue size.
  public func loss(views: (Tensor, Tensor), step: Int) -> Tensor {
    let count = views.0.shape[0]
    precondition(
      configuration.queueSize % count == 0,
      "batch \(count) does not divide the queue of \(configuration.queueSize)")
    let queries = [views.0, views.1].enumerated().map { pass, view in
      encoder.dropPath = DropPathContext(
        rate: configuration.dropPathRate, seed: seed, step: step, pass: pass)
      return l2Normalized(predictor(projector(encoder.features(view))))
    }
    encoder.dropPath = nil
    let keys = withoutGradients {
      moveTarget(momentum: Float(momentum(step: step)))
      return [views.0, views.1].map { view in
        l2Normalized(targetProjector(targetEncoder.features(view)))
      }
    }
    let labels = [Int](repeating: 0, count: count)
    func direction(_ query: Int, _ key: Int) -> Tensor {
      crossEntropy(
        contrastiveLogits(
          queries: queries[query], keys: keys[key], queue: queues[key],
          temperature: configuration.temperature), targets: labels)
    }
    let total = add(direction(0, 1), direction(1, 0))
    enqueue(keys)
    return total
  }

  private func moveTarget(momentum: Float) {
    let pairs =
      zip(targetEncoder.parameters, encoder.parameters)
      .map { ($0, $1) } + zip(targetProjector.parameters, projector.parameters).map { ($0, $1) }
    for (target, online) in pairs {
      moveAverage(target.tensor, towards: online.tensor, momentum: momentum)
    }
  }

  private func enqueue(_ keys: [Tensor]) {
    let at = queuePosition * configuration.outputSize
    for (queue, key) in zip(queues, keys) {
      (queue.pointer + at).update(from: key.pointer, count: key.elementCount)
    }
    queuePosition = (queuePosition + keys[0].shape[0]) % configuration.queueSize
  }

  /// What the optimiser trains: weights decay by 0.05, one-dimensional tensors and biases do not.
  ///
  /// The bias tables decay too, as in the reference, whose exclusion list does not reach them.
  public func optimizedParameters(weightDecay: Float) -> [OptimizedParameter] {
    var list: [OptimizedParameter] = []
    visitTrained { key, tensor in
      let exempt = tensor.shape.count == 1 || key.hasSuffix(".bias")
      list.append(
        OptimizedParameter(key: key, tensor: tensor, weightDecay: exempt ? 0 : weightDecay))
    }
    return list
  }

  private func visitTrained(_ visit: (String, Tensor) -> Void) {
    encoder.visitParameters("encoder.", visit)
    projector.visitParameters("projector.", visit)
    predictor.visitParameters("predictor.", visit)
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    encoder.visitParameters(prefix + "encoder.", visit)
    projector.visitParameters(prefix + "projector.", visit)
    predictor.visitParameters(prefix + "predictor.", visit)
    targetEncoder.visitParameters(prefix + "encoder_k.", visit)
    targetProjector.visitParameters(prefix + "projector_k.", visit)
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    encoder.visitBuffers(prefix + "encoder.", visit)
    targetEncoder.visitBuffers(prefix + "encoder_k.", visit)
    projector.visitBuffers(prefix + "projector.", visit)
    predictor.visitBuffers(prefix + "predictor.", visit)
    targetProjector.visitBuffers(prefix + "projector_k.", visit)
    for (index, queue) in queues.enumerated() {
      visit(prefix + "queue\(index + 1)", transposed(queue))
    }
    visit(prefix + "queue_ptr", Tensor([Float(queuePosition)], shape: [1]))
  }

  /// The published files store the queues with a key a column.
  private func transposed(_ queue: Tensor) -> Tensor {
    let (rows, columns) = (queue.shape[0], queue.shape[1])
    let result = Tensor(uninitialized: [columns, rows])
    for row in 0..<rows {
      for column in 0..<columns {
        result.pointer[column * rows + row] = queue.pointer[row * columns + column]
      }
    }
    return result
  }
}
