// The objects that stand upright on something.
import CounterRandom

extension SampleClass {
  static func house(_ s: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    let side = s.uniform(0.6, 0.88)
    let eaves = s.uniform(-0.25, 0.1)
    let overhang = s.uniform(0.05, 0.14)
    let ridge = s.uniform(0, 0.45)
    var parts: [ShapePart] = []
    if s.chance(0.6) {
      let x = s.uniform(0.25, 0.5) * (s.chance(0.5) ? 1 : -1) * side
      parts.append(
        ShapePart(
          rings: [Ring.rectangle(x - 0.1, -0.98, x + 0.1, eaves)], paint: palette.detail))
    }
    parts.append(
      ShapePart(rings: [Ring.rectangle(-side, eaves, side, 1)], paint: palette.main))
    parts.append(
      ShapePart(
        rings: [
          [
            Point(-side - overhang, eaves + 0.04), Point(-side * ridge, -0.95),
            Point(side * ridge, -0.95), Point(side + overhang, eaves + 0.04),
          ]
        ], paint: palette.accent))
    let door = s.uniform(-0.5, 0.5) * side
    let doorTop = s.uniform(0.35, 0.5)
    parts.append(
      ShapePart(
        rings: [Ring.rectangle(door - 0.13, doorTop, door + 0.13, 1)], paint: palette.detail))
    let light = Paint(
      s.chance(0.4) ? Color(0.98, 0.9, 0.55) : Color(0.65, 0.8, 0.92) * Float(s.uniform(0.6, 1)))
    let size = s.uniform(0.1, 0.15)
    for x in [-0.62, 0.0, 0.62] where abs(x * side - door) > 0.16 + size && s.chance(0.85) {
      let (cx, cy) = (x * side, eaves + s.uniform(0.28, 0.4))
      parts.append(
        ShapePart(
          rings: [Ring.rectangle(cx - size, cy - size, cx + size, cy + size)], paint: light))
    }
    return parts
  }

  static func tree(_ s: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    let trunk = s.uniform(0.07, 0.15)
    let crown = s.uniform(0.15, 0.45)
    let lean = s.uniform(-0.1, 0.1)
    var parts = [
      ShapePart(
        rings: [
          [
            Point(-trunk * 0.7 + lean, crown - 0.4), Point(trunk * 0.7 + lean, crown - 0.4),
            Point(trunk * 1.3, 1), Point(-trunk * 1.3, 1),
          ]
        ], paint: palette.accent)
    ]
    switch s.below(3) {
    case 0:  // A conifer: layers that get narrower.
      let layers = 3 + s.below(2)
      let width = s.uniform(0.5, 0.75)
      for k in 0..<layers {
        let t = Double(k) / Double(layers)
        let bottom = crown + 0.1 - t * (crown + 0.75)
        let half = width * (1 - t * 0.7)
        let top = bottom - (crown + 1.1) / Double(layers) * 1.5
        parts.append(
          ShapePart(
            rings: [
              Ring.rounded(
                [
                  Point(-half + lean, bottom), Point(lean, max(-1, top)),
                  Point(half + lean, bottom),
                ], by: 0.1)
            ], paint: palette.main))
      }
    case 1:  // A broadleaf: a cluster of round masses.
      let middle = (crown - 1) / 2
      let spread = s.uniform(0.35, 0.5)
      var rings: [[Point]] = []
      for k in 0..<7 {
        let p = Point.polar(turns: Double(k) / 7 + s.uniform(-0.04, 0.04), spread)
        let radius = s.uniform(0.28, 0.42)
        rings.append(Ring.ellipse(lean + p.x, middle + p.y * 0.85, radius, radius * 0.9))
      }
      rings.append(Ring.ellipse(lean, middle, 0.45, 0.45))
      parts.append(ShapePart(rings: rings, paint: palette.main))
    default:  // One rounded crown with an uneven edge.
      let middle = (crown - 1) / 2
      let place = Placement(
        center: Point(lean, middle), width: s.uniform(0.5, 0.8), height: (1 + crown) / 2 + 0.05)
      parts.append(
        ShapePart(
          rings: [Ring.blob(&s, roughness: 0.2).map { place($0) }], paint: palette.main))
    }
    return parts
  }

  static func cup(_ s: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    let top = s.uniform(-0.85, -0.55)
    let wide = s.uniform(0.55, 0.68)
    let narrow = wide * s.uniform(0.6, 1)
    let rim = s.uniform(0.08, 0.16)
    let body = Ring.rounded(
      [
        Point(-wide, top), Point(wide, top), Point(narrow, 0.9), Point(-narrow, 0.9),
      ], by: s.uniform(0.05, 0.3))
    let handleY = (top + 0.9) / 2 + s.uniform(-0.15, 0.05)
    let handle = Ring.band(
      Point((wide + narrow) / 2 - 0.06, handleY), s.uniform(0.3, 0.42), s.uniform(0.3, 0.45),
      thickness: s.uniform(0.11, 0.2), from: -0.27, to: 0.27)
    var parts: [ShapePart] = []
    if s.chance(0.35) {
      parts.append(ShapePart(rings: [Ring.ellipse(0, 0.92, 0.95, 0.14)], paint: palette.accent))
    }
    parts.append(ShapePart(rings: [handle], paint: palette.main))
    parts.append(ShapePart(rings: [body], paint: palette.main))
    if s.chance(0.6) {
      let y = s.uniform(top + 0.3, 0.4)
      let h = s.uniform(0.08, 0.3)
      let at = { (t: Double) in wide + (narrow - wide) * (t - top) / (0.9 - top) }
      parts.append(
        ShapePart(
          rings: [
            [
              Point(-at(y), y), Point(at(y), y), Point(at(y + h), y + h), Point(-at(y + h), y + h),
            ]
          ], paint: palette.accent))
    }
    parts.append(
      ShapePart(rings: [Ring.ellipse(0, top + 0.02, wide, rim)], paint: palette.detail))
    parts.append(
      ShapePart(
        rings: [Ring.ellipse(0, top + 0.03, wide * 0.88, rim * 0.7)], paint: palette.dark))
    return parts
  }

