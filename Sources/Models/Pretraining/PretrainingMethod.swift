import Layers
import TensorCore

/// The views of one step's images, and what they should be when that is known.
public struct PretrainingBatch {
  /// One tensor a view, `[N, 3, S, S]`.
  ///
  /// Views may differ in size. Of several processes each has the images that it computes.
  public let views: [Tensor]
  /// Target distributions over the classes, `[B, K]`, for supervised training; of the whole batch.
  public let targets: Tensor?

  /// Collects the views of a step.
  public init(views: [Tensor], targets: Tensor? = nil) {
    self.views = views
    self.targets = targets
  }
}

/// Where in a run a step lies.
public struct StepPosition: Sendable {
  /// The optimiser's step, from 0.
  public let step: Int
  /// The epoch, from 0.
  public let epoch: Int

  /// Names a step.
  public init(step: Int, epoch: Int) {
    self.step = step
    self.epoch = epoch
  }
}

/// What a method made of its last step, for judging the health of a run.
public struct StepObservation {
  /// Unit-length outputs of the trained network, one row an image.
  public let queries: Tensor
  /// Unit-length outputs that they should agree with, row by row; nil without pairs.
  public let keys: Tensor?

  /// Outputs, and what they should agree with.
  public init(queries: Tensor, keys: Tensor?) {
    self.queries = queries
    self.keys = keys
  }
}

/// A way of training a backbone: networks, loss, and what happens around an update.
///
/// A step is cut where images can be told apart: the features of all views first, group by group
/// and process by process, then heads and loss over the features of the whole batch, so that batch
/// statistics, queues, negatives and centres are those of the whole batch whatever the pieces are.
/// Several processes each compute heads and loss, alike to the last bit: that costs a thousandth of
/// the encoders' work a process and saves every exchange inside of them.
public protocol PretrainingMethod: Module {
  /// The backbone that gradients train.
  var encoder: any Backbone { get }
  /// The backbone that the method's authors evaluate.
  var publishedBranch: CheckpointBranch { get }
  /// That backbone.
  var publishedEncoder: any Backbone { get }
  /// Everything that the optimiser trains, by checkpoint key.
  func visitTrained(_ visit: (String, Tensor) -> Void)
  /// The encoder that gives targets, for the views that the settings name; nil without one.
  var targetEncoder: (any Backbone)? { get }
  /// Pairs of a moving average and what it follows; empty without a target network.
  var followed: [(target: Tensor, online: Tensor)] { get }
  /// The target's momentum at one step.
  func momentum(step: Int) -> Double

  /// Called before the features are computed; moves what moves before them.
  func prepare(at position: StepPosition)
  /// The loss of one batch; moves the queues and centres that move before the update.
  ///
  /// - Parameters:
  ///   - features: `[B, D]` for each view that the settings call online, from that encoder.
  ///   - targetFeatures: `[B, D]` for each view that they call a target's, from that encoder.
  ///   - targets: What the images should be, `[B, K]`, where that is known.
  func loss(
    features: [Tensor], targetFeatures: [Tensor], targets: Tensor?, at position: StepPosition
  ) -> Tensor
  /// Called between the backward pass and the update.
  func willStep(at position: StepPosition)
  /// Called after the update.
  func didStep(at position: StepPosition)
  /// The outputs of the last step.
  var observation: StepObservation? { get }
  /// The name of a tensor in the checkpoint that other programs read.
  func exportedKey(_ key: String) -> String
  /// Takes over queues and centres from a stored state.
  func restoreMemory(_ stored: (String) -> [Float]?)
}

extension PretrainingMethod {
  public var publishedBranch: CheckpointBranch { .online }
  public var publishedEncoder: any Backbone { encoder }
  public func exportedKey(_ key: String) -> String { key }
  public var targetEncoder: (any Backbone)? { nil }
  public func prepare(at position: StepPosition) {}
  public func willStep(at position: StepPosition) {}
  public func didStep(at position: StepPosition) {}
  public func restoreMemory(_ stored: (String) -> [Float]?) {}

  /// θ_target ← m·θ_target + (1 − m)·θ_online for every followed parameter.
  ///
  /// Parameters alone are averaged: running statistics belong to each network.
  func moveTarget(step: Int) {
    let momentum = momentum(step: step)
    for (target, online) in followed {
      moveAverage(target, towards: online, momentum: momentum)
    }
  }

  /// What the optimiser trains, with the decay that the rule gives it.
  public func optimizedParameters(
    weightDecay: Float, rule: WeightDecayRule
  ) -> [OptimizedParameter] {
    var trained: [(key: String, tensor: Tensor)] = []
    visitTrained { key, tensor in
      if tensor.requiresGradient { trained.append((key, tensor)) }
    }
    return rule.applied(to: trained, weightDecay: weightDecay)
  }
}

/// Pairs the parameters of two modules of one structure.
func pairs(_ target: some Module, _ online: some Module) -> [(target: Tensor, online: Tensor)] {
  zip(target.parameters, online.parameters).map { ($0.tensor, $1.tensor) }
}
