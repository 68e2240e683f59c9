import CommandLine
import Models
import Processes
import TensorCore

/// The memory that a pretraining takes at least, counted from its sizes alone.
///
/// The forecast measures what a training takes by doing some of it; sizes that are out of all
/// proportion must be refused before that.
struct MemoryFloor {
  /// Bytes of weights, gradients and moments; of heads, queues and the like; of a batch's views and
  /// of what a pass keeps for its gradients.
  let encoders, heads, images: Double

  /// Counts a plan.
  init(_ plan: PretrainingPlan, featureCount: Int, classCount: Int) {
    let recipe = plan.recipe
    // Weights, gradients, and what the update rule remembers.
    let copies = 2 + (recipe.optimizer == .adamw ? 2.0 : 1)
    let hasTarget = !recipe.settings.targetViews.isEmpty
    encoders = 4 * plan.architecture.weightCount * (copies + (hasTarget ? 1 : 0))
    let size = recipe.settings.headSize(featureCount: featureCount, classCount: classCount)
    heads = 4 * (copies * size.trained + size.kept)
    let views = recipe.settings.views(inputSize: plan.inputSize)
    let pixels = views.reduce(0.0) { $0 + Double($1.size) * Double($1.size) }
    let online = recipe.settings.onlineViews.reduce(0.0) {
      $0 + Double(plan.architecture.activationBytes(inputSize: views[$1].size))
    }
    let own = max(1, recipe.batchSize / Processes.current.size)
    images = Double(own) * pixels * 12 + online * Double(min(plan.chunkSize, own))
  }

  /// Refuses what cannot fit, naming the sizes to change.
  ///
  /// - Throws: `UsageError`.
  func check(_ plan: PretrainingPlan, available: Int = SystemMemory.availableBytes)
    throws(UsageError)
  {
    guard encoders + heads + images > Double(available) else { return }
    func gib(_ bytes: Double) -> String {
      let tenths = (bytes / Double(1 << 30) * 10).rounded()
      return tenths < 1e15 ? "\(tenths / 10) GiB" : "more than 10^14 GiB"
    }
    let sizes = plan.recipe.method.options.map(\.name)
      .filter { ["hidden-size", "output-size", "queue-size", "prototypes"].contains($0) }
    let (needs, advice) =
      heads > images
      ? (
        "heads and queues need about \(gib(heads))",
        "a smaller " + sizes.map { "--\($0)" }.joined(separator: ", ")
      )
      : (
        "\(min(plan.chunkSize, plan.recipe.batchSize)) images at once need about \(gib(images))",
        "a smaller --batch-size or --input-size, or "
          + (plan.architecture.hasBatchNorms ? "more processes" : "--accumulate")
      )
    throw .conflict(
      "\(plan.recipe.method.title) with \(plan.architecture.name) does not fit: \(needs) of memory, "
        + "\(gib(Double(available))) are free; use \(advice).")
  }
}
