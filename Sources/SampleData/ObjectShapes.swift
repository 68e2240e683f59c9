// The objects: every instance has its own proportions, parts and paints. Coordinates run from -1 to
// 1 both ways, y downwards.
import CounterRandom

/// The paints of one object.
struct Palette: Sendable {
  var main: Paint
  var accent: Paint
  var detail: Paint
  var dark: Paint

  /// Draws paints that stand out from `surroundings`.
  init(_ stream: inout RandomStream, against surroundings: Color) {
    var base = stream.color()
    for _ in 0..<12 where base.contrast(to: surroundings) < 0.3 { base = stream.color() }
    var other = stream.color()
    for _ in 0..<6 where other.contrast(to: base) < 0.25 { other = stream.color() }
    main = stream.paint(around: base, patterned: 0.4)
    accent = stream.paint(around: other, patterned: 0.2)
    detail = Paint(base.brightness > 0.5 ? base * 0.35 : base * 0.3 + Color(repeating: 0.65))
    dark = Paint(Color(repeating: Float(stream.uniform(0.05, 0.25))))
  }
}

extension SampleClass {
  /// Draws the parts of a new instance, back to front.
  func parts(_ stream: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    switch self {
    case .arrow: return Self.arrow(&stream, palette)
    case .car: return Self.car(&stream, palette)
    case .cup: return Self.cup(&stream, palette)
    case .fish: return Self.fish(&stream, palette)
    case .gear: return Self.gear(&stream, palette)
    case .house: return Self.house(&stream, palette)
    case .key: return Self.key(&stream, palette)
    case .mushroom: return Self.mushroom(&stream, palette)
    case .star: return Self.star(&stream, palette)
    case .tree: return Self.tree(&stream, palette)
    }
  }

  private static func arrow(_ s: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    let shaft = s.uniform(0.12, 0.3)
    let head = s.uniform(0.5, 0.85)
    let neck = s.uniform(0.0, 0.35)
    let barb = s.uniform(-0.25, 0.15)
    let tail = s.uniform(-0.2, 0.15)
    let outline = [
      Point(1, 0), Point(neck + barb, head), Point(neck, shaft), Point(-0.95, shaft),
      Point(-0.95 - tail, 0), Point(-0.95, -shaft), Point(neck, -shaft), Point(neck + barb, -head),
    ]
    var parts = [
      ShapePart(rings: [Ring.rounded(outline, by: s.uniform(0, 0.12))], paint: palette.main)
    ]
    if s.chance(0.4) {
      let inner = s.uniform(0.3, 0.6) * shaft
      parts.append(
        ShapePart(
          rings: [Ring.rectangle(-0.8, -inner, neck, inner, rounding: 0.05)], paint: palette.accent)
      )
    }
    return parts
  }

  private static func star(_ s: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    let count = s.pick([4, 5, 5, 5, 6])
    let inner = count == 4 ? s.uniform(0.28, 0.4) : s.uniform(0.36, 0.52)
    let outline = Ring.rounded(
      Ring.star(count, inner: inner, twist: s.uniform(-0.08, 0.08)), by: s.uniform(0, 0.15))
    var parts = [ShapePart(rings: [outline], paint: palette.main)]
    if s.chance(0.35) {
      let size = s.uniform(0.4, 0.65)
      parts.append(ShapePart(rings: [outline.map { $0 * size }], paint: palette.accent))
    }
    return parts
  }

  private static func gear(_ s: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    let count = 7 + s.below(6)
    let root = s.uniform(0.68, 0.8)
    let base = s.uniform(0.5, 0.62)
    let tip = base * s.uniform(0.5, 0.85)
    var outline: [Point] = []
    for k in 0..<count {
      for (offset, radius) in [(-base / 2, root), (-tip / 2, 1), (tip / 2, 1), (base / 2, root)] {
        outline.append(Point.polar(turns: (Double(k) + offset) / Double(count), radius))
      }
    }
    let hub = s.uniform(0.18, 0.42)
    var holes = [Ring.ellipse(0, 0, hub, hub)]
    let spokes = s.below(3) == 0 ? 3 + s.below(3) : 0
    let middle = (hub + root) / 2
    let hole = min((root - hub) * 0.32, middle * 1.6 / Double(max(spokes, 1)))
    for k in 0..<spokes {
      let center = Point.polar(turns: Double(k) / Double(spokes), middle)
      holes.append(Ring.ellipse(center.x, center.y, hole, hole))
    }
    var parts = [ShapePart(rings: [outline], holes: holes, paint: palette.main)]
    if s.chance(0.4) {
      let rim = Ring.ellipse(0, 0, hub + 0.12, hub + 0.12)
      parts.append(ShapePart(rings: [rim], holes: holes, paint: palette.accent))
    }
    return parts
  }

