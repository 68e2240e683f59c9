import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Processes
import Protocols
import Reporting
import Runs
import TensorCore
import Training
import VisionData

/// Measures what a backbone that does not learn knows of every pixel: by a linear classifier of its
/// cells, or by the labels of the nearest cells of training images.
struct FrozenSegmentation {
  typealias Outcome = FineTuning<SegmentationTask>.Outcome

  let options: SegmentationOptions
  /// What fine-tuned networks share with these: task, seeds, summary.
  let fineTuning: FineTuning<SegmentationTask>

  var task: SegmentationTask { fineTuning.task }
  var recipe: SegmentationRecipe { task.recipe }
  var classCount: Int { task.classes.names.count }

  /// Measures a candidate, or finds what an earlier run measured.
  ///
  /// - Throws: What loading, training and scoring throw.
  func outcome(of candidate: Candidate) throws -> Outcome {
    let seeds = options.common.seeds
    let backbone = try backbone(of: candidate)
    var settings = task.frozenSettings
    settings["measure"] = recipe.form.title.lowercased()
    settings["branch"] = options.common.backbone.branch.rawValue
    settings["seeds"] = seeds.argument
    settings["on-bad-image"] = options.data.onBadImage.rawValue
    let pixels = Self.bytes(backbone.normalization)
    if pixels != .imageNet {
      settings["pixels"] = (pixels.mean + pixels.deviation).argument
    }
    var result = RunResult(
      task: SegmentationTask.description.name, backbone: backbone.identity,
      data: task.dataIdentity, settings: settings)
    let session = try RunSession(
      result, name: "\(result.task)-\(recipe.name.rawValue)-\(candidate.slug)",
      parts: task.keyParts,
      scoring: ["resamples": String(options.common.resamples), "seed": String(seeds[0])],
      options: options.run)
    let runs = try FineTuning<SegmentationTask>.folders(seeds, in: session)
    if let finished = session.finished {
      return Outcome(
        result: finished, folder: session.path, records: try runs.map(task.records))
    }
    var records: [SegmentationTask.Records] = []
    for (seed, run) in zip(seeds, runs) {
      let label = candidate.title + (seeds.count > 1 ? " seed \(seed)" : "")
      let classifier = try session.timed("training") {
        try makeClassifier(
          backbone, pixels, seed: seed, key: session.key.digest, in: run, label: label)
      }
      if let neighbours = classifier as? NeighbourSegmentor, seed == seeds[0] {
        result.notes.append("labels of \(neighbours.memorySize) cells of training images")
      }
      records.append(
        try session.timed("scoring") {
          try task.records(of: classifier, pixels: pixels, in: run, label: "\(label): scoring")
        })
    }
    var hasPatches = false
    if case .visionTransformer = backbone.network.architecture { hasPatches = true }
    try fineTuning.conclude(
      &result, of: candidate,
      deviations: task.frozenDeviations(hasPatches: hasPatches).note(
        from: "the published protocol"),
      records: records, seeds: seeds, runs: runs, session: session,
      files: recipe.form == .linear ? [RunEvent.file] : [])
    return Outcome(result: result, folder: session.path, records: records)
  }

  private func backbone(of candidate: Candidate) throws -> FrozenBackbone {
    try fineTuning.context.frozenBackbone(
      candidate,
      claim: NetworkClaim(
        architecture: options.common.architecture?.architecture
          ?? (candidate.hasFile ? nil : recipe.backbone)),
      options: options.common.backbone, inputSize: recipe.cropSize, pixels: nil)
  }

  /// The same numbers of 0 to 255.
  private static func bytes(_ pixels: PixelNormalization) -> ByteNormalization {
    pixels == .imageNet
      ? .imageNet
      : ByteNormalization(
        mean: pixels.mean.map { Double($0) * 255 },
        deviation: pixels.deviation.map { Double($0) * 255 })
  }

  private func makeClassifier(
    _ backbone: FrozenBackbone, _ pixels: ByteNormalization, seed: Int, key: String,
    in run: RunDirectory, label: String
  ) throws -> any PixelClassifier {
    recipe.form == .linear
      ? try linear(backbone, pixels, seed: seed, key: key, in: run, label: label)
      : NeighbourSegmentor(
        backbone.network,
        memory: try memory(backbone, pixels, seed: seed, label: "\(label): labelled cells"),
        classCount: classCount, neighbours: recipe.neighbourCount,
        temperature: recipe.temperature)
  }

