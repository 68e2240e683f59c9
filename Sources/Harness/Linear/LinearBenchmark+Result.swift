import CommandLine
import Evaluation
import Loading
import Models
import Protocols
import Reporting
import Runs
import Training
import VisionData

extension LinearBenchmark {
  /// What was computed for a backbone.
  struct Found {
    let outcomes: [LinearOutcome]
    let neighbours: [NearestNeighbourProbe.Outcome]
    /// The training images, one set a seed where each draws its own, and the features of each.
    let draws: [FrozenData], trains: [FeatureMatrix]
    let validation: FeatureMatrix
  }

  /// Adds notes and numbers to a result, writes what was found, and seals it.
  func conclude(
    _ result: inout RunResult, of candidate: Candidate, by linear: LinearProtocol,
    backbone: FrozenBackbone, _ found: Found, in session: RunSession
  ) throws {
    let train = found.trains[0]
    let architecture = backbone.network.architecture
    let choice = linear.feature(of: architecture)
    let columns = choice.ownColumns(of: architecture)
    var deviations = linear.deviations
    if linear.classifier == .attentive, backbone.network.architecture.leadingTokenCount > 0 {
      deviations.add("the class token is among the tokens")
    }
    if architecture.hasBatchNorms, linear.keepsTrainingMode {
      deviations.add(
        "batch norms of the backbone by running statistics, where the source's training has the batch's"
      )
    }
    data.compare(shots: options.shots, into: &deviations)
    let statistics = FeatureStatistics(
      features: train, columns: columns)
    let pictures = try session.timed("pictures") {
      statistics.summarize(into: &result)
      return try FeatureStatistics(
        features: found.validation, columns: columns
      ).pictures(classNames: data.classNames, seed: UInt64(options.seeds[0]))
    }
    let record = LinearRecord(
      outcomes: found.outcomes, neighbours: found.neighbours, classNames: data.classNames,
      protocolName: linear.name.title, deviations: deviations,
      neighbourDeviations: linear.neighbourDeviations)
    record.summarize(into: &result)
    if linear.feature == nil, choice != FeatureChoice() {
      result.notes.append("features: \(choice.summary)")
    }
    if linear.classifier != .logistic, train.count < linear.batchSize {
      result.notes.append(
        "batches of \(train.count), all training images, where \(linear.batchSize) were asked for")
    }
    let missing =
      zip(found.draws, found.trains).flatMap { $0.missingTrain($1) }
      + data.missingValidation(found.validation)
    if let note = BadImagePolicy.note(leftOut: missing) { result.notes.append(note) }
    if options.shots != nil {
      result.notes.append(
        "nearest neighbours are of all training images and were left out; the interval is over other "
          + "images and other draws")
    }
    result.notes += data.notes(taught: found.trains.flatMap { Array($0.labels) })
    if case .backbone(_, _, let note?) = candidate { result.notes.append(note) }
    try record.write(to: session.directory)
    var plots = RunPlots()
    plots.clouds = pictures
    try plots.write(to: session.path)
    let attention = try session.timed("pictures") {
      let places = evenPlaces(options.attentionImages, of: data.validationOrder.count)
      return try AttentionPass(
        backbone: backbone.network, folder: data.images.validation,
        transform: linear.testTransform, normalization: backbone.normalization,
        policy: options.data.onBadImage
      )(places.map { data.validationOrder[$0] })
    }
    try attention?.write(to: session.path)
    for outcome in found.outcomes {
      try outcome.classifier?.save(
        in: session.path, key: session.key.digest, seed: outcome.seed)
    }
    try session.finish(
      &result,
      files: LinearRecord.files
        + found.outcomes.filter { $0.classifier != nil }.map { ProbeClassifier.file(seed: $0.seed) },
      images: data.shown)
  }
}
