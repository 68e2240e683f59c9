import Evaluation
import FileSupport
import Layers
import Loading
import TensorCore
import Training

/// What a probe found: a map from features to a number for each class.
struct ProbeClassifier {
  /// The map.
  let layer: Linear

  /// Rows that go through it at once.
  private static let block = 1024

  /// Gives the numbers of some rows of a feature matrix to `body`, row by row.
  func forEachRow(
    _ features: FeatureMatrix, rows: [Int]? = nil,
    _ body: (_ row: Int, UnsafeBufferPointer<Float>) -> Void
  ) {
    let rows = rows ?? Array(0..<features.count)
    for start in stride(from: 0, to: rows.count, by: Self.block) {
      let part = rows[start..<min(rows.count, start + Self.block)]
      let logits = withoutGradients { layer(features.rows(part)) }
      let classes = logits.shape[1]
      logits.withValues { values in
        for (offset, row) in part.enumerated() {
          body(
            row, UnsafeBufferPointer(rebasing: values[offset * classes..<(offset + 1) * classes]))
        }
      }
    }
  }

  /// The answers on some rows of a feature matrix.
  func records(_ features: FeatureMatrix, rows: [Int]? = nil) -> [ClassificationRecord] {
    var records: [ClassificationRecord] = []
    records.reserveCapacity(rows?.count ?? features.count)
    forEachRow(features, rows: rows) { row, scores in
      records.append(
        ClassificationRecord(
          index: Int(features.indices[row]), label: Int(features.labels[row]), scores: scores))
    }
    return records
  }

  // MARK: Files

  /// Where a run keeps the classifier of a seed.
  static func file(seed: Int) -> String { "classifier-seed\(seed).safetensors" }

  /// Keeps the classifier in the folder of its run.
  ///
  /// - Throws: `FileError` when the disk is full.
  func save(in folder: String, key: String, seed: Int) throws(FileError) {
    try Self.state(in: folder, key: key, seed: seed).save(tensors, facts: .object([:]))
  }

  /// The classifier that a run kept.
  ///
  /// - Parameter layer: A map of its shape, whose weights are replaced.
  /// - Throws: `FileError` when it is missing, damaged, or of another run.
  init(in folder: String, key: String, seed: Int, layer: Linear) throws(FileError) {
    self.layer = layer
    let state = Self.state(in: folder, key: key, seed: seed)
    guard let kept = try state.restore(expected: tensors) else {
      throw FileError(
        path: state.path, problem: "is missing, so other images cannot be classified",
        remedy: "use --restart to find the classifier again", exitCode: .missingFile)
    }
    for (name, tensor) in layer.parameters {
      if let values = kept.tensors[name] { tensor.assign(values) }
    }
  }

  /// A classifier in training or at its end.
  init(_ layer: Linear) { self.layer = layer }

  private var tensors: [StateTensor] {
    layer.parameters.map { ($0.key, $0.tensor.shape, $0.tensor.values) }
  }

  private static func state(in folder: String, key: String, seed: Int) -> TrainingState {
    TrainingState(path: folder + "/" + file(seed: seed), key: "\(key) classifier \(seed)")
  }
}

extension ClassificationScore {
  /// The score of some records.
  init(_ records: [ClassificationRecord], classCount: Int) {
    self.init(classCount: classCount)
    for record in records { add(record) }
  }
}