  // MARK: Linear classifier

  private static let head = "head"

  /// A trained classifier, or the finished one of an earlier process.
  private func linear(
    _ backbone: FrozenBackbone, _ pixels: ByteNormalization, seed: Int, key: String,
    in run: RunDirectory, label: String
  ) throws -> LinearSegmentor {
    let segmentor = LinearSegmentor(
      backbone.network, classCount: classCount, initializer: Initializer(seed: UInt64(seed)))
    let path = "\(run.path)/\(Self.head).pth"
    let state = TrainingState(path: run.path + "/state.safetensors", key: key)
    if FileManager.default.fileExists(atPath: path) {
      let stored = Dictionary(
        try CheckpointFile(path: path).entries.map { ($0.key, $0.tensor.floats()) },
        uniquingKeysWith: { first, _ in first })
      for (name, tensor) in segmentor.parameters {
        guard let values = stored[name], values.count == tensor.elementCount else {
          throw FileError(
            path: path, problem: "lacks '\(name)' of the classifier that was trained",
            remedy: "use --restart to begin again", exitCode: .badData)
        }
        tensor.assign(values)
      }
      segmentor.restoreStatistics { stored[$0] }
    } else {
      let ranks = Processes.current
      guard ranks.size <= recipe.batchSize else {
        throw ProcessCountError(
          size: ranks.size, allowed: Array(1...recipe.batchSize),
          reason: "each takes images of a batch of \(recipe.batchSize)")
      }
      let training = LinearSegmentorTraining(
        segmentor, task: task, pixels: pixels, seed: seed, label: "\(label): training")
      let watched = fineTuning.watched(training, in: run) { name in
        try write(segmentor, to: "\(run.path)/\(Self.head)-\(name).pth")
      } scoring: { [task] in
        try task.records(of: segmentor, pixels: pixels, in: $0, label: $1)
      }
      _ = try options.common.loop(run, state).train(watched)
      try write(segmentor, to: path)
    }
    state.remove()
    return segmentor
  }

  private func write(_ segmentor: LinearSegmentor, to path: String) throws {
    try CheckpointWriter.write(
      StateDictionary(segmentor).entries, group: "state_dict",
      metadata: [("recipe", task.recipeTitle)], to: path)
  }

  // MARK: Forecast

  /// Windows of a test image, about.
  private static let windowsPerImage = 1.5

  /// About how many seconds a candidate takes, by a view of two images through it and a search
  /// among its cells.
  ///
  /// - Throws: What loading throws.
  func seconds(of candidate: Candidate) throws -> Double {
    let backbone = try backbone(of: candidate)
    let images = Tensor(zeros: [2, 3, recipe.cropSize, recipe.cropSize])
    let pass = Stopwatch()
    let map = withoutGradients { backbone.network.patchMap(images) }
    let perView = pass.seconds / 2
    let counts = task.imageCounts
    let tested = Double(counts.testing) * Self.windowsPerImage
    let looks = recipe.form == .linear ? options.common.lookCount(of: recipe.stepCount) : 1
    var seconds = perView * tested * Double(looks)
    if recipe.form == .linear {
      seconds += perView * Double(recipe.stepCount * recipe.batchSize)
    } else {
      let queries = map.reshaped(to: [map.elementCount / map.shape[3], map.shape[3]])
      let known = PatchMemory(
        [queries], labels: [Float](repeating: 1, count: queries.shape[0]), classCount: 1)
      let search = Stopwatch()
      _ = known.classes(of: queries, neighbours: recipe.neighbourCount, temperature: 1)
      let cells = min(recipe.memorySize, counts.training * queries.shape[0] / 2)
      let perWindow = search.seconds / 2 * Double(cells) / Double(max(1, queries.shape[0]))
      seconds += perView * Double(counts.training) + perWindow * tested
    }
    return seconds * Double(options.common.seeds.count)
  }
}
