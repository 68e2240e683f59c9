// Chance decides what a picture shows; the random stream is the only source of it.
import CounterRandom

/// Puts scenes together.
struct SceneComposer {
  private var stream: RandomStream
  private let width: Int
  private let height: Int
  /// How strongly pictures of one class differ, 0...1.
  private let variety: Double

  /// Draws everything from `stream`.
  init(_ stream: RandomStream, width: Int, height: Int, variety: Double) {
    self.stream = stream
    self.width = width
    self.height = height
    self.variety = variety
  }

  private var extent: Double { Double(min(width, height)) }

  // MARK: Kinds of picture

  /// One object of a class, rather large, sometimes partly hidden.
  ///
  /// As in photographs, most things are seen where they belong; the others before any wall or in any
  /// landscape. Several classes share a place, so that it alone does not tell which it is.
  mutating func portrait(of kind: SampleClass) -> Scene {
    var scene =
      stream.chance(Self.shareAtHome)
      ? home(of: kind) : stream.chance(0.55) ? texturedScene() : landscape()
    for _ in 0..<5 where stream.chance(0.5 * variety) {
      scene.items.append(distractor(maximum: 0.08 + 0.14 * variety))
    }
    let radius = extent * stream.uniform(0.44 - 0.18 * variety, 0.47)
    let slack = Point(Double(width) / 2 - radius * 0.85, Double(height) / 2 - radius * 0.85)
    let center = Point(
      Double(width) / 2 + stream.uniform(-1, 1) * max(0, slack.x) * variety,
      Double(height) / 2 + stream.uniform(-1, 1) * max(0, slack.y) * variety)
    scene.items.append(object(kind, at: center, radius: radius, before: scene))
    if stream.chance(0.5 * variety) {
      // An occluder over the rim, never over the middle.
      let aside = Point.polar(turns: stream.uniformDouble(), radius * stream.uniform(0.75, 1.05))
      scene.items.append(distractor(maximum: 0.16, at: center + aside))
    }
    return scene
  }

  /// Several objects of several sizes; `crowd` adds a herd of one class, `empty` leaves all out.
  mutating func gathering(crowd: Bool, empty: Bool, alwaysLandscape: Bool) -> Scene {
    var scene = alwaysLandscape || stream.chance(0.7) ? landscape() : texturedScene()
    for _ in 0..<stream.below(4) { scene.items.append(distractor(maximum: 0.12)) }
    guard !empty else { return scene }
    var placed: [(center: Point, radius: Double)] = []
    if crowd { addCrowd(to: &scene, &placed) }
    let count = 2 + stream.below(6)
    // Far objects are small and drawn first.
    let radii = (0..<count).map { _ in
      extent * (stream.chance(0.3) ? stream.uniform(0.05, 0.1) : stream.uniform(0.1, 0.27))
    }
    for radius in radii.sorted() {
      guard let center = freePlace(radius, placed) else { continue }
      placed.append((center, radius))
      let kind = stream.pick(SampleClass.allCases)
      scene.items.append(object(kind, at: center, radius: radius, before: scene))
    }
    if stream.chance(0.3) { scene.items.append(distractor(maximum: 0.1)) }
    return scene
  }

  private mutating func addCrowd(
    to scene: inout Scene, _ placed: inout [(center: Point, radius: Double)]
  ) {
    let kind = stream.pick(SampleClass.allCases)
    let size = extent * stream.uniform(0.05, 0.075)
    let columns = 4 + stream.below(3)
    let corner = Point(
      stream.uniform(size * 2, max(size * 2, Double(width) - size * 2 * Double(columns))),
      stream.uniform(0.4, 0.7) * Double(height))
    for row in 0..<2 {
      for column in 0..<columns {
        let center = Point(
          corner.x + (Double(column) + stream.uniform(-0.2, 0.2)) * size * 1.7,
          corner.y + (Double(row) + stream.uniform(-0.2, 0.2)) * size * 1.6)
        var item = object(kind, at: center, radius: size, before: scene)
        item.isCrowd = true
        scene.items.append(item)
      }
    }
    let middle = corner + Point(size * 0.85 * Double(columns - 1), size * 0.8)
    placed.append((middle, size * Double(columns) * 0.75))
  }

  /// A place whose object would hide little of those already placed, or nil after 30 tries.
  private mutating func freePlace(
    _ radius: Double, _ placed: [(center: Point, radius: Double)]
  ) -> Point? {
    for _ in 0..<30 {
      let margin = radius * stream.uniform(0.5, 1)
      let center = Point(
        stream.uniform(margin, Double(width) - margin),
        stream.uniform(margin, Double(height) - margin))
      let isFree = placed.allSatisfy { other in
        (center - other.center).length > (radius + other.radius) * 0.72
      }
      if isFree { return center }
    }
    return nil
  }

