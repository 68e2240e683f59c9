import FileSupport
import Geometry

/// How the stored values of a label map stand for classes.
///
/// Networks and scores use class indices from 0, with 255 for pixels that do not count.
public struct LabelEncoding: Sendable, Equatable {
  /// The known ways of storing labels.
  public enum Kind: String, Sendable, CaseIterable {
    /// 0 is other or unlabelled and does not count; classes are 1, 2, … (ADE20K; "reduce_zero_label").
    case reduceZero = "reduce-zero"
    /// Classes are 0, 1, …; 255 does not count.
    case direct
    /// The 34 ids of Cityscapes, of which 19 are classes.
    case cityscapes
  }

  /// The class index of pixels that do not count.
  public static let ignored: UInt8 = 255
  /// The most classes that fit beside the ignored value and, stored, beside 0.
  public static let classLimit = 254

  /// What helps masks of 0 and 255, where 255 does not count.
  public static let binaryRemedy = "store class indices, not 255, for what counts"

  /// Which way it is.
  public let kind: Kind
  /// How many classes there are.
  public let classCount: Int
  /// Class index, ignored, or `invalid` of each stored value.
  private let table: [UInt16]
  private static let invalid: UInt16 = 256

  /// The stored ids of Cityscapes' classes, in the order of their indices.
  private static let cityscapesIDs = [
    7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33,
  ]

  /// An encoding of a number of classes; Cityscapes has 19, whatever is asked for.
  ///
  /// - Precondition: `classCount` is in 1...254.
  public init(_ kind: Kind, classCount: Int) {
    precondition(
      (1...Self.classLimit).contains(classCount),
      "label maps hold 1...\(Self.classLimit) classes, got \(classCount)")
    self.kind = kind
    var table = [UInt16](repeating: Self.invalid, count: 256)
    table[255] = UInt16(Self.ignored)
    switch kind {
    case .reduceZero:
      table[0] = UInt16(Self.ignored)
      for index in 0..<classCount { table[index + 1] = UInt16(index) }
    case .direct:
      for index in 0..<classCount { table[index] = UInt16(index) }
    case .cityscapes:
      for id in 0...33 { table[id] = UInt16(Self.ignored) }
      for (index, id) in Self.cityscapesIDs.enumerated() { table[id] = UInt16(index) }
    }
    self.table = table
    self.classCount = kind == .cityscapes ? Self.cityscapesIDs.count : classCount
  }

  /// The class index of a stored value, 255 where it does not count, nil where it means nothing.
  public func classIndex(of stored: UInt8) -> UInt8? {
    UInt8(exactly: table[Int(stored)])
  }

  /// The stored value of a class index; 255 or, where there is one, 0 for ignored pixels.
  public func storedValue(of classIndex: UInt8) -> UInt8 {
    guard classIndex != Self.ignored else { return kind == .direct ? 255 : 0 }
    return UInt8(truncatingIfNeeded: table.firstIndex(of: UInt16(classIndex)) ?? 255)
  }

  /// The values that a map may hold, for messages.
  public var range: String {
    switch kind {
    case .reduceZero: "0 (other), 1...\(classCount) and 255 (ignored)"
    case .direct: "0...\(classCount - 1) and 255 (ignored)"
    case .cityscapes: "Cityscapes' ids 0...33 and 255 (ignored)"
    }
  }

  /// Class indices of stored values.
  ///
  /// - Parameter path: The map's file, for the message.
  /// - Throws: `DatasetError` naming the values that mean nothing, and the likely reason.
  public func decode(_ map: LabelMap, path: String) throws(DatasetError) -> LabelMap {
    var isSound = true
    let labels = [UInt8](unsafeUninitializedCapacity: map.labels.count) { out, filled in
      filled = map.labels.count
      var seen: UInt16 = 0
      table.withUnsafeBufferPointer { table in
        map.labels.withUnsafeBufferPointer { source in
          for at in 0..<source.count {
            let value = table[Int(source[at])]
            seen |= value
            out[at] = UInt8(truncatingIfNeeded: value)
          }
        }
      }
      isSound = seen & Self.invalid == 0
    }
    guard isSound else {
      let fault = self.fault(in: LabelHistogram(map))
      throw DatasetError(
        path: path, problem: fault?.problem ?? "holds a value that is no label",
        remedy: fault?.remedy ?? "correct the map")
    }
    return LabelMap(width: map.width, height: map.height, labels: labels)
  }

  /// Stored values of class indices, as prediction files hold them.
  public func encode(_ map: LabelMap) -> LabelMap {
    let values = (0..<256).map { storedValue(of: UInt8($0)) }
    return LabelMap(
      width: map.width, height: map.height, labels: map.labels.map { values[Int($0)] })
  }

  /// What is wrong with the values of a map, with the likely reason; nil when nothing is.
  public func fault(in histogram: LabelHistogram) -> (problem: String, remedy: String)? {
    let wrong = (0..<256).filter { histogram.counts[$0] > 0 && table[$0] == Self.invalid }
    guard let first = wrong.first, let last = wrong.last else { return nil }
    let pixels = wrong.reduce(0) { $0 + histogram.counts[$1] }
    let values =
      wrong.count == 1 ? "the value \(first)" : "\(wrong.count) values from \(first) to \(last)"
    let remedy: String
    if kind == .direct, wrong == [classCount] {
      remedy =
        "values run to the number of classes, so 0 is probably 'other': use --labels reduce-zero"
    } else if kind == .cityscapes {
      remedy = "use the *_labelIds.png files, or --labels direct for *_labelTrainIds.png"
    } else {
      remedy = "give the class table of this data set, or correct the map"
    }
    return (
      "holds \(values) (\(pixels) pixels), but \(classCount) classes are stored as \(range)", remedy
    )
  }
}

/// How many pixels of a map, or of many, have each stored value.
public struct LabelHistogram: Sendable, Equatable {
  /// Pixels of each of the 256 values.
  public private(set) var counts = [Int](repeating: 0, count: 256)

  /// Of no pixels.
  public init() {}

  /// Of one map.
  public init(_ map: LabelMap) {
    // Four tables: neighbours are mostly equal, and each count would wait for the one before.
    var parts = [UInt32](repeating: 0, count: 4 * 256)
    map.labels.withUnsafeBufferPointer { labels in
      parts.withUnsafeMutableBufferPointer { parts in
        var at = 0
        while at &+ 4 <= labels.count {
          parts[Int(labels[at])] &+= 1
          parts[256 &+ Int(labels[at &+ 1])] &+= 1
          parts[512 &+ Int(labels[at &+ 2])] &+= 1
          parts[768 &+ Int(labels[at &+ 3])] &+= 1
          at &+= 4
        }
        while at < labels.count {
          parts[Int(labels[at])] &+= 1
          at &+= 1
        }
      }
    }
    for value in 0..<256 {
      counts[value] = (0..<4).reduce(0) { $0 + Int(parts[$1 * 256 + value]) }
    }
  }

  /// Adds the pixels of another.
  public mutating func add(_ other: LabelHistogram) {
    for value in 0..<256 { counts[value] += other.counts[value] }
  }

  /// The values that occur, ascending.
  public var values: [Int] { (0..<256).filter { counts[$0] > 0 } }

  /// Whether 0 and 255 occur and nothing else.
  public var isBinary: Bool { values == [0, 255] }
}
