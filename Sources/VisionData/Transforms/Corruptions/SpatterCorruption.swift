import CounterRandom

extension RGBImage {
  /// What splashes on the lens.
  struct Spatter {
    /// Of the noise that becomes drops, and its blur.
    let mean: Double, deviation: Double, blur: Double
    /// The least value that is a drop.
    let threshold: Double
    /// How strong the colour of water is, or the blur of mud's edge.
    let strength: Double
    let isMud: Bool
  }

  /// Splashes water or mud on the image.
  func withSpatter(_ spatter: Spatter, _ stream: inout RandomStream) -> RGBImage {
    let liquid = RealPlane(width: width, height: height) {
      spatter.mean + spatter.deviation * stream.normal()
    }.blurred(deviation: spatter.blur)
    return spatter.isMud ? withMud(liquid, spatter) : withWater(liquid, spatter)
  }

  /// Mud covers what is behind it.
  private func withMud(_ liquid: RealPlane, _ spatter: Spatter) -> RGBImage {
    let mask = RealPlane(
      width: width, height: height, values: liquid.values.map { $0 >= spatter.threshold ? 1 : 0 }
    ).blurred(deviation: spatter.strength, isSingle: true)
    let mud = [63, 42, 20].map { Float(Double($0) / 255) }
    var result = self
    for (place, value) in mask.values.enumerated() {
      let cover = value < 0.8 ? 0 : Float(value)
      for channel in 0..<3 {
        let at = 3 * place + channel
        let shown = Float(pixels[at]) / 255 * (1 - cover) + mud[channel] * cover
        result.pixels[at] = UInt8(max(0, min(1, shown)) * 255)
      }
    }
    return result
  }

  /// Water shines where its edges are near.
  private func withWater(_ liquid: RealPlane, _ spatter: Spatter) -> RGBImage {
    let drops = LevelPlane(
      width: width, height: height,
      values: liquid.values.map { $0 < spatter.threshold ? 0 : Self.level($0) })
    let shine = zip(drops.values, drops.edgeShading().values).map { Float($0) * Float($1) }
    // Where nothing splashed there is nothing to add.
    guard let most = shine.max(), most > 0 else { return self }
    let water = [175, 238, 238].map { Float(Double($0) / 255) }
    var result = self
    for (place, value) in shine.enumerated() {
      let light = value / most * Float(spatter.strength)
      for channel in 0..<3 {
        let at = 3 * place + channel
        let shown = Float(pixels[at]) / 255 + light * water[channel]
        result.pixels[at] = UInt8(max(0, min(1, shown)) * 255)
      }
    }
    return result
  }
}

/// A channel of whole levels, with OpenCV's operations on them that `spatter` is made of.
struct LevelPlane {
  let width: Int, height: Int
  /// `[height, width]`.
  var values: [UInt8]

  /// How near edges are, levelled out and embossed.
  func edgeShading() -> LevelPlane {
    let distances = distancesToEdges(edges(low: 50, high: 150))
    let near = averaged(distances.map { min($0, 20) }).map { UInt8(max(0, min(255, $0))) }
    let flat = LevelPlane(width: width, height: height, values: near).equalized()
    let embossed = flat.filtered([-2, -1, 0, -1, 1, 1, 0, 1, 2])
    let smooth = averaged(embossed.values.map { Float($0) })
    return LevelPlane(
      width: width, height: height, values: smooth.map { UInt8($0.rounded(.toNearestOrEven)) })
  }

  /// A value of a plane of this size, its mirror image outside.
  private func mirrored<Number>(_ values: [Number], _ y: Int, _ x: Int) -> Number {
    let edge = RealPlane.Edge.mirrored
    return values[edge.place(y, of: height) * width + edge.place(x, of: width)]
  }

  /// The mean of every place and its eight neighbours.
  private func averaged(_ values: [Float]) -> [Float] {
    (0..<values.count).map { at in
      var sum = 0.0
      for dy in -1...1 {
        for dx in -1...1 { sum += Double(mirrored(values, at / width + dy, at % width + dx)) }
      }
      return Float(sum * (1.0 / 9))
    }
  }

  /// Every place and its neighbours weighed by nine numbers.
  private func filtered(_ weights: [Int]) -> LevelPlane {
    var result = self
    for at in values.indices {
      var sum = 0
      for place in 0..<9 {
        sum +=
          weights[place]
          * Int(mirrored(values, at / width + place / 3 - 1, at % width + place % 3 - 1))
      }
      result.values[at] = UInt8(max(0, min(255, sum)))
    }
    return result
  }