  // MARK: Objects

  private mutating func object(
    _ kind: SampleClass, at center: Point, radius: Double, before scene: Scene
  ) -> SceneItem {
    let surroundings =
      scene.regions.reduce(Color.zero) { $0 + $1.paint.first }
      / Float(max(1, scene.regions.count))
    let palette = Palette(&stream, against: surroundings)
    let parts = kind.parts(&stream, palette)
    let mirror = stream.chance(0.5) ? -1.0 : 1
    let placement = Placement(
      center: center, width: radius * mirror * stream.uniform(0.88, 1.14), height: radius,
      turns: stream.uniform(-1, 1) * kind.largestTurn * (0.3 + 0.7 * variety),
      shear: stream.uniform(-0.12, 0.12) * variety)
    return SceneItem(kind: kind, parts: parts, placement: placement, radius: radius)
  }

  private mutating func distractor(maximum: Double, at place: Point? = nil) -> SceneItem {
    let radius = extent * stream.uniform(0.04, maximum)
    let center =
      place
      ?? Point(stream.uniform(0, Double(width)), stream.uniform(0, Double(height)))
    let ring: [Point]
    switch stream.below(4) {
    case 0: ring = Ring.blob(&stream, roughness: 0.5)
    case 1: ring = Ring.rectangle(-1, -0.3, 1, 0.3, rounding: 0.2)
    case 2: ring = Ring.capsule(Point(-0.9, 0), Point(0.9, stream.uniform(-0.5, 0.5)), 0.25)
    default: ring = Ring.rounded([Point(-0.8, 0.7), Point(0, -0.8), Point(0.8, 0.7)], by: 0.2)
    }
    let paint = stream.paint(around: stream.color(), patterned: 0.4)
    let placement = Placement(
      center: center, width: radius, height: radius * stream.uniform(0.6, 1.2),
      turns: stream.uniformDouble())
    return SceneItem(
      kind: nil, parts: [ShapePart(rings: [ring], paint: paint)], placement: placement,
      radius: radius)
  }

  // MARK: Surroundings and light

  /// The part of portraits whose surroundings are those of the class.
  private static let shareAtHome = 0.6

  private mutating func home(of kind: SampleClass) -> Scene {
    switch kind {
    case .arrow: texturedScene(.bricks)
    case .star: lit([SceneRegion(label: SampleSurrounding.sky.label, paint: skyPaint())])
    case .car: landscape(.road)
    case .house, .tree, .mushroom: landscape(.grass)
    case .fish: landscape(.water)
    case .cup: landscape(.floor)
    case .key, .gear: texturedScene(.grain)
    }
  }

  private mutating func texturedScene(_ pattern: Pattern? = nil) -> Scene {
    let base = stream.color(saturation: 0.05...0.7, value: 0.25...0.95)
    let other = base + (stream.color() - base) * Float(stream.uniform(0.1, 0.2 + 0.5 * variety))
    let paint = Paint(
      base, other, pattern ?? stream.pick(Pattern.allCases.filter { $0 != .plain }),
      frequency: stream.uniform(1.5, 6), turns: stream.uniformDouble(), seed: stream.next32())
    let region = SceneRegion(label: SampleSurrounding.wall.label, ring: nil, paint: paint)
    return lit([region])
  }

  /// - Parameter below: What the ground is; a floor means a room. Nil leaves it to chance.
  private mutating func landscape(_ below: SampleSurrounding? = nil) -> Scene {
    let (w, h) = (Double(width), Double(height))
    let horizon = h * stream.uniform(0.35, 0.65)
    var regions: [SceneRegion] = []
    if below.map({ $0 == .floor }) ?? stream.chance(0.3) {
      regions.append(SceneRegion(label: SampleSurrounding.wall.label, paint: wallPaint()))
      regions.append(ground(.floor, from: horizon * 1.2))
    } else {
      regions.append(SceneRegion(label: SampleSurrounding.sky.label, paint: skyPaint()))
      if stream.chance(0.6) { regions.append(hills(horizon)) }
      let kind = below ?? stream.pick([SampleSurrounding.grass, .grass, .water, .road])
      regions.append(ground(kind, from: horizon))
      if kind == .grass && stream.chance(0.3) {
        let x = w * stream.uniform(0.2, 0.8)
        let spread = w * stream.uniform(0.15, 0.35)
        let ring = [
          Point(x, horizon), Point(x + w * 0.05, horizon), Point(x + spread, h),
          Point(x - spread, h),
        ]
        regions.append(
          SceneRegion(
            label: SampleSurrounding.road.label, ring: ring, paint: groundPaint(.road)))
      }
    }
    return lit(regions)
  }

