import CommandLine
import Evaluation
import FileSupport
import Loading
import Models
import Reporting
import Runs
import VisionData

/// What classifiers answer on images from elsewhere: those of probes, which share a backbone, and those
/// of fine-tuned networks, which have one each.
struct ShiftMeasurement {
  /// A backbone, and classifiers of its features.
  struct Answering {
    let backbone: FrozenBackbone
    /// What gives the features.
    let network: any Backbone
    let classifiers: [ProbeClassifier]
  }

  let set: ShiftedSet
  let context: RunContext
  /// What the classifiers learned from, and its validation images.
  let data: FrozenData
  /// How images are seen.
  let view: EvaluationTransform
  let answering: [Answering]

  /// What a run on a set is of, beside what the run of its classifiers is of.
  ///
  /// - Parameter result: That of the classifiers' run, without numbers.
  /// - Throws: What hashing throws.
  static func identity(
    _ set: ShiftedSet, _ result: RunResult, _ context: RunContext, seen view: EvaluationTransform
  ) throws -> RunResult {
    var own = RunResult(
      task: result.task, backbone: result.backbone, data: result.data, settings: result.settings)
    own.data["name"] = set.name
    own.data["validation"] = try set.manifest(context.digests)
    own.data["classes"] = String(set.classNames.count)
    own.data["validation images"] = String(set.answerCount)
    own.settings.merge(set.settings(seen: view)) { $1 }
    return own
  }

  /// The answers of every classifier, in their order.
  ///
  /// - Throws: What opening and decoding throw.
  func records() throws -> [[ClassificationRecord]] {
    let manifest = try set.manifest(context.digests)
    return try answering.flatMap { answering in
      let features: FeatureMatrix
      if case .images(let folder, let order, _) = set.truth {
        features = try context.store(answering.backbone, answering.network).features(
          folder, order: order, manifest: manifest, transform: view, label: label("features"))
      } else {
        features = try context.validationFeatures(
          of: answering.backbone, as: answering.network, on: data, seen: view)
      }
      return answering.classifiers.map { set.records($0, features) }
    }
  }

  /// The errors of every classifier on corrupted images: measured part by part in folders, or image by
  /// image where they are made on the way.
  ///
  /// - Parameter run: Where answers on the way are kept.
  /// - Returns: The errors, and what is to be known of them.
  /// - Throws: What opening, decoding and writing throw.
  func errors(
    in run: RunDirectory, policy: BadImagePolicy
  ) throws -> (errors: [CorruptionErrors], notes: [String]) {
    switch set.truth {
    case .corrupted(let corrupted, _):
      let leftOut = BadImagePolicy.note(leftOut: corrupted.record?.leftOut ?? [])
      return (
        try errors(on: corrupted), (corrupted.record?.notes ?? []) + [leftOut].compactMap { $0 }
      )
    case .made(let made, let folder, let order):
      let answers = CorruptedAnswers(
        made: made, folder: folder, transform: view, answering: answering, policy: policy)
      let found = try answers.wrong(order, in: run, label: label(""))
      guard !found.images.isEmpty else {
        throw DatasetError.noneDecodes(in: folder.root)
      }
      let errors = found.wrong.map {
        CorruptionErrors(
          images: found.images, labels: found.images.map { Int(folder.labels[$0]) }, wrong: $0,
          strengths: made.severities.count)
      }
      let skipped = BadImagePolicy.note(leftOut: found.skipped)
      return (errors, made.notes + [skipped].compactMap { $0 })
    case .images, .labels: return ([], [])
    }
  }