  static func car(_ s: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    let deck = s.uniform(-0.12, 0.05)
    let roof = deck - s.uniform(0.38, 0.52)
    let front = s.uniform(0.25, 0.5)
    let back = s.pick([-0.98, -0.85, -0.6])
    let rake = s.uniform(0.15, 0.35)
    let bottom = 0.36
    let body = Ring.rounded(
      [
        Point(-1, deck), Point(back, deck), Point(back + rake * 0.5, roof),
        Point(front - rake, roof),
        Point(front + 0.05, deck), Point(1, deck + s.uniform(0.02, 0.16)), Point(1, bottom),
        Point(-1, bottom),
      ], by: 0.1)
    let glass = Paint(Color(0.7, 0.82, 0.9) * Float(s.uniform(0.45, 1)))
    let split = (back + front) / 2
    let (high, low) = (roof + 0.09, deck - 0.02)
    var parts = [
      ShapePart(rings: [body], paint: palette.main),
      ShapePart(
        rings: [
          [
            Point(back + 0.12, low), Point(back + rake * 0.5 + 0.08, high),
            Point(split - 0.04, high),
            Point(split - 0.04, low),
          ],
          [
            Point(split + 0.04, low), Point(split + 0.04, high), Point(front - rake - 0.03, high),
            Point(front - 0.1, low),
          ],
        ], paint: glass),
    ]
    if s.chance(0.5) {
      let y = deck + s.uniform(0.12, 0.2)
      parts.append(
        ShapePart(rings: [Ring.rectangle(-0.98, y, 0.98, y + 0.08)], paint: palette.accent))
    }
    let radius = s.uniform(0.2, 0.27)
    for x in [-s.uniform(0.5, 0.62), s.uniform(0.5, 0.62)] {
      parts.append(
        ShapePart(rings: [Ring.ellipse(x, bottom, radius, radius)], paint: palette.dark))
      parts.append(
        ShapePart(
          rings: [Ring.ellipse(x, bottom, radius * 0.5, radius * 0.5)],
          paint: Paint(Color(repeating: 0.75))))
    }
    parts.append(
      ShapePart(
        rings: [Ring.ellipse(0.94, deck + 0.24, 0.06, 0.06)], paint: Paint(Color(1, 0.95, 0.7))))
    return parts
  }

  static func mushroom(_ s: inout RandomStream, _ palette: Palette) -> [ShapePart] {
    let brim = s.uniform(-0.1, 0.2)
    let wide = s.uniform(0.75, 0.98)
    let crown = s.uniform(-0.95, -0.7)
    let bulge = s.uniform(0.45, 0.8)
    let stem = s.uniform(0.16, 0.3)
    let foot = stem * s.uniform(0.9, 1.6)
    let cap = Ring.smooth([
      Point(-wide, brim), Point(-wide * bulge, (brim + crown) * 0.55), Point(0, crown),
      Point(wide * bulge, (brim + crown) * 0.55), Point(wide, brim), Point(wide * 0.5, brim + 0.12),
      Point(0, brim + 0.16), Point(-wide * 0.5, brim + 0.12),
    ])
    let pale = Paint(
      Color(0.95, 0.9, 0.8) * Float(s.uniform(0.6, 1)), Color(0.7, 0.62, 0.5), .gradient,
      frequency: 1, turns: s.uniformDouble(), seed: s.next32())
    var parts = [
      ShapePart(
        rings: [
          Ring.rounded(
            [
              Point(-stem, brim), Point(stem, brim), Point(foot, 0.98), Point(-foot, 0.98),
            ], by: 0.15)
        ], paint: s.chance(0.7) ? pale : palette.accent)
    ]
    if s.chance(0.3) {
      let y = brim + s.uniform(0.25, 0.4)
      parts.append(
        ShapePart(rings: [Ring.ellipse(0, y, stem * 1.5, 0.08)], paint: palette.detail))
    }
    parts.append(ShapePart(rings: [cap], paint: palette.main))
    if s.chance(0.7) {
      let height = brim - crown
      let spots: [(Double, Double)] = [
        (-0.5, 0.35), (-0.1, 0.6), (0.35, 0.45), (0.05, 0.22), (0.6, 0.2),
      ]
      for (x, y) in spots where s.chance(0.8) {
        let size = s.uniform(0.07, 0.15)
        parts.append(
          ShapePart(
            rings: [Ring.ellipse(x * wide, brim - y * height, size * 1.2, size)],
            paint: palette.accent))
      }
    }
    return parts
  }
}