  private mutating func lit(_ regions: [SceneRegion]) -> Scene {
    var scene = Scene(width: width, height: height, regions: regions)
    scene.light.turns = stream.uniform(0.55, 0.95)
    scene.light.relief = Float(stream.uniform(0.1, 0.9))
    scene.light.shadow = stream.chance(0.6) ? Float(stream.uniform(0.1, 0.5)) : 0
    scene.light.outline = Float(stream.uniform(0, 0.55))
    let gain = stream.uniform(0.72, 1.15)
    scene.light.gain = Color(
      Float(gain * stream.uniform(0.92, 1.08)), Float(gain * stream.uniform(0.95, 1.05)),
      Float(gain * stream.uniform(0.9, 1.1)))
    scene.light.falloff = Float(stream.uniform(0, 0.35))
    scene.light.softness = Float(stream.chance(0.5) ? stream.uniform(0, 0.7) : 0)
    scene.light.noise = Float(stream.uniform(0.005, 0.015 + 0.035 * variety))
    scene.noiseSeed = stream.next32()
    return scene
  }

  private mutating func hills(_ horizon: Double) -> SceneRegion {
    let (w, h) = (Double(width), Double(height))
    let count = 5
    var ridge: [Point] = [Point(-w * 0.2, h)]
    for k in 0...count {
      let x = w * (Double(k) / Double(count) * 1.3 - 0.15)
      ridge.append(Point(x, horizon - h * stream.uniform(0.02, 0.25)))
    }
    ridge.append(Point(w * 1.2, h))
    let hue = stream.uniform(0.2, 0.7)
    let color = Color(
      hue: hue, saturation: stream.uniform(0.1, 0.4), value: stream.uniform(0.3, 0.65))
    return SceneRegion(
      label: SampleSurrounding.hill.label,
      ring: stream.chance(0.6) ? Ring.smooth(ridge) : ridge,
      paint: Paint(color, color * 0.75, .clouds, frequency: 3, turns: 0, seed: stream.next32()))
  }

  private mutating func ground(_ kind: SampleSurrounding, from top: Double) -> SceneRegion {
    let (w, h) = (Double(width), Double(height))
    let tilt = h * stream.uniform(-0.03, 0.03)
    return SceneRegion(
      label: kind.label,
      ring: [Point(0, top - tilt), Point(w, top + tilt), Point(w, h), Point(0, h)],
      paint: groundPaint(kind))
  }

  private mutating func groundPaint(_ kind: SampleSurrounding) -> Paint {
    let color: Color
    let pattern: Pattern
    switch kind {
    case .grass:
      color = Color(
        hue: stream.uniform(0.16, 0.36), saturation: stream.uniform(0.4, 0.8),
        value: stream.uniform(0.35, 0.75))
      pattern = .clouds
    case .water:
      color = Color(
        hue: stream.uniform(0.48, 0.62), saturation: stream.uniform(0.35, 0.8),
        value: stream.uniform(0.4, 0.8))
      pattern = .waves
    case .road:
      color = Color(
        hue: stream.uniform(0.05, 0.7), saturation: stream.uniform(0, 0.12),
        value: stream.uniform(0.3, 0.6))
      pattern = .clouds
    default:
      color = Color(
        hue: stream.uniform(0.02, 0.13), saturation: stream.uniform(0.25, 0.7),
        value: stream.uniform(0.35, 0.8))
      pattern = stream.pick([.grain, .checks, .stripes])
    }
    return Paint(
      color, color * Float(stream.uniform(0.6, 0.85)), pattern,
      frequency: pattern == .clouds ? stream.uniform(6, 14) : stream.uniform(2.5, 6),
      turns: pattern == .waves ? 0.25 + stream.uniform(-0.03, 0.03) : stream.uniform(-0.04, 0.04),
      seed: stream.next32())
  }

  private mutating func skyPaint() -> Paint {
    let hue = stream.chance(0.75) ? stream.uniform(0.52, 0.64) : stream.uniform(0.0, 0.12)
    let color = Color(
      hue: hue, saturation: stream.uniform(0.1, 0.6), value: stream.uniform(0.6, 0.98))
    let pale = color + (Color(repeating: 0.97) - color) * Float(stream.uniform(0.4, 0.9))
    return stream.chance(0.6)
      ? Paint(
        color, pale, .clouds, frequency: stream.uniform(1, 2.5), turns: 0, seed: stream.next32())
      : Paint(color, pale, .gradient, frequency: 1, turns: 0.25, seed: 0)
  }

  private mutating func wallPaint() -> Paint {
    let color = stream.color(saturation: 0.05...0.6, value: 0.45...0.95)
    return Paint(
      color, color * Float(stream.uniform(0.65, 0.92)),
      stream.pick([.bricks, .stripes, .dots, .plain, .clouds]),
      frequency: stream.uniform(3, 7), turns: 0, seed: stream.next32())
  }
}