  /// The errors on the images of a folder, whose features are kept.
  private func errors(on corrupted: CorruptedImages) throws -> [CorruptionErrors] {
    let first = corrupted.parts[0].images
    let all = try answering.flatMap { answering in
      var wrong = answering.classifiers.map { _ in [String: [Int]]() }
      for part in corrupted.parts {
        let matrix = try context.store(answering.backbone, answering.network).features(
          part.images, order: Array(0..<part.images.count),
          manifest: part.images.manifestHash(context.digests), transform: view,
          label: label("\(part.corruption) \(part.severity)"))
        guard matrix.count == first.count else {
          throw DatasetError(
            path: part.images.root, problem: "has images that cannot be decoded",
            remedy: "unpack it again: mCE compares the same images in every part")
        }
        for (place, classifier) in answering.classifiers.enumerated() {
          var counts = wrong[place][part.corruption] ?? [Int](repeating: 0, count: first.count)
          for record in set.records(classifier, matrix) where record.rank > 0 {
            counts[record.index] += 1
          }
          wrong[place][part.corruption] = counts
        }
      }
      return wrong
    }
    return all.map {
      CorruptionErrors(
        images: Array(0..<first.count), labels: first.labels.map(Int.init), wrong: $0,
        strengths: corrupted.strengths)
    }
  }

  /// What progress lines say.
  private func label(_ part: String) -> String {
    let text = "\(answering.first?.backbone.identity["name"] ?? ""): \(set.name)"
    return part.isEmpty ? text : text + " " + part
  }

  /// What is to be known of the answers on images that are not corrupted.
  var notes: [String] {
    var notes: [String] = []
    if set.border > 0 {
      notes.append("\(set.border) pixels are cut off on every side of its images")
    }
    if case .labels = set.truth {
      notes.append("right is an answer among an image's labels; images without one are left out")
    } else if set.classNames.count < data.classNames.count {
      notes.append("answers are among the \(set.classNames.count) classes of \(set.name)")
    }
    return notes
  }

  /// Whose answers they are, as a note.
  static func origin(_ data: FrozenData, isTrained: Bool) -> String {
    "classifiers of the run on \(data.name)"
      + (isTrained ? ", whose images they learned from" : "")
  }

  /// The images that a set's records are of.
  var images: RunImages {
    guard case .images(let folder, let order, _) = set.truth else { return data.shown }
    return RunImages(
      root: folder.root, indices: order, paths: order.map { folder.relativePath($0) })
  }

  // MARK: Tables

  /// The first number of every set beside that on the validation images.
  ///
  /// - Parameter candidates: Each one's run on the validation images, and those on the sets.
  static func table(_ candidates: [(own: RunResult, sets: [RunResult])]) -> Table? {
    guard let first = candidates.first, !first.sets.isEmpty else { return nil }
    var table = Table(
      caption: "The same classifiers on other images; top-1, % with 95 % intervals",
      columns: [.init("backbone", isNumeric: false), .init(first.own.data["name"] ?? "?")]
        + first.sets.map {
          .init(
            ($0.data["name"] ?? "?") + (CorruptionErrors.name(in: $0).map { ", " + $0 } ?? ""))
        })
    for candidate in candidates {
      table.add(
        [candidate.own.backbone["name"] ?? "?"]
          + ([candidate.own] + candidate.sets).map { one in
            (one.metrics["top1"] ?? one.metrics["mce"] ?? one.metrics["corruption_error"])
              .map { percentage($0.value, $0.interval) } ?? "-"
          })
    }
    var notes: [String] = []
    for result in first.sets {
      for note in result.notes where note.hasPrefix("answers are among") { notes.append(note) }
      // What keeps a number from being the published one is said beside it.
      guard CorruptionErrors.name(in: result) != nil else { continue }
      for note in result.notes where !note.hasPrefix("classifiers of the run") {
        notes.append("\(result.data["name"] ?? "?"): \(note)")
      }
    }
    table.notes = notes
    return table
  }
}

extension ShiftedSet {
  /// The part of a run's folder name that tells the set.
  var slug: String { RelativePath.slug(name) }

  /// Images that are answered.
  var answerCount: Int {
    switch truth {
    case .images(_, let order, _): order.count
    case .corrupted(let corrupted, _): corrupted.parts[0].images.count
    case .made(_, _, let order): order.count
    case .labels(let labels, let order): order.count { labels[$0]?.isEmpty == false }
    }
  }
}