  /// Levels spread so that each is as frequent as the next.
  private func equalized() -> LevelPlane {
    var counts = [Int](repeating: 0, count: 256)
    for value in values { counts[Int(value)] += 1 }
    guard let first = counts.firstIndex(where: { $0 > 0 }), counts[first] < values.count else {
      return self
    }
    let scale = Float(255) / Float(values.count - counts[first])
    var table = [UInt8](repeating: 0, count: 256)
    var sum = 0
    for level in (first + 1)..<256 {
      sum += counts[level]
      table[level] = UInt8(min(255, (Float(sum) * scale).rounded(.toNearestOrEven)))
    }
    return LevelPlane(width: width, height: height, values: values.map { table[Int($0)] })
  }

  // MARK: Edges

  /// Where the image changes most: places whose slope is the largest across the edge, and strong, or
  /// connected with strong ones.
  ///
  /// Source: Canny, A Computational Approach to Edge Detection, 1986; OpenCV's `Canny` with the sum of
  /// both slopes' sizes.
  private func edges(low: Int, high: Int) -> [Bool] {
    let slopes = slopes()
    func strength(_ y: Int, _ x: Int) -> Int {
      guard y >= 0, y < height, x >= 0, x < width else { return 0 }
      let slope = slopes[y * width + x]
      return abs(slope.x) + abs(slope.y)
    }
    var isEdge = [Bool](repeating: false, count: values.count)
    var isWeak = isEdge
    var open: [Int] = []
    for y in 0..<height {
      for x in 0..<width {
        let own = strength(y, x)
        guard own > low else { continue }
        let slope = slopes[y * width + x]
        // tan 22.5° in 15 binary places; tan 67.5° is 2 more.
        let (across, down) = (abs(slope.x) * 13_573, abs(slope.y) << 15)
        let isLargest: Bool
        if down < across {
          isLargest = own > strength(y, x - 1) && own >= strength(y, x + 1)
        } else if down > across + abs(slope.x) << 16 {
          isLargest = own > strength(y - 1, x) && own >= strength(y + 1, x)
        } else {
          let side = slope.x ^ slope.y < 0 ? -1 : 1
          isLargest = own > strength(y - 1, x - side) && own > strength(y + 1, x + side)
        }
        guard isLargest else { continue }
        isWeak[y * width + x] = true
        if own > high { open.append(y * width + x) }
      }
    }
    for at in open { isEdge[at] = true }
    while let at = open.popLast() {
      for y in max(0, at / width - 1)...min(height - 1, at / width + 1) {
        for x in max(0, at % width - 1)...min(width - 1, at % width + 1)
        where isWeak[y * width + x] && !isEdge[y * width + x] {
          isEdge[y * width + x] = true
          open.append(y * width + x)
        }
      }
    }
    return isEdge
  }

  /// Sobel's slopes along rows and columns.
  private func slopes() -> [(x: Int, y: Int)] {
    (0..<values.count).map { at in
      func value(_ dy: Int, _ dx: Int) -> Int {
        let y = max(0, min(height - 1, at / width + dy))
        return Int(values[y * width + max(0, min(width - 1, at % width + dx))])
      }
      let left = value(-1, -1) + 2 * value(0, -1) + value(1, -1)
      let right = value(-1, 1) + 2 * value(0, 1) + value(1, 1)
      let top = value(-1, -1) + 2 * value(-1, 0) + value(-1, 1)
      let bottom = value(1, -1) + 2 * value(1, 0) + value(1, 1)
      return (right - left, bottom - top)
    }
  }

  // MARK: Distances

  /// How far the nearest edge is, in pixels, by steps to neighbours, diagonally and as a knight moves.
  ///
  /// Source: Borgefors, Distance Transformations in Digital Images, 1986; OpenCV's `distanceTransform`
  /// with a mask of 5, in 16 binary places.
  private func distancesToEdges(_ isEdge: [Bool]) -> [Float] {
    let (straight, diagonal, knight) = (65_536, 91_750, 143_976)
    let before = [
      (-2, -1, knight), (-2, 1, knight), (-1, -2, knight), (-1, -1, diagonal), (-1, 0, straight),
      (-1, 1, diagonal), (-1, 2, knight), (0, -1, straight),
    ]
    let far = 1 << 40
    var steps = isEdge.map { $0 ? 0 : far }
    func shorten(_ at: Int, _ sign: Int) {
      for (dy, dx, length) in before {
        let (y, x) = (at / width + sign * dy, at % width + sign * dx)
        guard y >= 0, y < height, x >= 0, x < width else { continue }
        steps[at] = min(steps[at], steps[y * width + x] + length)
      }
    }
    for at in steps.indices { shorten(at, 1) }
    for at in steps.indices.reversed() { shorten(at, -1) }
    return steps.map { Float($0) / 65_536 }
  }
}
