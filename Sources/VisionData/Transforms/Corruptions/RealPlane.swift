import Foundation

/// A channel of an image in double precision, rows from the top; 0 is black and 1 full intensity.
///
/// The published corruptions compute so and cut the result off: where an image is flat the value lies on
/// the border between two levels, so sums here have the order of the libraries that they call.
struct RealPlane {
  let width: Int, height: Int
  /// `[height, width]`.
  var values: [Double]

  init(width: Int, height: Int, values: [Double]) {
    self.width = width
    self.height = height
    self.values = values
  }

  /// Draws a value for every place, row by row.
  init(width: Int, height: Int, drawing value: () -> Double) {
    self.init(
      width: width, height: height, values: (0..<width * height).map { _ in value() })
  }

  /// What stands for places outside of a plane.
  enum Edge {
    /// The nearest place inside: `a a | a b c`.
    case nearest
    /// The mirror image, edge included: `b a | a b c`.
    case reflected
    /// The mirror image without the edge: `c b | a b c`.
    case mirrored

    /// The place inside of 0..<count.
    func place(_ at: Int, of count: Int) -> Int {
      if at >= 0, at < count { return at }
      switch self {
      case .nearest: return max(0, min(count - 1, at))
      case .reflected:
        let turn = ((at % (2 * count)) + 2 * count) % (2 * count)
        return turn < count ? turn : 2 * count - 1 - turn
      case .mirrored:
        guard count > 1 else { return 0 }
        let period = 2 * count - 2
        let turn = ((at % period) + period) % period
        return turn < count ? turn : period - turn
      }
    }
  }

  /// The two places of an axis that a position lies between.
  struct Between {
    let first: Int, second: Int
    /// The second's weight.
    let part: Double
  }

  /// The value between four places, linearly.
  ///
  /// - Parameter value: What lies in a row and column.
  @inline(__always)
  static func blended(
    _ row: Between, _ column: Between, _ value: (_ row: Int, _ column: Int) -> Double
  ) -> Double {
    var sum = value(row.first, column.first) * (1 - row.part) * (1 - column.part)
    sum += value(row.first, column.second) * (1 - row.part) * column.part
    sum += value(row.second, column.first) * row.part * (1 - column.part)
    sum += value(row.second, column.second) * row.part * column.part
    return sum
  }

  // MARK: Blur

  /// A blur by a sampled Gaussian, along columns, then rows.
  ///
  /// - Parameters:
  ///   - deviation: σ in pixels, above 0.
  ///   - reach: How many σ the weights reach.
  ///   - isSingle: Whether both passes round to single precision.
  ///
  /// Source: SciPy's `gaussian_filter`.
  func blurred(
    deviation: Double, reach: Double = 4, edge: Edge = .nearest, isSingle: Bool = false
  ) -> RealPlane {
    let weights = Self.gaussian(deviation, radius: Int(reach * deviation + 0.5))
    var result = transposed.filteredRows(weights, edge)
    if isSingle { result.roundToSingle() }
    result = result.transposed.filteredRows(weights, edge)
    if isSingle { result.roundToSingle() }
    return result
  }

  mutating func roundToSingle() {
    for at in values.indices { values[at] = Double(Float(values[at])) }
  }

  /// The weight of the middle and of the places 1, 2, … away from it.
  private static func gaussian(_ deviation: Double, radius: Int) -> [Double] {
    let raw = (-radius...radius).map {
      exp(-0.5 / (deviation * deviation) * Double($0 * $0))
    }
    let sum = pairwiseSum(raw[...])
    return raw[radius...].map { $0 / sum }
  }

  /// A sum in the order of NumPy's: eight at a time, halves of long ones apart.
  static func pairwiseSum(_ values: ArraySlice<Double>) -> Double {
    let count = values.count, first = values.startIndex
    guard count >= 8 else { return values.reduce(0, +) }
    guard count <= 128 else {
      let half = count / 2 - count / 2 % 8
      return pairwiseSum(values.prefix(half)) + pairwiseSum(values.dropFirst(half))
    }
    var lanes = Array(values.prefix(8))
    var at = 8
    while at + 8 <= count {
      for lane in 0..<8 { lanes[lane] += values[first + at + lane] }
      at += 8
    }
    let sum =
      ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
      + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
    return values.dropFirst(at).reduce(sum, +)
  }

  var transposed: RealPlane {
    var result = RealPlane(
      width: height, height: width, values: [Double](repeating: 0, count: values.count))
    result.values.withUnsafeMutableBufferPointer { out in
      values.withUnsafeBufferPointer { source in
        for y in 0..<height {
          for x in 0..<width { out[x &* height &+ y] = source[y &* width &+ x] }
        }
      }
    }
    return result
  }