  private static func key(_ s: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    let bow = s.uniform(0.34, 0.46)
    let center = -1 + bow
    let shaft = s.uniform(0.07, 0.12)
    let hole = bow * s.uniform(0.4, 0.65)
    var rings: [[Point]]
    switch s.below(3) {
    case 0: rings = [Ring.ellipse(center, 0, bow, bow * s.uniform(0.8, 1.15))]
    case 1: rings = [Ring.rectangle(-1, -bow, center + bow, bow, rounding: bow * 0.6)]
    default:
      rings = (0..<3).map { k in
        let p = Point.polar(turns: Double(k + 1) / 4, bow * 0.55)
        return Ring.ellipse(center + p.x, p.y, bow * 0.52, bow * 0.52)
      }
      rings.append(Ring.ellipse(center, 0, bow * 0.6, bow * 0.6))
    }
    rings.append(Ring.rectangle(center + hole, -shaft, 0.97, shaft, rounding: shaft * 0.8))
    let teeth = 2 + s.below(3)
    let pitch = s.uniform(0.16, 0.22)
    for k in 0..<teeth {
      let x = 0.93 - Double(k) * pitch
      rings.append(Ring.rectangle(x - pitch * 0.55, 0, x, shaft + s.uniform(0.12, 0.36)))
    }
    var parts = [
      ShapePart(
        rings: rings, holes: [Ring.ellipse(center, 0, hole, hole)], paint: palette.main)
    ]
    if s.chance(0.5) {
      let collar = center + bow + s.uniform(0.02, 0.08)
      parts.append(
        ShapePart(
          rings: [Ring.rectangle(collar, -shaft - 0.06, collar + 0.12, shaft + 0.06)],
          paint: palette.accent))
    }
    return parts
  }

  private static func fish(_ s: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    let height = s.uniform(0.4, 0.65)
    let tail = s.uniform(0.3, 0.6)
    let fork = s.uniform(0.02, 0.25)
    let hump = s.uniform(-0.1, 0.25)
    let body = Ring.smooth([
      Point(1, 0.02), Point(0.7 - hump * 0.5, -height * 0.75), Point(0.15 - hump, -height),
      Point(-0.45, -height * 0.4), Point(-0.68, -0.07), Point(-0.68, 0.07),
      Point(-0.45, height * 0.4), Point(0.1, height), Point(0.7, height * 0.75),
    ])
    let fin = s.uniform(0.2, 0.4)
    let tailRing = Ring.rounded(
      [
        Point(-0.55, 0), Point(-1, tail), Point(-1 + fork, 0), Point(-1, -tail),
      ], by: 0.08)
    var parts = [
      ShapePart(
        rings: [
          tailRing,
          [Point(-0.4, -height * 0.35), Point(0, -height - fin), Point(0.45, -height * 0.75)],
        ], paint: palette.accent),
      ShapePart(rings: [body], paint: palette.main),
    ]
    if s.chance(0.6) {
      let x = s.uniform(0, 0.2)
      parts.append(
        ShapePart(
          rings: [
            Ring.rounded(
              [Point(x + 0.15, 0.1), Point(x - 0.3, 0.05), Point(x - 0.25, 0.4)], by: 0.08)
          ], paint: palette.accent))
    }
    let eye = s.uniform(0.07, 0.13)
    parts.append(
      ShapePart(rings: [Ring.ellipse(0.66, -0.14, eye, eye)], paint: Paint(Color(0.95, 0.95, 0.9))))
    parts.append(
      ShapePart(rings: [Ring.ellipse(0.68, -0.14, eye * 0.5, eye * 0.5)], paint: palette.dark))
    return parts
  }
}
