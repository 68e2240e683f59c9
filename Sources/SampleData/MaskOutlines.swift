// From the pixels of an instance to COCO's ways of writing a mask: polygons and run lengths.

/// The pixels of one instance or crowd.
struct PixelMask: Sendable, Equatable {
  let width: Int
  let height: Int
  var inside: [Bool]

  init(width: Int, height: Int, inside: [Bool]) {
    precondition(
      inside.count == width * height,
      "\(width)x\(height) needs \(width * height) values, got \(inside.count)")
    self.width = width
    self.height = height
    self.inside = inside
  }

  var area: Int { inside.reduce(0) { $0 + ($1 ? 1 : 0) } }

  /// The smallest box around the pixels as x, y, width, height; nil for an empty mask.
  var bounds: (x: Int, y: Int, width: Int, height: Int)? {
    var (x0, y0, x1, y1) = (width, height, -1, -1)
    for y in 0..<height {
      for x in 0..<width where inside[y * width + x] {
        (x0, x1) = (min(x0, x), max(x1, x))
        (y0, y1) = (min(y0, y), max(y1, y))
      }
    }
    return x1 < 0 ? nil : (x0, y0, x1 - x0 + 1, y1 - y0 + 1)
  }

  /// COCO's uncompressed run lengths: down the columns, outside first.
  var columnRuns: [Int] {
    var runs: [Int] = []
    var current = false
    var length = 0
    for x in 0..<width {
      for y in 0..<height {
        if inside[y * width + x] != current {
          runs.append(length)
          length = 0
          current.toggle()
        }
        length += 1
      }
    }
    runs.append(length)
    return runs
  }

  /// Polygons whose union is exactly the mask, along the edges of its pixels.
  ///
  /// COCO has no holes in polygons, so a region with a hole is cut in two through the hole. With
  /// integer corners COCO's own rasterization, and the area by the shoelace formula, give the mask
  /// back to the pixel.
  ///
  /// - Returns: Corner lists x0, y0, x1, y1, … of each polygon.
  var polygons: [[Int]] {
    guard let box = bounds else { return [] }
    var cropped: [Bool] = []
    for y in box.y..<box.y + box.height {
      cropped += inside[y * width + box.x..<y * width + box.x + box.width]
    }
    let part = PixelMask(width: box.width, height: box.height, inside: cropped)
    return part.outlines.map { corners in
      corners.enumerated().map { $1 + ($0 % 2 == 0 ? box.x : box.y) }
    }
  }

  private var outlines: [[Int]] {
    var result: [[Int]] = []
    var waiting = components(of: inside)
    while let part = waiting.popLast() {
      if let column = holeColumn(in: part) {
        for keepsLeft in [true, false] {
          var half = part
          for at in half.indices where half[at] && (at % width < column) != keepsLeft {
            half[at] = false
          }
          waiting.append(contentsOf: components(of: half))
        }
      } else {
        result.append(outline(of: part))
      }
    }
    return result.sorted {
      $0.count == $1.count ? $1.lexicographicallyPrecedes($0) : $0.count > $1.count
    }
  }

  // MARK: Regions

  /// Splits a mask into regions connected through sides, not corners.
  private func components(of mask: [Bool]) -> [[Bool]] {
    var left = mask
    var result: [[Bool]] = []
    for start in left.indices where left[start] {
      result.append(flood(&left, from: [start]))
    }
    return result
  }

  /// Clears the region around the starting pixels and returns it.
  private func flood(_ left: inout [Bool], from starts: [Int]) -> [Bool] {
    var part = [Bool](repeating: false, count: left.count)
    var stack = starts.filter { left[$0] }
    for at in stack {
      left[at] = false
      part[at] = true
    }
    func visit(_ at: Int) {
      guard left[at] else { return }
      left[at] = false
      part[at] = true
      stack.append(at)
    }
    while let at = stack.popLast() {
      let x = at % width
      if x > 0 { visit(at - 1) }
      if x < width - 1 { visit(at + 1) }
      if at >= width { visit(at - width) }
      if at + width < left.count { visit(at + width) }
    }
    return part
  }

  /// A column through a hole of a connected region, or nil where it has none.
  ///
  /// A hole that touches the outside only at a corner counts as one: cutting there keeps the outline
  /// free of points that it passes twice.
  private func holeColumn(in part: [Bool]) -> Int? {
    var outside = part.map { !$0 }
    let rim = outside.indices.filter { at in
      let (x, y) = (at % width, at / width)
      return x == 0 || y == 0 || x == width - 1 || y == height - 1
    }
    _ = flood(&outside, from: rim)
    guard let hole = outside.firstIndex(of: true) else { return nil }
    return hole % width
  }

  /// Follows the outer edge of a region without holes, the region on the right.
  private func outline(of part: [Bool]) -> [Int] {
    func isIn(_ x: Int, _ y: Int) -> Bool {
      x >= 0 && y >= 0 && x < width && y < height && part[y * width + x]
    }
    guard let start = part.firstIndex(of: true) else { return [] }
    let (startX, startY) = (start % width, start / width)
    var (x, y) = (startX, startY)
    var (dx, dy) = (1, 0)
    var corners: [Int] = []
    repeat {
      // The two pixels ahead of the corner (x, y), to the left and to the right of the direction.
      let left = isIn(x + (dx + dy - 1) / 2, y + (dy - dx - 1) / 2)
      let right = isIn(x + (dx - dy - 1) / 2, y + (dy + dx - 1) / 2)
      if !right {
        corners += [x, y]
        (dx, dy) = (-dy, dx)
      } else if left {
        corners += [x, y]
        (dx, dy) = (dy, -dx)
      }
      x += dx
      y += dy
    } while (x, y) != (startX, startY) || (dx, dy) != (0, -1)
    return [startX, startY] + corners
  }
}
