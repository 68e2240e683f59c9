import Foundation

/// A network between machines and the machines, as far as the model knows them.
struct Cluster {
  /// Cores of a machine; one process a machine works on all of them.
  var cores: Double
  /// Seconds that a message takes by itself, and bytes a second one way.
  var latency, bandwidth: Double
  /// Bytes of numbers that a process sums in a second.
  var summing: Double
}

/// A training as far as it decides how well it scales.
struct Workload {
  let name: String
  /// Images of a step at the published batch.
  let batch: Int
  /// Steps of the published protocol.
  let steps: Int
  /// Core-seconds an image of what the processes share.
  let shared: Double
  /// Core-seconds an image of what every process computes for the whole batch by itself.
  let repeated: Double
  /// Numbers that are summed over the processes in a step.
  let summed: Double
  /// Bytes an image that every process gathers of all others.
  let gathered: Double
  /// The part of the shared seconds that comes after the first summed gradient is ready.
  let backward: Double
  /// Groups of images of a step: gradients are sent during the last one's backward pass.
  let groups: Int

  /// Seconds of a step.
  ///
  /// - Parameters:
  ///   - nodes: Machines.
  ///   - images: Images of the step in all, shared out as evenly as whole images can be.
  func seconds(nodes: Int, images: Int, on cluster: Cluster) -> Double {
    let count = Double(nodes)
    let own = (Double(images) / count).rounded(.up) * shared / cluster.cores
    let whole = Double(images) * repeated / cluster.cores
    guard nodes > 1 else { return own + whole }
    // Exchange and gathering each send what a ring does, in as many messages as there are others.
    func moving(_ bytes: Double) -> Double {
      (count - 1) * cluster.latency + bytes * (count - 1) / count / cluster.bandwidth
    }
    let bytes = 4 * summed
    let sum = summed > 0 ? 2 * moving(bytes) + bytes / cluster.summing : 0
    let gathering = gathered > 0 ? moving(Double(images) * gathered) : 0
    // The last bucket, 25 MiB, is full when the pass ends.
    let ownGroups = max(1, Double(groups) * Double(images) / Double(batch) / count)
    let hidden = min(
      sum * max(0, 1 - Double(25 << 20) / max(bytes, 1)), own * backward / ownGroups)
    return own + whole + gathering + sum - hidden
  }

  /// What part of the machines' time is of use with the published batch; nil where there are more
  /// machines than images.
  func strong(nodes: Int, on cluster: Cluster) -> Double? {
    guard nodes <= batch else { return nil }
    let one = seconds(nodes: 1, images: batch, on: cluster)
    return one / Double(nodes) / seconds(nodes: nodes, images: batch, on: cluster)
  }

  /// The same with the published batch on every machine.
  func weak(nodes: Int, on cluster: Cluster) -> Double {
    let one = seconds(nodes: 1, images: batch, on: cluster)
    return one / seconds(nodes: nodes, images: batch * nodes, on: cluster)
  }
}

extension Workload {
  /// The trainings of the paper, by what was measured.
  ///
  /// - Parameters:
  ///   - training: Core-seconds of a training step of Swin-T, an image of 224 pixels.
  ///   - inference: Core-seconds of its forward pass.
  ///   - detector: Core-seconds of a training step of Mask R-CNN, an image.
  ///   - segmentor: Core-seconds of a training step of UPerNet, an image of 512 pixels.
  ///   - products: Multiply-adds of a core in a second.
  static func published(
    training: Double, inference: Double, detector: Double, segmentor: Double, products: Double
  ) -> [Workload] {
    // Projector and predictor of MoBY, and the products with its queue, of one view.
    let projector = 768.0 * 4096 + 4096 * 256
    let (predictor, queue) = (256.0 * 4096 + 4096 * 256, 256.0 * 4096)
    // Forward and backward of the online network, forward alone of the target.
    let heads = 2 * (3 * (projector + predictor) + projector + 2 * queue)
    return [
      // Two views: each is trained on, and goes through the target network.
      Workload(
        name: "MoBY, Swin-T, 300 epochs, batch 512", batch: 512, steps: 300 * 2502,
        shared: 2 * (training + inference),
        repeated: heads / products, summed: 27.5e6, gathered: 2 * 2 * 768 * 4,
        backward: (training - inference) / (2 * (training + inference)), groups: 128),
      // Features of a frozen network are gathered, and the classifier is trained by all.
      Workload(
        name: "linear, Swin-T, 100 epochs, batch 512", batch: 512, steps: 100 * 2502,
        shared: inference,
        repeated: 3 * 768 * 1000 / products, summed: 0, gathered: 768 * 4, backward: 0,
        groups: 64),
      Workload(
        name: "Mask R-CNN, Swin-T, 1x, batch 16", batch: 16, steps: 12 * 7330, shared: detector,
        repeated: 0,
        summed: 47.8e6, gathered: 0, backward: 0.6, groups: 8),
      Workload(
        name: "UPerNet, Swin-T, 160k, batch 16", batch: 16, steps: 160_000, shared: segmentor,
        repeated: 0, summed: 59.9e6, gathered: 0, backward: 0.6, groups: 16),
    ]
  }
}
