/// A binary mask as COCO keeps it: run lengths down the columns, background first.
///
/// The runs are canonical: none is empty but possibly the first, so equal masks have equal runs,
/// and they are the ones that the reference tools write.
///
/// Source: cocodataset/cocoapi, `common/maskApi.h`.
public struct RunLengthMask: Sendable, Hashable {
  /// Rows and columns of the image.
  public let height, width: Int
  /// Lengths of background, foreground, background, … in pixels; their sum is height · width.
  public let runs: [UInt32]

  /// Images with more pixels than this have no run lengths.
  public static let largestPixelCount = Int(UInt32.max) - 1

  /// Takes over run lengths; empty runs inside are merged away.
  ///
  /// - Throws: `MaskError` when the sizes are impossible or the sum is not height · width.
  public init(height: Int, width: Int, counts: some Sequence<Int>) throws(MaskError) {
    let pixelCount = try Self.pixelCount(height: height, width: width)
    var runs: [UInt32] = []
    var isForeground = false
    var total = 0
    for count in counts {
      guard count >= 0 else { throw .negativeRun(count) }
      guard count <= pixelCount - total else {
        let (sum, overflows) = total.addingReportingOverflow(count)
        throw .wrongSum(overflows ? Int.max : sum, expected: pixelCount)
      }
      total += count
      if runs.count % 2 == (isForeground ? 0 : 1) {
        // An empty run was left out: this one goes on with the colour before it.
        runs[runs.count - 1] += UInt32(count)
      } else if count > 0 || runs.isEmpty {
        runs.append(UInt32(count))
      }
      isForeground.toggle()
    }
    guard total == pixelCount else { throw .wrongSum(total, expected: pixelCount) }
    if runs.isEmpty { runs = [0] }
    self.init(height: height, width: width, canonicalRuns: runs)
  }

  /// Encodes a bitmap.
  ///
  /// - Parameter pixels: `[height, width]` row by row; anything but 0 is inside.
  /// - Precondition: there are height · width pixels.
  public init(height: Int, width: Int, pixels: UnsafeBufferPointer<UInt8>) {
    precondition(
      pixels.count == height * width,
      "\(height)x\(width) needs \(height * width) pixels, got "
        + "\(pixels.count)")
    var runs: [UInt32] = []
    var current = false
    var length: UInt32 = 0
    for x in 0..<width {
      var at = x
      for _ in 0..<height {
        if (pixels[at] != 0) != current {
          runs.append(length)
          length = 0
          current.toggle()
        }
        length += 1
        at += width
      }
    }
    runs.append(length)
    self.init(height: height, width: width, canonicalRuns: runs)
  }

  /// Takes over run lengths that are known to be canonical and to cover the image.
  package init(height: Int, width: Int, canonicalRuns: [UInt32]) {
    self.height = height
    self.width = width
    runs = canonicalRuns
  }

  /// Height · width, if it can be that of a mask.
  ///
  /// - Throws: `MaskError.wrongSize`.
  public static func pixelCount(height: Int, width: Int) throws(MaskError) -> Int {
    guard height >= 0, width >= 0 else { throw .wrongSize(height: height, width: width) }
    let (product, overflows) = height.multipliedReportingOverflow(by: width)
    guard !overflows, product <= largestPixelCount else {
      throw .wrongSize(height: height, width: width)
    }
    return product
  }

  /// The bitmap, `[height, width]` row by row: 1 inside, 0 outside.
  public var pixels: [UInt8] {
    var pixels = [UInt8](repeating: 0, count: height * width)
    var position = 0
    for (index, run) in runs.enumerated() {
      if index % 2 == 1 {
        for at in position..<position + Int(run) { pixels[at % height * width + at / height] = 1 }
      }
      position += Int(run)
    }
    return pixels
  }

  /// Pixels inside.
  public var area: Int {
    stride(from: 1, to: runs.count, by: 2).reduce(0) { $0 + Int(runs[$1]) }
  }

  /// The smallest box of whole pixels around the inside: x, y, width, height; zeros if empty.
  public var box: (x: Int, y: Int, width: Int, height: Int) {
    let intervals = MaskIntervals()
    let slot = intervals.append(runs: runs, height: height)
    return (slot.minX, slot.minY, slot.maxX - slot.minX, slot.maxY - slot.minY)
  }

  /// The pixels that are inside any of the masks; nil when their sizes differ or there are none.
  public static func union(_ masks: [RunLengthMask]) -> RunLengthMask? {
    guard let first = masks.first else { return nil }
    guard masks.allSatisfy({ $0.height == first.height && $0.width == first.width }) else {
      return nil
    }
    if masks.count == 1 { return first }
    let intervals = MaskIntervals()
    let parts = masks.map { intervals.append(runs: $0.runs, height: $0.height) }
    let joined = intervals.appendUnion(of: parts, height: first.height)
    return intervals.mask(joined, height: first.height, width: first.width)
  }

  /// Intersection over union of two masks, as the reference evaluator computes it.
  ///
  /// - Parameter isCrowd: Whether the other one marks a crowd; then the area of this mask alone
  ///   stands below the fraction.
  /// - Returns: −1 when the images' sizes differ.
  public func intersectionOverUnion(with other: RunLengthMask, isCrowd: Bool = false) -> Double {
    guard height == other.height, width == other.width else { return -1 }
    let intervals = MaskIntervals()
    let (a, b) = (
      intervals.append(runs: runs, height: height),
      intervals.append(runs: other.runs, height: height)
    )
    let common = intervals.intersectionArea(a, b)
    guard common > 0 else { return 0 }
    return Double(common) / Double(isCrowd ? a.area : a.area + b.area - common)
  }
}

/// What is wrong with a stored mask, as the rest of a sentence about it.
public enum MaskError: Error, Equatable, CustomStringConvertible {
  case wrongSize(height: Int, width: Int)
  case negativeRun(Int)
  case wrongSum(Int, expected: Int)
  case badCharacter(UInt8, position: Int)
  case cutShort

  public var description: String {
    switch self {
    case .wrongSize(let height, let width): "has the impossible size \(height)x\(width)"
    case .negativeRun(let run): "has a run of length \(run)"
    case .wrongSum(let sum, let expected):
      "has runs of \(sum) pixels\(sum > expected ? " or more" : "") where its size has \(expected)"
    case .badCharacter(let byte, let position):
      "has the byte \(byte) at position \(position) of its counts, which encodes nothing"
    case .cutShort: "has counts that end in the middle of a number"
    }
  }
}
