/// How often each pair of true label and prediction occurs in one image.
///
/// Pixels whose true label is 255 do not count, whatever was predicted there.
public struct LabelPairs: Sendable, Equatable {
  /// The label of pixels that do not count.
  public static let ignored: UInt8 = 255

  /// One pair and the number of its pixels.
  public struct Entry: Sendable, Equatable {
    /// The true class and the predicted one.
    public let label, prediction: UInt8
    /// Pixels.
    public let count: Int
  }

  /// The pairs that occur, by label, then prediction; ignored pixels left out.
  public let entries: [Entry]
  /// Pixels of the image, and those that do not count.
  public let pixelCount, ignoredCount: Int

  /// Counts the pairs of an image.
  ///
  /// - Precondition: both have the same number of pixels.
  /// - Complexity: under 0.5 ns a pixel.
  public init(labels: UnsafeBufferPointer<UInt8>, predictions: UnsafeBufferPointer<UInt8>) {
    precondition(
      labels.count == predictions.count, "\(labels.count) labels, \(predictions.count) predictions")
    pixelCount = labels.count
    guard let label = labels.baseAddress, let prediction = predictions.baseAddress else {
      (entries, ignoredCount) = ([], 0)
      return
    }
    let counts = UnsafeMutablePointer<UInt32>.allocate(capacity: 1 << 16)
    defer { counts.deallocate() }
    counts.initialize(repeating: 0, count: 1 << 16)
    countPairs(UnsafeRawPointer(label), UnsafeRawPointer(prediction), labels.count, into: counts)
    var entries: [Entry] = []
    var ignored = 0
    for value in 0..<256 {
      for guess in 0..<256 where counts[value << 8 | guess] > 0 {
        let count = Int(counts[value << 8 | guess])
        if value == Int(Self.ignored) {
          ignored += count
        } else {
          entries.append(Entry(label: UInt8(value), prediction: UInt8(guess), count: count))
        }
      }
    }
    self.entries = entries
    ignoredCount = ignored
  }

  /// Counts the pairs of an image.
  ///
  /// - Precondition: both have the same number of pixels.
  public init(labels: [UInt8], predictions: [UInt8]) {
    self = labels.withUnsafeBufferPointer { labels in
      predictions.withUnsafeBufferPointer { LabelPairs(labels: labels, predictions: $0) }
    }
  }

  /// Counted pixels whose prediction is the true class plus `shift`: much agreement at 1 or −1 tells
  /// that ids from 1 were taken for indices from 0, or the other way round.
  public func agreement(shift: Int) -> Int {
    entries.reduce(0) {
      $0 + (Int($1.prediction) == Int($1.label) + shift ? $1.count : 0)
    }
  }
}

/// Adds the pairs of `count` pixels to a table of 256 x 256, label first.
///
/// Sixteen pixels that all equal the one before them, as inside any region, are one addition.
private func countPairs(
  _ labels: UnsafeRawPointer, _ predictions: UnsafeRawPointer, _ count: Int,
  into counts: UnsafeMutablePointer<UInt32>
) {
  var at = 0
  while at &+ 16 <= count {
    let label = labels.loadUnaligned(fromByteOffset: at, as: SIMD16<UInt8>.self)
    let guess = predictions.loadUnaligned(fromByteOffset: at, as: SIMD16<UInt8>.self)
    if label == SIMD16(repeating: label[0]), guess == SIMD16(repeating: guess[0]) {
      counts[Int(label[0]) << 8 | Int(guess[0])] &+= 16
    } else {
      for lane in at..<at &+ 16 {
        let pair =
          Int(labels.load(fromByteOffset: lane, as: UInt8.self)) << 8
          | Int(predictions.load(fromByteOffset: lane, as: UInt8.self))
        counts[pair] &+= 1
      }
    }
    at &+= 16
  }
  while at < count {
    let pair =
      Int(labels.load(fromByteOffset: at, as: UInt8.self)) << 8
      | Int(predictions.load(fromByteOffset: at, as: UInt8.self))
    counts[pair] &+= 1
    at &+= 1
  }
}
