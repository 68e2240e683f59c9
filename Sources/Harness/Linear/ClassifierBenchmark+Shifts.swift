import Evaluation
import FileSupport
import Models
import Protocols
import Reporting
import Runs
import Scoring
import VisionData

/// Whole classifiers on images from elsewhere: one run a set, each network in a folder of its own as in
/// the run that they are of.
extension ClassifierBenchmark {
  /// The run on every set, measured or found.
  ///
  /// - Parameter trained: The run of the classifiers.
  /// - Throws: What loading, decoding and writing throw.
  func shifted(_ candidate: Candidate, _ trained: Trained) throws -> [RunResult] {
    let seeds = fineTuning.seeds
    // Nothing is loaded before a set needs it.
    var kept: [ShiftMeasurement.Answering]?
    return try shifts.map { set in
      let view = set.seen(options.settings.testTransform)
      var result = try ShiftMeasurement.identity(set, trained.result, context, seen: view)
      let session = try RunSession(
        result, name: "\(ClassifierTask.description.name)-\(candidate.slug)-\(set.slug)",
        options: options.run)
      if let finished = session.finished { return finished }
      let answering = try kept ?? self.answering(candidate, trained)
      kept = answering
      let measurement = ShiftMeasurement(
        set: set, context: context, data: data, view: view, answering: answering)
      let runs = try FineTuning<ClassifierTask>.folders(seeds, in: session)
      result.notes.append(
        ShiftMeasurement.origin(data, isTrained: !options.classifiers.evaluatesOnly))
      if set.isCorrupted {
        try measureErrors(measurement, into: &result, runs, session)
      } else {
        let records = try session.timed("scoring") { try measurement.records() }
        let file = ClassifierTask.description.recordFiles[0]
        for (run, records) in zip(runs, records) {
          try run.rewrite(file, with: [records.map { $0.json(seed: 0) }])
        }
        let task = fineTuning.task.answering(measurement.images, classNames: set.classNames)
        try FineTuning(
          task: task, options: fineTuning.options, context: context, notes: measurement.notes
        ).conclude(
          &result, of: candidate, deviations: nil,
          records: records.map { .init($0, classCount: set.classNames.count) }, seeds: seeds,
          runs: runs, session: session, files: [])
      }
      return result
    }
  }

  private func measureErrors(
    _ measurement: ShiftMeasurement, into result: inout RunResult, _ runs: [RunDirectory],
    _ session: RunSession
  ) throws {
    let found = try session.timed("scoring") {
      try measurement.errors(in: session.directory, policy: options.data.onBadImage)
    }
    result.notes += found.notes
    for (run, errors) in zip(runs, found.errors) {
      try run.rewrite(CorruptionErrors.file, with: [errors.rows(seed: 0)])
    }
    try CorruptionErrors.summarize(found.errors, seeds: fineTuning.seeds, into: &result)
    try session.finish(
      &result,
      files: runs.map {
        String(($0.path + "/" + CorruptionErrors.file).dropFirst(session.path.count + 1))
      })
    FileWriting.remove(session.path + "/" + CorruptedAnswers.file)
  }

  /// The networks that a run trained, from their files, or the one that was scored.
  private func answering(
    _ candidate: Candidate, _ trained: Trained
  ) throws -> [ShiftMeasurement.Answering] {
    let networks: [Classifier]
    if options.classifiers.evaluatesOnly, let network = trained.network {
      networks = [network]
    } else {
      let seeds = fineTuning.seeds
      networks = try seeds.map { seed in
        let folder = seeds.count == 1 ? trained.folder : "\(trained.folder)/seed-\(seed)"
        return try Classifier.load(path: "\(folder)/\(Classifier.file.kind).pth").network
      }
    }
    return networks.map { network in
      ShiftMeasurement.Answering(
        backbone: FrozenBackbone(
          network: network.backbone, identity: ["name": candidate.title], normalization: .imageNet,
          classifierClassCount: nil),
        network: network.backbone, classifiers: [ProbeClassifier(network.head)])
    }
  }
}
