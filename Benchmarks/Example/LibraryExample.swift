import Evaluation
import FileSupport
import Foundation
import Layers
import Loading
import Models
import TensorCore
import VisionData

/// The libraries without the harness: kNN accuracy of a checkpoint on a folder with train and val.
@main
struct LibraryExample {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard arguments.count == 2 else {
      print("usage: library-example <checkpoint or 'random'> <folder with train and val>")
      exit(64)
    }
    do {
      try run(checkpoint: arguments[0], folder: arguments[1])
    } catch {
      FileHandle.standardError.write(Data("Error: \(error)\n".utf8))
      exit((error as? any ReportableError)?.exitCode.rawValue ?? 70)
    }
  }

  private static func run(checkpoint: String, folder: String) throws {
    // A network: from a file of any layout that is known, or with fresh weights.
    var backbone: any Backbone = Architecture.swin(.mini).makeBackbone(
      inputSize: 64, initializer: Initializer(seed: 0))
    if checkpoint != "random" {
      let loaded = try BackboneLoader.load(path: checkpoint, inputSize: 64)
      print(loaded.report.summary)
      backbone = loaded.backbone
    }
    let data = try ClassificationData(root: folder)
    let known = try features(data.train, backbone)
    // Every validation image asks its 20 nearest training images.
    var score = ClassificationScore(classCount: data.train.classNames.count)
    let queries = try features(data.validation, backbone)
    let similarities = matmul(queries.units, known.units, transposeB: true)
    for (row, label) in queries.labels.enumerated() {
      var nearest = NearestNeighbours(limit: min(20, known.labels.count))
      similarities.withRow(row) { nearest.offer($0, firstRow: 0) }
      let votes = nearest.vote(
        k: nearest.limit, temperature: 0.07, labels: known.labels, classCount: score.classCount)
      votes.withUnsafeBufferPointer {
        score.add(ClassificationRecord(index: row, label: Int(label), scores: $0))
      }
    }
    let interval = Proportions.wilson(successes: score.top1Count, of: score.count)
    print("kNN top-1 \(percent(score.top1)) [\(percent(interval.low)), \(percent(interval.high))]")
  }

  /// Unit features of every image of a split, `[n, width]`, and the classes.
  private static func features(
    _ split: ImageFolder, _ backbone: any Backbone
  ) throws -> (units: Tensor, labels: [Int32]) {
    let view = EvaluationTransform(resizeSize: 73, cropSize: 64)
    let loader = BatchLoader(
      folder: split, order: Array(0..<split.count), transforms: [view], batchSize: 32, seed: 0,
      epoch: 0, policy: .fail)
    var (parts, labels): ([Tensor], [Int32]) = ([], [])
    while let batch = try loader.next() {
      parts.append(withoutGradients { l2Normalized(backbone.features(batch.images)) })
      labels += batch.labels.map(Int32.init)
    }
    return (concatenated(parts), labels)
  }

  private static func percent(_ share: Double) -> String { String(format: "%.1f", share * 100) }
}
