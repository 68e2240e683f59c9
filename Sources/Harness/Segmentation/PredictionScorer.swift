import CommandLine
import Evaluation
import FileSupport
import Geometry
import VisionData

/// How prediction files store classes.
public enum PredictionValues: String, OptionChoice, Sendable {
  /// As the ground truth does, for ADE20K 1...150.
  case ids
  /// Class indices from 0.
  case indices
}

/// Scores a prediction file against a label map.
struct PredictionScorer: Sendable {
  let classes: SegmentationClasses
  let values: PredictionValues

  /// What one image gave.
  struct Outcome: Sendable {
    let record: SegmentationRecord
    /// Counted pixels that agree as they are, after adding 1 and after subtracting 1.
    let agreement: SIMD3<Int>
  }

  /// Scores one image.
  ///
  /// - Throws: `ImageError` when a file cannot be read; `DatasetError` when the sizes differ or
  ///   values stand for no class.
  func score(index: Int, truth: String, prediction: String) throws -> Outcome {
    let encoding = classes.encoding
    let labels = try encoding.decode(ImageFile.decodeLabels(path: truth), path: truth)
    let stored = try ImageFile.decodeLabels(path: prediction)
    guard stored.width == labels.width, stored.height == labels.height else {
      throw DatasetError(
        path: prediction,
        problem: "is \(stored.width)x\(stored.height), its ground truth "
          + "\(labels.width)x\(labels.height)",
        remedy:
          "write predictions at the original image's size; upsample the logits, not the classes"
      )
    }
    let table = (0..<256).map { value in
      values == .indices
        ? (value < classes.count ? UInt8(value) : LabelEncoding.ignored)
        : encoding.classIndex(of: UInt8(value)) ?? LabelEncoding.ignored
    }
    let pairs = LabelPairs(labels: labels.labels, predictions: stored.labels.map { table[Int($0)] })
    do {
      let record = try SegmentationRecord(index: index, pairs: pairs, classCount: classes.count)
      return Outcome(
        record: record,
        agreement: [
          pairs.agreement(shift: 0), pairs.agreement(shift: -1), pairs.agreement(shift: 1),
        ])
    } catch {
      throw fault(stored, labels, table, path: prediction)
    }
  }

  /// Which stored values stand for no class on counted pixels, and why probably.
  private func fault(
    _ stored: LabelMap, _ labels: LabelMap, _ table: [UInt8], path: String
  ) -> DatasetError {
    var counts = [Int](repeating: 0, count: 256)
    for (value, label) in zip(stored.labels, labels.labels)
    where label != LabelEncoding.ignored && table[Int(value)] == LabelEncoding.ignored {
      counts[Int(value)] += 1
    }
    let wrong = (0..<256).filter { counts[$0] > 0 }
    let shown = wrong.prefix(4).map { "\($0)" }.joined(separator: ", ")
    let allowed = values == .indices ? "0...\(classes.count - 1)" : classes.encoding.range
    let remedy: String
    if values == .ids, classes.encoding.kind == .reduceZero, wrong == [0] {
      remedy = "if the files hold class indices from 0, add --prediction-values indices"
    } else if values == .indices, wrong == [classes.count] {
      remedy = "if the files hold ids from 1, use --prediction-values ids"
    } else {
      remedy = "check --classes, --labels and --prediction-values"
    }
    return DatasetError(
      path: path,
      problem: "predicts \(shown)\(wrong.count > 4 ? ", …" : "") on \(counts.reduce(0, +)) counted "
        + "pixels, which stands for no class (\(classes.count) classes, stored as \(allowed))",
      remedy: remedy)
  }
}

/// The images of one folder of predictions, scored.
struct ScoredPredictions {
  /// The folder as it was given.
  let folder: String
  let records: [SegmentationRecord]
  let score: SegmentationScore
  /// What a reader must know.
  private(set) var notes: [String] = []
  /// Whether the values look moved by one against the ground truth.
  private(set) var isShifted = false

  init(folder: String, outcomes: [PredictionScorer.Outcome], classCount: Int) {
    self.folder = folder
    records = outcomes.map(\.record)
    var score = SegmentationScore(classCount: classCount)
    for record in records { score.add(record) }
    self.score = score
    let agreement = outcomes.reduce(SIMD3<Int>.zero) { $0 &+ $1.agreement }
    let counted = score.labelled.reduce(0, +)
    for (at, change) in [(1, "adding 1"), (2, "subtracting 1")]
    where agreement[at] > 2 * agreement[0] && agreement[at] * 3 > counted {
      isShifted = true
      let (moved, plain) = (
        twoDecimals(Double(agreement[at]) / Double(counted)), twoDecimals(score.pixelAccuracy)
      )
      notes.append(
        "SUSPECT: all predictions of \(folder) seem to be shifted by one: \(moved) % of the pixels "
          + "agree after \(change), \(plain) % as they are; see --prediction-values")
    }
  }
}

/// A fraction as a percentage of two decimals, ties to even; `-` for NaN.
func twoDecimals(_ value: Double) -> String {
  guard value.isFinite, abs(value) < 1e10 else { return value.isFinite ? "\(value * 100)" : "-" }
  let hundredths = Int((abs(value) * 10_000).rounded(.toNearestOrEven))
  let cents = String(hundredths % 100)
  return (value < 0 && hundredths > 0 ? "-" : "") + "\(hundredths / 100)."
    + (cents.count < 2 ? "0" : "") + cents
}
