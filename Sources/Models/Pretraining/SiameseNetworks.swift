import Layers
import TensorCore

/// The two networks of a momentum method: one that gradients train, and its moving average.
///
/// The online network is encoder, projector and perhaps predictor; the target has an encoder and
/// a projector of the same shapes and starts as their copy.
///
/// State keys: `encoder.*`, `projector.*`, `predictor.*`, `encoder_k.*`, `projector_k.*`.
final class SiameseNetworks {
  let encoder, targetEncoder: any Backbone
  let projector, targetProjector: ProjectionHead
  let predictor: ProjectionHead?

  /// Builds the networks.
  ///
  /// - Parameters:
  ///   - makeEncoder: Builds an encoder; called twice.
  ///   - projector: The projector's shape, given the length of the encoder's features.
  ///   - predictor: The predictor's shape, or nil for none.
  init(
    seed: UInt64, makeEncoder: () -> any Backbone, projector: (Int) -> ProjectionHead.Shape,
    predictor: ProjectionHead.Shape?
  ) {
    let initializer = Initializer(seed: seed)
    encoder = makeEncoder()
    targetEncoder = makeEncoder()
    let (inputs, shape) = (encoder.featureCount, projector(encoder.featureCount))
    func head(_ inputs: Int, _ shape: ProjectionHead.Shape, _ key: String) -> ProjectionHead {
      ProjectionHead(inputs: inputs, shape: shape, key: key, initializer: initializer)
    }
    self.projector = head(inputs, shape, "projector.")
    // The same key, so the same first weights.
    targetProjector = head(inputs, shape, "projector.")
    self.predictor = predictor.map { head(shape.outputs, $0, "predictor.") }
    for (from, to) in zip(encoder.parameters, targetEncoder.parameters) {
      to.tensor.assign(from.tensor)
    }
    targetEncoder.setRequiresGradient(false)
    targetProjector.setRequiresGradient(false)
  }

  /// Predictor (if any) over projector over features.
  func queries(_ features: Tensor) -> Tensor {
    let projected = projector(features)
    return predictor.map { $0(projected) } ?? projected
  }

  /// What both networks say of two views, as rows of length 1.
  ///
  /// - Parameter epsilon: The least length that a row is divided by.
  func outputs(
    _ features: [Tensor], targets: [Tensor], epsilon: Float = 1e-12
  ) -> CrossedViews {
    CrossedViews(
      queries: features.map { l2Normalized(queries($0), epsilon: epsilon) },
      keys: withoutGradients {
        targets.map { l2Normalized(targetProjector($0), epsilon: epsilon) }
      })
  }
}

/// Queries and keys of two views, each view's query beside the other's key.
struct CrossedViews {
  let queries, keys: [Tensor]

  var observation: StepObservation {
    StepObservation(queries: queries[0].detached(), keys: keys[1])
  }

  /// The losses of both directions, added.
  ///
  /// - Parameter direction: Of a query and the key of a view, 0 or 1.
  func loss(_ direction: (_ query: Tensor, _ key: Tensor, _ keyView: Int) -> Tensor) -> Tensor {
    add(direction(queries[0], keys[1], 1), direction(queries[1], keys[0], 0))
  }
}

/// A method with an online network and a target that follows it.
protocol SiameseMethod: PretrainingMethod {
  var networks: SiameseNetworks { get }
  var schedule: MomentumSchedule { get }
  /// Queues and the like, beside the networks' own buffers.
  func visitMemory(_ prefix: String, _ visit: (String, Tensor) -> Void)
}

extension SiameseMethod {
  public var encoder: any Backbone { networks.encoder }
  public var targetEncoder: (any Backbone)? { networks.targetEncoder }
  public func momentum(step: Int) -> Double { schedule(step: step) }
  func visitMemory(_ prefix: String, _ visit: (String, Tensor) -> Void) {}

  public var followed: [(target: Tensor, online: Tensor)] {
    pairs(networks.targetEncoder, networks.encoder)
      + pairs(networks.targetProjector, networks.projector)
  }

  public func visitTrained(_ visit: (String, Tensor) -> Void) {
    networks.encoder.visitParameters("encoder.", visit)
    networks.projector.visitParameters("projector.", visit)
    networks.predictor?.visitParameters("predictor.", visit)
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visitTrained { visit(prefix + $0, $1) }
    networks.targetEncoder.visitParameters(prefix + "encoder_k.", visit)
    networks.targetProjector.visitParameters(prefix + "projector_k.", visit)
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    networks.encoder.visitBuffers(prefix + "encoder.", visit)
    networks.targetEncoder.visitBuffers(prefix + "encoder_k.", visit)
    networks.projector.visitBuffers(prefix + "projector.", visit)
    networks.predictor?.visitBuffers(prefix + "predictor.", visit)
    networks.targetProjector.visitBuffers(prefix + "projector_k.", visit)
    visitMemory(prefix, visit)
  }
}
