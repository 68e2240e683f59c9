import CommandLine
import Layers
import Models
import Reporting
import Training

/// How long a training takes, measured on a few of its own steps.
struct TrainingPace {
  /// Seconds that an image takes in training.
  let secondsPerImage: Double

  /// Makes an update to warm up, and takes the time of the next, if there is one.
  ///
  /// - Throws: What loading and training throw.
  init(_ trainee: some Trainee) throws {
    var source = try trainee.batches(epoch: 0, from: 0)
    var seconds = 0.0
    for step in 0..<2 {
      var position = TrainingPosition()
      (position.batch, position.step) = (step, step)
      let watch = Stopwatch()
      guard let batch = try source.next() else { break }
      if let loss = try trainee.gradients(batch, at: position) {
        _ = try trainee.update(loss: loss, at: position)
      }
      seconds = watch.seconds
    }
    secondsPerImage = seconds / Double(max(1, trainee.imagesPerBatch))
  }
}

extension FineTuningOptions {
  /// How often the test images are scored in a training, its end included.
  ///
  /// - Parameter unit: Batches of what `--evaluate-every` counts.
  func lookCount(of batches: Int, unit: Int = 1) -> Int {
    1 + (watch.evaluationInterval.map { (batches - 1) / ($0 * unit) } ?? 0)
  }
}

extension FineTuning {
  /// Part of the time of a training step that a look at an image takes.
  private static var testShare: Double { 1 / 3 }

  /// About how many seconds a candidate takes.
  ///
  /// - Parameters:
  ///   - candidate: Whose network is measured.
  ///   - small: The same task in batches of a few images, so that measuring takes seconds.
  ///   - others: Images beside the test images that each network looks at.
  /// - Throws: What loading and training throw.
  func seconds(
    of candidate: Candidate, measuring small: Task, others: Int = 0
  ) throws -> Double {
    let network = try start(candidate, seed: 0, isQuiet: true).network
    guard let probe = try small.training(network, seed: 0, label: ""),
      let whole = try task.training(network, seed: 0, label: "")
    else { return 0 }
    let pace = try TrainingPace(probe).secondsPerImage
    let batches = whole.epochCount * whole.batchesPerEpoch
    let trained = Double(batches * whole.imagesPerBatch)
    let unit = Task.lengthUnit == .epoch ? whole.batchesPerEpoch : 1
    let looks = options.lookCount(of: batches, unit: unit)
    let tested = Double(task.images.indices.count * looks + others) * Self.testShare
    // A rate is tried on the images that are not held out, once.
    let tried = Double(options.learningRates.count) * trained
    return pace * ((trained + tested) * Double(options.seeds.count) + tried)
  }
}
