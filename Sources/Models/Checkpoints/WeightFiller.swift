import Layers
import TensorCore

/// A tensor that a network may take: its shape, and its numbers when they are asked for.
struct WeightSource {
  let shape: [Int]
  /// The type of numbers without a fraction, which no trained weight has; nil elsewhere.
  let wholeType: StoredType?
  let values: () -> [Float]

  /// A tensor of a file.
  init(_ stored: StoredTensor) {
    shape = stored.shape
    wholeType = stored.type.isWhole ? stored.type : nil
    values = { stored.floats() }
  }

  /// A tensor of another network.
  init(_ tensor: Tensor) {
    shape = tensor.shape
    wholeType = nil
    values = { tensor.values }
  }
}

/// Fills networks with stored numbers, all of them or none, and accounts for every key.
struct WeightFiller {
  /// What is there, by the network's keys.
  let sources: [String: WeightSource]
  /// Fits a tensor of another size, such as a position table; nil where that has no meaning.
  var resizing: (_ key: String, _ source: WeightSource, _ shape: [Int]) -> [Float]? = { _, _, _ in
    nil
  }
  /// Keys that either side may have alone, as classifiers and dense networks have their norms.
  var sparing: (_ key: String) -> Bool = { _ in false }
  /// What to do about a tensor that does not fit.
  var remedy = "give a checkpoint of that network"
  /// Endings of keys whose shapes depend on the size of the images.
  var tables: [String] = []

  /// Fills a network.
  ///
  /// - Parameters:
  ///   - name: The network, as errors call it where `report.architecture` does not say enough.
  ///   - fresh: The same network with random weights, whose numbers the missing keys get; without
  ///     it they stay as they are.
  ///   - report: Says where the numbers come from; gets what became of every key.
  /// - Throws: `CheckpointError` when a shape differs, a number is not finite, or the numbers do
  ///   not cover the network. The network is unchanged then.
  func fill(
    _ network: any Module, name: String? = nil, fresh: (() -> any Module)?, allowsPartial: Bool,
    report: inout LoadReport
  ) throws(CheckpointError) {
    var left = sources
    var taken: [(tensor: Tensor, values: [Float])] = []
    // A position index and its like are no weights: they are computed.
    var wanted = network.parameters
    network.visitBuffers("") { if !LoadReport.isComputed($0) { wanted.append(($0, $1)) } }
    for (key, tensor) in wanted {
      guard let source = left.removeValue(forKey: key) else {
        if !sparing(key) { report.missing.append(key) }
        continue
      }
      let values: [Float]
      if source.shape == tensor.shape || source.isScalar && tensor.elementCount == 1 {
        values = source.values()
        report.matched.append(key)
      } else if let resized = resizing(key, source, tensor.shape),
        resized.count == tensor.elementCount
      {
        values = resized
        report.reshaped.append("\(key) \(source.shape) to \(tensor.shape)")
      } else {
        throw CheckpointError(
          path: report.path,
          problem: "has '\(key)' of shape \(source.shape) where \(name ?? report.architecture) "
            + "needs \(tensor.shape)",
          remedy: remedy
            + (tables.contains(where: key.hasSuffix) ? ", or another --input-size" : ""))
      }
      try source.check(values, of: key, in: report.path)
      report.parameterCount += key.hasSuffix("num_batches_tracked") ? 0 : tensor.elementCount
      taken.append((tensor, values))
    }
    report.noteLeft(left.keys.filter { !sparing($0) })
    try report.requireReadable()
    if !allowsPartial { try report.requireComplete() }
    for (tensor, values) in taken { tensor.assign(values) }
    guard !report.missing.isEmpty, let fresh = fresh?() else { return }
    let missing = Set(report.missing)
    for (source, target) in zip(fresh.parameters, network.parameters)
    where missing.contains(target.key) { target.tensor.assign(source.tensor) }
  }
}

extension WeightSource {
  /// Makes sure that its numbers are those of a trained network.
  func check(_ values: [Float], of key: String, in path: String) throws(CheckpointError) {
    // Counters are whole; weights are only where a network was quantised, and mean nothing then
    // without its scales.
    if let type = wholeType, !key.hasSuffix("num_batches_tracked") {
      throw CheckpointError(
        path: path,
        problem: "stores '\(key)' as whole numbers (\(type.rawValue)), as quantised networks do",
        remedy: "give the checkpoint in floating point")
    }
    guard values.allSatisfy(\.isFinite) else {
      throw CheckpointError(
        path: path, problem: "holds numbers in '\(key)' that are not finite",
        remedy: "use a checkpoint from before the training diverged")
    }
  }

  fileprivate var isScalar: Bool { shape.allSatisfy { $0 == 1 } }

  /// A bias table of another window, bicubically as one square image a head; nil when it is none.
  func resizedBiasTable(_ key: String, to shape: [Int]) -> [Float]? {
    guard key.hasSuffix("relative_position_bias_table"), self.shape.count == 2,
      self.shape[1] == shape[1], let from = squareRoot(self.shape[0]), let to = squareRoot(shape[0])
    else { return nil }
    return BicubicMaps.resized(
      values(), rows: from, columns: from, channels: shape[1], toRows: to, toColumns: to)
  }

  /// A position embedding of another grid; its leading tokens stay.
  ///
  /// Nil when it is none.
  func resizedPositions(_ key: String, to shape: [Int], leading: Int) -> [Float]? {
    guard key == "pos_embed", self.shape.count == 3, self.shape[2] == shape[2],
      let from = squareRoot(self.shape[1] - leading), let to = squareRoot(shape[1] - leading)
    else { return nil }
    let (values, channels) = (values(), shape[2])
    return Array(values.prefix(leading * channels))
      + BicubicMaps.resized(
        Array(values.dropFirst(leading * channels)), rows: from, columns: from, channels: channels,
        toRows: to, toColumns: to)
  }
}

/// The side of a square of `count` cells; nil when `count` is no square.
func squareRoot(_ count: Int) -> Int? {
  guard count > 0 else { return nil }
  let side = Int(Double(count).squareRoot().rounded())
  return side * side == count ? side : nil
}
