import CommandLine
import Evaluation
import FileSupport
import Geometry
import VisionData

/// Scores a prediction file against a label map.
struct PredictionScorer: Sendable {
  let classes: SegmentationClasses
  let values: PredictionValues

  typealias Outcome = ScoredPredictions.Image

  /// Scores one image.
  ///
  /// - Parameter map: The ground truth as it is stored, where it is read already.
  /// - Throws: `ImageError` when a file cannot be read; `DatasetError` when the sizes differ or
  ///   values stand for no class.
  func score(
    index: Int, truth: String, map: LabelMap? = nil, prediction: String
  ) throws -> Outcome {
    let encoding = classes.encoding
    let labels = try encoding.decode(map ?? ImageFile.decodeLabels(path: truth), path: truth)
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
    let table = table
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

  /// The class index of each stored value.
  private var table: [UInt8] {
    let encoding = values.encoding(of: classes)
    return (0..<256).map { encoding.classIndex(of: UInt8($0)) ?? LabelEncoding.ignored }
  }

  /// The class indices of a prediction file.
  ///
  /// - Throws: `ImageError` when it cannot be read.
  func indices(_ path: String) throws -> LabelMap {
    var map = try ImageFile.decodeLabels(path: path)
    let table = table
    map.labels = map.labels.map { table[Int($0)] }
    return map
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
    } else if wrong == [255], LabelHistogram(stored).isBinary {
      remedy = "these are probably masks of 0 and 255; " + LabelEncoding.binaryRemedy
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