  /// Every row weighed symmetrically: the middle first, then pairs from far to near.
  private func filteredRows(_ weights: [Double], _ edge: Edge) -> RealPlane {
    let radius = weights.count - 1
    var result = self
    var line = [Double](repeating: 0, count: width + 2 * radius)
    let places = (-radius..<width + radius).map { edge.place($0, of: width) }
    result.values.withUnsafeMutableBufferPointer { out in
      values.withUnsafeBufferPointer { source in
        line.withUnsafeMutableBufferPointer { line in
          guard let out = out.baseAddress, let source = source.baseAddress,
            let line = line.baseAddress
          else { return }
          for y in 0..<height {
            for (at, place) in places.enumerated() { line[at] = source[y * width + place] }
            weigh(line + radius, weights, count: width, into: out + y * width)
          }
        }
      }
    }
    return result
  }

  // MARK: Correlation

  /// A tap of a two-dimensional filter: where it looks, and its weight.
  struct Tap {
    let dx: Int, dy: Int
    let weight: Double
  }

  /// The sum of what lies at some offsets, weighed.
  func weighed(_ taps: [Tap], edge: Edge) -> RealPlane {
    let reach = taps.reduce(0) { max($0, abs($1.dx), abs($1.dy)) }
    let padded = padded(reach, edge)
    var result = RealPlane(
      width: width, height: height, values: [Double](repeating: 0, count: values.count))
    result.values.withUnsafeMutableBufferPointer { out in
      padded.values.withUnsafeBufferPointer { source in
        guard let out = out.baseAddress, let source = source.baseAddress else { return }
        for y in 0..<height {
          for tap in taps {
            accumulate(
              source + (y + reach + tap.dy) * padded.width + reach + tap.dx, tap.weight,
              count: width, into: out + y * width)
          }
        }
      }
    }
    return result
  }

  private func padded(_ margin: Int, _ edge: Edge) -> RealPlane {
    let columns = (-margin..<width + margin).map { edge.place($0, of: width) }
    var padded: [Double] = []
    padded.reserveCapacity((width + 2 * margin) * (height + 2 * margin))
    values.withUnsafeBufferPointer { source in
      for y in -margin..<height + margin {
        let row = edge.place(y, of: height) * width
        for column in columns { padded.append(source[row + column]) }
      }
    }
    return RealPlane(width: width + 2 * margin, height: height + 2 * margin, values: padded)
  }
}

private func weigh(
  _ line: UnsafePointer<Double>, _ weights: [Double], count: Int,
  into out: UnsafeMutablePointer<Double>
) {
  for x in 0..<count { out[x] = line[x] * weights[0] }
  for offset in stride(from: weights.count - 1, to: 0, by: -1) {
    let weight = weights[offset]
    let (left, right) = (line - offset, line + offset)
    for x in 0..<count { out[x] += (left[x] + right[x]) * weight }
  }
}

private func accumulate(
  _ source: UnsafePointer<Double>, _ weight: Double, count: Int,
  into out: UnsafeMutablePointer<Double>
) {
  for x in 0..<count { out[x] += source[x] * weight }
}

extension RGBImage {
  /// The channels, each value divided by 255.
  var realPlanes: [RealPlane] {
    (0..<3).map { channel in
      RealPlane(
        width: width, height: height,
        values: pixels.withUnsafeBufferPointer { bytes in
          (0..<width * height).map { Double(bytes[3 * $0 + channel]) / 255 }
        })
    }
  }

  /// Three channels, limited to 0...1 and cut off to whole levels.
  init(cuttingOff planes: [RealPlane]) {
    self.init(width: planes[0].width, height: planes[0].height)
    for (channel, plane) in planes.enumerated() {
      for (at, value) in plane.values.enumerated() {
        pixels[3 * at + channel] = Self.level(value)
      }
    }
  }

  /// A value limited to 0...1, as a level, cut off.
  @inline(__always)
  static func level(_ value: Double) -> UInt8 { UInt8(max(0, min(1, value)) * 255) }

  /// Every value divided by 255 and replaced, in the order of the bytes.
  @inline(__always)
  func mappedReals(_ body: (Double) -> Double) -> RGBImage {
    var result = self
    result.pixels.withUnsafeMutableBufferPointer { bytes in
      for at in bytes.indices { bytes[at] = Self.level(body(Double(bytes[at]) / 255)) }
    }
    return result
  }
}
