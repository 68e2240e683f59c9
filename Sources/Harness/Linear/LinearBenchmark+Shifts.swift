import CommandLine
import Evaluation
import FileSupport
import Layers
import Models
import Reporting
import Runs
import Scoring
import TensorCore
import VisionData

/// The classifiers of a probe on images from elsewhere: one run a set, compared like any other.
extension LinearBenchmark {
  /// The outcome on every set, measured or found.
  ///
  /// - Parameters:
  ///   - identity: The probe's run without its numbers.
  ///   - session: Where its classifiers are.
  ///   - name: What its folder begins with.
  ///   - transform: How images are seen.
  /// - Throws: What opening, decoding and writing throw.
  func shifted(
    _ identity: RunResult, _ session: RunSession, named name: String, backbone: FrozenBackbone,
    as network: ChosenFeatures, seen transform: EvaluationTransform
  ) throws -> [RunResult] {
    try shifts.map { set in
      let view = set.seen(transform)
      var result = try ShiftMeasurement.identity(set, identity, context, seen: view)
      let own = try RunSession(result, name: "\(name)-\(set.slug)", options: options.run)
      if let finished = own.finished { return finished }
      let measurement = ShiftMeasurement(
        set: set, context: context, data: data, view: view,
        answering: [
          .init(
            backbone: backbone, network: network,
            classifiers: try options.seeds.map {
              try classifier(session, seed: $0, width: network.featureCount)
            })
        ])
      if set.isCorrupted {
        let found = try own.timed("features") {
          try measurement.errors(in: own.directory, policy: options.data.onBadImage)
        }
        result.notes += found.notes
        try own.directory.rewrite(
          CorruptionErrors.file,
          with: zip(options.seeds, found.errors).map { $1.rows(seed: $0) })
        result.notes.append(ShiftMeasurement.origin(data, isTrained: true))
        try CorruptionErrors.summarize(found.errors, into: &result)
        try own.finish(&result, files: [CorruptionErrors.file])
        FileWriting.remove(own.path + "/" + CorruptedAnswers.file)
        return result
      }
      let records = try own.timed("features") { try measurement.records() }
      let file = TaskDescription.linear.recordFiles[0]
      try own.directory.rewrite(
        file,
        with: zip(options.seeds, records).lazy.map { seed, records in
          records.map { $0.json(seed: seed) }
        })
      result.add(
        records.map { ClassificationScore($0, classCount: set.classNames.count) },
        classNames: set.classNames)
      LinearRecord.addIntervals(records, to: &result)
      LinearRecord.addClassInterval(records, to: &result)
      result.notes.append(ShiftMeasurement.origin(data, isTrained: true))
      result.notes += measurement.notes
      try own.finish(&result, files: [file], images: measurement.images)
      return result
    }
  }

  /// The classifier that the probe's run kept.
  private func classifier(
    _ session: RunSession, seed: Int, width: Int
  ) throws(FileError) -> ProbeClassifier {
    try ProbeClassifier(
      in: session.path, key: session.key.digest, seed: seed,
      layer: Linear(
        weight: Tensor(zeros: [classCount, width]), bias: Tensor(zeros: [classCount])))
  }
}
