// Procedural colour: what a surface looks like at a point of its own coordinates.
import CounterRandom

/// A colour of red, green and blue in 0...1.
typealias Color = SIMD3<Float>

extension Color {
  /// A colour by hue in turns (0 red, 1/3 green, 2/3 blue), saturation and value in 0...1.
  init(hue: Double, saturation: Double, value: Double) {
    func channel(_ offset: Double) -> Float {
      let k = (offset + hue * 6).truncatingRemainder(dividingBy: 6)
      return Float(value - value * saturation * Swift.max(0, Swift.min(k, 4 - k, 1)))
    }
    self.init(channel(5), channel(3), channel(1))
  }

  /// Perceived brightness, the weights of ITU-R BT.601.
  var brightness: Float { x * 0.299 + y * 0.587 + z * 0.114 }

  /// The mean absolute difference to another colour, brightness counted twice.
  func contrast(to other: Color) -> Float {
    let d = self - other
    return (abs(d.x) + abs(d.y) + abs(d.z)) / 3 * 0.5 + abs(brightness - other.brightness)
  }
}

/// How a paint varies over a surface.
enum Pattern: CaseIterable, Sendable {
  case plain, gradient, stripes, waves, checks, dots, clouds, grain, bricks
}

/// A surface: two colours and the pattern that mixes them.
struct Paint: Sendable {
  var first: Color
  var second: Color
  var pattern = Pattern.plain
  /// Repeats in one unit of the surface's coordinates.
  var frequency: Float = 4
  var cosine: Float = 1, sine: Float = 0
  var seed: UInt32 = 0

  /// One colour everywhere.
  init(_ color: Color) {
    first = color
    second = color
  }

  init(
    _ first: Color, _ second: Color, _ pattern: Pattern, frequency: Double, turns: Double,
    seed: UInt32
  ) {
    self.first = first
    self.second = second
    self.pattern = pattern
    self.frequency = Float(frequency)
    let direction = PortableMath.sineCosine(turns: turns)
    cosine = Float(direction.cosine)
    sine = Float(direction.sine)
    self.seed = seed
  }

  /// The colour at a point of the surface.
  func color(_ x: Float, _ y: Float) -> Color {
    first + (second - first) * mix(x, y)
  }

  private func mix(_ x: Float, _ y: Float) -> Float {
    let u = (x * cosine + y * sine) * frequency
    let v = (y * cosine - x * sine) * frequency
    switch pattern {
    case .plain: return 0
    case .gradient: return max(0, min(1, 0.5 + u / frequency * 0.5))
    case .stripes: return Self.ramp(abs(u - u.rounded()) - 0.25, width: 0.05)
    case .waves:
      let bend = abs(v * 0.5 - (v * 0.5).rounded()) * 1.2
      let w = u + bend
      return Self.ramp(abs(w - w.rounded()) - 0.25, width: 0.08)
    case .checks:
      let a = Self.ramp(abs(u - u.rounded()) - 0.25, width: 0.04)
      let b = Self.ramp(abs(v - v.rounded()) - 0.25, width: 0.04)
      return a + b - 2 * a * b
    case .dots:
      let (dx, dy) = (u - u.rounded(), v - v.rounded())
      return 1 - Self.ramp((dx * dx + dy * dy).squareRoot() - 0.28, width: 0.06)
    case .clouds:
      let sum =
        Noise.value(u, v, seed) * 0.55 + Noise.value(u * 2, v * 2, seed &+ 1) * 0.3
        + Noise.value(u * 4, v * 4, seed &+ 2) * 0.15
      return max(0, min(1, (sum - 0.5) * 1.8 + 0.5))
    case .grain:
      let bend = Noise.value(u * 0.4, v * 0.4, seed) * 4
      return Noise.value(u * 0.35, v * 2.5 + bend, seed &+ 3)
    case .bricks:
      let row = v.rounded(.down)
      let shifted = u * 0.5 + (row * 0.5 - (row * 0.5).rounded(.down))
      let column = shifted.rounded(.down)
      let joint = min(min(v - row, row + 1 - v), 2 * min(shifted - column, column + 1 - shifted))
      let tone = Noise.hash(Int32(clamping: Int(column)), Int32(clamping: Int(row)), seed)
      return joint < 0.07 ? 1 : 0.4 * tone
    }
  }

  private static func ramp(_ value: Float, width: Float) -> Float {
    max(0, min(1, value / width * 0.5 + 0.5))
  }
}

/// Random numbers that are a function of a place: lattice noise and its interpolation.
enum Noise {
  /// A number in 0..<1 for a lattice point.
  @inline(__always)
  static func hash(_ x: Int32, _ y: Int32, _ seed: UInt32) -> Float {
    var h = UInt32(bitPattern: x) &* 0x8DA6_B343 ^ UInt32(bitPattern: y) &* 0xD816_3841
    h = (h ^ seed &* 0xCB1A_B31F) &* 0x7FEB_352D
    h ^= h >> 15
    h = h &* 0x846C_A68B
    h ^= h >> 16
    return Float(h >> 8) * 0x1p-24
  }

  /// Smooth noise in 0..<1 with one lattice point a unit.
  static func value(_ x: Float, _ y: Float, _ seed: UInt32) -> Float {
    let (fx, fy) = (x.rounded(.down), y.rounded(.down))
    let (ix, iy) = (Int32(clamping: Int(fx)), Int32(clamping: Int(fy)))
    let (tx, ty) = (x - fx, y - fy)
    let sx = tx * tx * (3 - 2 * tx)
    let sy = ty * ty * (3 - 2 * ty)
    let top = hash(ix, iy, seed) * (1 - sx) + hash(ix &+ 1, iy, seed) * sx
    let bottom = hash(ix, iy &+ 1, seed) * (1 - sx) + hash(ix &+ 1, iy &+ 1, seed) * sx
    return top * (1 - sy) + bottom * sy
  }
}

extension RandomStream {
  /// True with a probability.
  mutating func chance(_ probability: Double) -> Bool { uniformDouble() < probability }

  /// One of several values.
  mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }

  /// A colour of any hue.
  mutating func color(
    saturation: ClosedRange<Double> = 0.2...0.95, value: ClosedRange<Double> = 0.3...0.98
  ) -> Color {
    Color(
      hue: uniformDouble(), saturation: uniform(saturation.lowerBound, saturation.upperBound),
      value: uniform(value.lowerBound, value.upperBound))
  }

  /// A patterned paint of two related or unrelated colours.
  mutating func paint(around color: Color, patterned probability: Double) -> Paint {
    guard chance(probability) else {
      return Paint(
        color, color * Float(uniform(0.55, 0.9)), .gradient, frequency: 1,
        turns: uniformDouble(), seed: next32())
    }
    let other =
      chance(0.5)
      ? color * Float(uniform(0.45, 0.8))
      : color + (self.color() - color) * Float(uniform(0.4, 0.9))
    return Paint(
      color, other, pick([.stripes, .waves, .checks, .dots, .clouds, .grain, .gradient]),
      frequency: uniform(1.5, 4.5), turns: uniformDouble(), seed: next32())
  }
}
