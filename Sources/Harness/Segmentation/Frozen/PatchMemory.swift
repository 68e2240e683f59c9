import CounterRandom
import Evaluation
import Foundation
import Loading
import Models
import Processes
import TensorCore
import VisionData

/// Cells of training images with the classes that their pixels have.
struct PatchMemory {
  /// `[M, D]`, of unit length, in parts that a search takes one after the other.
  private let shards: [(first: Int, units: Tensor)]
  /// Parts of each class among a cell's labelled pixels, `[M · K]`.
  private let labels: [Float]
  private let classCount: Int

  /// How many cells there are.
  var count: Int { labels.count / max(1, classCount) }

  /// Cells that are compared with a block of queries at once.
  private static let shardSize = 8192

  /// Cells of some images.
  struct Part {
    /// `[m, D]` each.
    private(set) var cells: [Tensor] = []
    /// Parts of the classes of each cell, in the same order.
    private(set) var labels: [Float] = []

    /// Adds an image's.
    mutating func append(_ cells: Tensor, labels: [Float]) {
      self.cells.append(cells)
      self.labels += labels
    }

    /// Adds those of more images.
    mutating func append(_ other: Part) {
      cells += other.cells
      labels += other.labels
    }

    /// The cells of all processes, in the order of the ranks.
    ///
    /// - Parameter width: Numbers of a cell.
    func joined(by ranks: any Communicator, width: Int) throws -> Part {
      guard ranks.size > 1 else { return self }
      let values = try ranks.joined(cells.flatMap(\.values))
      let labels = try ranks.joined(labels)
      var all = Part()
      guard !values.isEmpty else { return all }
      all.append(Tensor(values, shape: [values.count / width, width]), labels: labels)
      return all
    }

    /// The memory of all; nil where there is no cell.
    func memory(classCount: Int) -> PatchMemory? {
      cells.isEmpty ? nil : PatchMemory(cells, labels: labels, classCount: classCount)
    }
  }

  /// Keeps cells.
  ///
  /// - Parameters:
  ///   - cells: `[m, D]` each.
  ///   - labels: Parts of the classes of each cell, in the same order.
  init(_ cells: [Tensor], labels: [Float], classCount: Int) {
    let all = withoutGradients { l2Normalized(concatenated(cells)) }
    shards = stride(from: 0, to: all.shape[0], by: Self.shardSize).map { first in
      (first, rows(all, first..<min(all.shape[0], first + Self.shardSize)))
    }
    self.labels = labels
    self.classCount = classCount
  }

  /// The classes of cells by the labels of their nearest ones: each gives its parts times its share,
  /// the softmax of the cosines over the temperature.
  ///
  /// - Parameter queries: `[N, D]`.
  /// - Returns: `[N, K]`.
  ///
  /// Source: Balažević et al., Towards In-context Scene Understanding, 2023.
  func classes(of queries: Tensor, neighbours: Int, temperature: Float) -> Tensor {
    let nearest = NearestNeighbourProbe.neighbours(
      of: withoutGradients { l2Normalized(queries) }, limit: neighbours, among: shards)
    var values = [Float](repeating: 0, count: nearest.count * classCount)
    for (query, found) in nearest.enumerated() {
      // A cell without numbers is near to nothing, and its classes are none.
      guard let best = found.similarities.first else {
        for label in 0..<classCount { values[query * classCount + label] = .nan }
        continue
      }
      let weights = found.similarities.map { exp(($0 - best) / temperature) }
      let total = weights.reduce(0, +)
      for (weight, row) in zip(weights, found.rows) {
        let share = weight / total
        for label in 0..<classCount {
          values[query * classCount + label] += share * labels[Int(row) * classCount + label]
        }
      }
    }
    return Tensor(values, shape: [nearest.count, classCount])
  }
}

/// The cells of one training image that have labels.
struct LabelledCells {
  /// Their places in the map, row by row.
  let places: [Int]
  /// Parts of each class among the labelled pixels of every cell, `[places · K]`.
  let parts: [Float]
  private let classCount: Int

  /// Divides a square label map into the cells of a feature map.
  ///
  /// - Parameters:
  ///   - labels: `[side, side]`; 255 does not count.
  ///   - rows: Rows of the feature map, and `columns` of it.
  init(_ labels: ArraySlice<UInt8>, side: Int, rows: Int, columns: Int, classCount: Int) {
    var (places, parts): ([Int], [Float]) = ([], [])
    for row in 0..<rows {
      for column in 0..<columns {
        var counts = [Int](repeating: 0, count: classCount)
        var total = 0
        for y in row * side / rows..<(row + 1) * side / rows {
          for x in column * side / columns..<(column + 1) * side / columns {
            let label = Int(labels[labels.startIndex + y * side + x])
            guard label < classCount else { continue }
            counts[label] += 1
            total += 1
          }
        }
        guard total > 0 else { continue }
        places.append(row * columns + column)
        parts += counts.map { Float($0) / Float(total) }
      }
    }
    (self.places, self.parts, self.classCount) = (places, parts, classCount)
  }

  /// Some of the cells, cells of rare classes more likely: those with the least of a number between
  /// 0 and 1 times how many cells have one of their classes, summed over their classes.
  ///
  /// - Returns: Indices into `places`, ascending.
  func sample(_ limit: Int, stream: inout RandomStream) -> [Int] {
    guard limit < places.count else { return Array(places.indices) }
    func classes(_ cell: Int) -> [Int] {
      (0..<classCount).filter { parts[cell * classCount + $0] > 0 }
    }
    let own = places.indices.map(classes)
    var frequency = [Int](repeating: 0, count: classCount)
    for list in own { for label in list { frequency[label] += 1 } }
    let scores = own.map { list in
      Double(list.reduce(0) { $0 + frequency[$1] }) * stream.uniform(0, 1)
    }
    return scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }.prefix(limit).sorted()
  }

  /// The parts of one cell.
  func parts(_ cell: Int) -> ArraySlice<Float> {
    parts[cell * classCount..<(cell + 1) * classCount]
  }
}

/// Gives every cell of a frozen backbone's map the labels of the nearest cells of training images.
final class NeighbourSegmentor: PixelClassifier {
  let classCount: Int
  private let backbone: any Backbone
  private let memory: PatchMemory
  private let neighbours: Int
  private let temperature: Float
  /// Cells whose labels it gives.
  var memorySize: Int { memory.count }

  init(
    _ backbone: any Backbone, memory: PatchMemory, classCount: Int, neighbours: Int,
    temperature: Double
  ) {
    self.backbone = backbone
    self.memory = memory
    self.classCount = classCount
    self.neighbours = neighbours
    self.temperature = Float(temperature)
  }

  /// Parts of the classes, `[B, h, w, K]`, 0 to 1.
  func logits(_ images: Tensor) -> Tensor {
    let map = withoutGradients { backbone.patchMap(images) }
    let count = map.elementCount / backbone.featureCount
    return memory.classes(
      of: map.reshaped(to: [count, backbone.featureCount]), neighbours: neighbours,
      temperature: temperature
    ).reshaped(to: map.shape.dropLast() + [classCount])
  }
}
