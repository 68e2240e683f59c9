// Anti-aliased filling of polygons: for every pixel the exact share of its area that is inside.

/// How much of each pixel in a rectangle of the canvas is covered, 0...1.
struct Coverage: Sendable {
  /// The rectangle on the canvas; `maxX` and `maxY` are the first column and row outside.
  var minX = 0, minY = 0, maxX = 0, maxY = 0
  /// `(maxX - minX) · (maxY - minY)` shares, rows from the top.
  var shares: [Float] = []

  var width: Int { maxX - minX }
  var height: Int { maxY - minY }
  var isEmpty: Bool { shares.isEmpty }

  /// Nothing covered in a rectangle.
  init(minX: Int, minY: Int, maxX: Int, maxY: Int) {
    self.minX = minX
    self.minY = minY
    self.maxX = max(maxX, minX)
    self.maxY = max(maxY, minY)
    shares = [Float](repeating: 0, count: width * height)
  }

  /// Fills closed rings on a canvas.
  ///
  /// Rings that overlap must turn the same way.
  ///
  /// - Complexity: O(pixels of the bounding box + pixels along the edges).
  init(rings: [[Point]], canvasWidth: Int, canvasHeight: Int) {
    var low = Point(.infinity, .infinity)
    var high = Point(-.infinity, -.infinity)
    for ring in rings {
      for p in ring {
        low = Point(min(low.x, p.x), min(low.y, p.y))
        high = Point(max(high.x, p.x), max(high.y, p.y))
      }
    }
    func pixel(_ value: Double, _ limit: Int) -> Int { Int(max(0, min(Double(limit), value))) }
    guard low.x < high.x else {
      self.init(minX: 0, minY: 0, maxX: 0, maxY: 0)
      return
    }
    self.init(
      minX: pixel(low.x.rounded(.down), canvasWidth),
      minY: pixel(low.y.rounded(.down), canvasHeight),
      maxX: pixel(high.x.rounded(.up), canvasWidth),
      maxY: pixel(high.y.rounded(.up), canvasHeight))
    guard !isEmpty else { return }
    // One column more than the box: what an edge adds to the right of its last pixel.
    let (width, height) = (width, height)
    let (left, top) = (Double(minX), Double(minY))
    var deltas = [Float](repeating: 0, count: (width + 1) * height + 1)
    deltas.withUnsafeMutableBufferPointer { deltas in
      for ring in rings {
        guard var previous = ring.last else { continue }
        for point in ring {
          Self.addEdge(
            Point(previous.x - left, previous.y - top), Point(point.x - left, point.y - top),
            deltas, width: width, height: height)
          previous = point
        }
      }
    }
    shares.withUnsafeMutableBufferPointer { shares in
      for y in 0..<height {
        var sum: Float = 0
        for x in 0..<width {
          sum += deltas[y * (width + 1) + x]
          shares[y * width + x] = min(abs(sum), 1)
        }
      }
    }
  }

  /// Adds an edge to the differences whose running sum along a row is the covered share.
  ///
  /// Each row's piece of the edge is cut at the columns it crosses. A piece of height h with middle
  /// at the fraction m of its pixel covers h·(1 - m) of that pixel and h of all to its right.
  private static func addEdge(
    _ from: Point, _ to: Point, _ deltas: UnsafeMutableBufferPointer<Float>, width: Int, height: Int
  ) {
    guard from.y != to.y else { return }
    let sign: Double = from.y < to.y ? 1 : -1
    let (top, bottom) = from.y < to.y ? (from, to) : (to, from)
    let slope = (bottom.x - top.x) / (bottom.y - top.y)
    let first = max(0, Int(top.y.rounded(.down)))
    let last = min(height, Int(bottom.y.rounded(.up)))
    let limit = Double(width)
    guard first < last else { return }
    for row in first..<last {
      let y0 = max(top.y, Double(row))
      let y1 = min(bottom.y, Double(row + 1))
      let start = max(0, min(limit, top.x + (y0 - top.y) * slope))
      let end = max(0, min(limit, top.x + (y1 - top.y) * slope))
      let total = (y1 - y0) * sign
      let (left, right) = start < end ? (start, end) : (end, start)
      var x = left
      repeat {
        let column = min(width - 1, Int(x))
        let next = column == width - 1 ? right : min(right, Double(column + 1))
        let share = right > left ? total * (next - x) / (right - left) : total
        let middle = (x + next) / 2 - Double(column)
        let at = row * (width + 1) + column
        deltas[at] += Float(share * (1 - middle))
        deltas[at + 1] += Float(share * middle)
        x = next
      } while x < right
    }
  }

  /// Adds what `other` covers: the two are taken as independent, so edges stay soft.
  mutating func unite(_ other: Coverage) {
    for y in max(minY, other.minY)..<max(max(minY, other.minY), min(maxY, other.maxY)) {
      for x in max(minX, other.minX)..<max(max(minX, other.minX), min(maxX, other.maxX)) {
        let at = (y - minY) * width + x - minX
        let added = other.shares[(y - other.minY) * other.width + x - other.minX]
        shares[at] += added - shares[at] * added
      }
    }
  }

  /// Takes away what `other` covers.
  mutating func subtract(_ other: Coverage) {
    for y in max(minY, other.minY)..<max(max(minY, other.minY), min(maxY, other.maxY)) {
      for x in max(minX, other.minX)..<max(max(minX, other.minX), min(maxX, other.maxX)) {
        let removed = other.shares[(y - other.minY) * other.width + x - other.minX]
        shares[(y - minY) * width + x - minX] *= 1 - removed
      }
    }
  }

  /// Softens with a box of `2 · radius + 1` pixels, `passes` times; three passes look Gaussian.
  func blurred(radius: Int, passes: Int) -> Coverage {
    guard radius > 0, !isEmpty else { return self }
    let grow = radius * passes
    var result = Coverage(
      minX: minX - grow, minY: minY - grow, maxX: maxX + grow, maxY: maxY + grow)
    let (w, h) = (result.width, result.height)
    var other = result.shares
    for y in 0..<height {
      for x in 0..<width { result.shares[(y + grow) * w + x + grow] = shares[y * width + x] }
    }
    result.shares.withUnsafeMutableBufferPointer { a in
      other.withUnsafeMutableBufferPointer { b in
        for _ in 0..<passes {
          for y in 0..<h { Self.box(a, b, from: y * w, step: 1, count: w, radius: radius) }
          for x in 0..<w { Self.box(b, a, from: x, step: w, count: h, radius: radius) }
        }
      }
    }
    return result
  }

  private static func box(
    _ source: UnsafeMutableBufferPointer<Float>, _ target: UnsafeMutableBufferPointer<Float>,
    from start: Int, step: Int, count: Int, radius: Int
  ) {
    let scale = 1 / Float(2 * radius + 1)
    var sum: Float = 0
    for i in 0..<min(radius, count) { sum += source[start + i * step] }
    for i in 0..<count {
      if i + radius < count { sum += source[start + (i + radius) * step] }
      if i - radius - 1 >= 0 { sum -= source[start + (i - radius - 1) * step] }
      target[start + i * step] = sum * scale
    }
  }

  /// The share at a canvas pixel, 0 outside the rectangle.
  func share(x: Int, y: Int) -> Float {
    guard x >= minX, x < maxX, y >= minY, y < maxY else { return 0 }
    return shares[(y - minY) * width + x - minX]
  }
}
