import Geometry
import VisionData

// Draws a scene. All geometry is exact to a fraction of a pixel; nothing depends on a clock, a
// thread or the C library's rounding.

/// Draws scenes.
struct SceneRenderer {
  private let scene: Scene
  private var canvas: [Color]
  private var labels: [UInt8]
  private var owners: [Int16]
  private var fullAreas: [Int] = []

  /// Draws a scene.
  static func render(_ scene: Scene) -> RenderedScene {
    var renderer = SceneRenderer(scene)
    renderer.drawRegions()
    for index in scene.items.indices { renderer.draw(index) }
    return RenderedScene(
      image: renderer.develop(),
      labels: LabelMap(width: scene.width, height: scene.height, labels: renderer.labels),
      owners: renderer.owners, fullAreas: renderer.fullAreas)
  }

  private init(_ scene: Scene) {
    precondition(
      scene.width > 0 && scene.height > 0, "a scene of \(scene.width)x\(scene.height) has no pixels"
    )
    self.scene = scene
    let count = scene.width * scene.height
    canvas = [Color](repeating: Color(repeating: 0.5), count: count)
    labels = [UInt8](repeating: 0, count: count)
    owners = [Int16](repeating: -1, count: count)
  }

  // MARK: Surroundings

  private mutating func drawRegions() {
    let scale = 2 / Float(min(scene.width, scene.height))
    for region in scene.regions {
      let whole = Point(Double(scene.width), Double(scene.height))
      let ring = region.ring ?? [Point(0, 0), Point(whole.x, 0), whole, Point(0, whole.y)]
      let cover = Coverage(
        rings: [ring], canvasWidth: scene.width, canvasHeight: scene.height)
      for y in cover.minY..<cover.maxY {
        for x in cover.minX..<cover.maxX {
          let share = cover.shares[(y - cover.minY) * cover.width + x - cover.minX]
          guard share > 0 else { continue }
          let at = y * scene.width + x
          let color = region.paint.color((Float(x) + 0.5) * scale, (Float(y) + 0.5) * scale)
          canvas[at] += (color - canvas[at]) * share
          if share >= 0.5 { labels[at] = region.label }
        }
      }
    }
  }

  // MARK: Objects

  private mutating func draw(_ index: Int) {
    let item = scene.items[index]
    let parts = item.parts.map { part in
      var cover = coverage(part.rings, item.placement)
      if !part.holes.isEmpty { cover.subtract(coverage(part.holes, item.placement)) }
      return cover
    }
    let seen = parts.filter { !$0.isEmpty }
    guard let first = seen.first else {
      fullAreas.append(0)
      return
    }
    var silhouette = Coverage(
      minX: seen.reduce(first.minX) { min($0, $1.minX) },
      minY: seen.reduce(first.minY) { min($0, $1.minY) },
      maxX: seen.reduce(first.maxX) { max($0, $1.maxX) },
      maxY: seen.reduce(first.maxY) { max($0, $1.maxY) })
    for part in seen { silhouette.unite(part) }
    castShadow(of: silhouette, radius: item.radius)
    let shade = shading(of: silhouette, radius: item.radius)
    let back = item.placement.inverse
    for (part, cover) in zip(item.parts, parts) where !cover.isEmpty {
      paint(cover, part.paint, back, shade, width: silhouette.width, silhouette)
    }
    own(silhouette, index, label: item.kind?.label ?? 0)
  }

  private func coverage(_ rings: [[Point]], _ placement: Placement) -> Coverage {
    Coverage(
      rings: rings.map { ring in ring.map { placement($0) } }, canvasWidth: scene.width,
      canvasHeight: scene.height)
  }

  private mutating func castShadow(of silhouette: Coverage, radius: Double) {
    guard scene.light.shadow > 0 else { return }
    let soft = silhouette.blurred(radius: max(1, Int(radius * 0.08)), passes: 2)
    let away = Point.polar(turns: scene.light.turns + 0.5, radius * 0.14)
    let (dx, dy) = (Int(away.x.rounded()), Int(away.y.rounded()))
    for y in max(0, soft.minY + dy)..<max(max(0, soft.minY + dy), min(scene.height, soft.maxY + dy))
    {
      for x in max(
        0, soft.minX + dx)..<max(max(0, soft.minX + dx), min(scene.width, soft.maxX + dx))
      {
        let share = soft.shares[(y - dy - soft.minY) * soft.width + x - dx - soft.minX]
        canvas[y * scene.width + x] *= 1 - scene.light.shadow * share
      }
    }
  }

  /// How bright each pixel of the silhouette's rectangle is: the silhouette, softened, is taken for a
  /// height, and its slope towards the light brightens; the rim darkens.
  private func shading(of silhouette: Coverage, radius: Double) -> [Float] {
    let height = silhouette.blurred(radius: max(1, Int(radius * 0.12)), passes: 2)
    let rim = silhouette.blurred(radius: max(1, Int(radius * 0.03)), passes: 1)
    let toLight = Point.polar(turns: scene.light.turns, 1)
    let slope = scene.light.relief * Float(radius) * 0.25
    let (lx, ly) = (Float(toLight.x) * slope, Float(toLight.y) * slope)
    var result = [Float](repeating: 1, count: silhouette.shares.count)
    for y in silhouette.minY..<silhouette.maxY {
      for x in silhouette.minX..<silhouette.maxX {
        let at = (y - silhouette.minY) * silhouette.width + x - silhouette.minX
        guard silhouette.shares[at] > 0 else { continue }
        let center = (y - height.minY) * height.width + x - height.minX
        let dx = height.shares[center + 1] - height.shares[center - 1]
        let dy = height.shares[center + height.width] - height.shares[center - height.width]
        let edge = 1 - rim.shares[(y - rim.minY) * rim.width + x - rim.minX]
        let lit = 1 - (dx * lx + dy * ly)
        result[at] = max(0.3, min(1.7, lit)) * (1 - scene.light.outline * min(1, 2 * edge))
      }
    }
    return result
  }

  private mutating func paint(
    _ cover: Coverage, _ paint: Paint, _ back: Placement, _ shade: [Float], width: Int,
    _ silhouette: Coverage
  ) {
    for y in cover.minY..<cover.maxY {
      for x in cover.minX..<cover.maxX {
        let share = cover.shares[(y - cover.minY) * cover.width + x - cover.minX]
        guard share > 0 else { continue }
        let local = back(Point(Double(x) + 0.5, Double(y) + 0.5))
        let light = shade[(y - silhouette.minY) * width + x - silhouette.minX]
        let color = paint.color(Float(local.x), Float(local.y)) * light
        let at = y * scene.width + x
        canvas[at] += (color - canvas[at]) * share
      }
    }
  }

  private mutating func own(_ silhouette: Coverage, _ index: Int, label: UInt8) {
    var area = 0
    for y in silhouette.minY..<silhouette.maxY {
      for x in silhouette.minX..<silhouette.maxX {
        let at = (y - silhouette.minY) * silhouette.width + x - silhouette.minX
        guard silhouette.shares[at] >= 0.5 else { continue }
        area += 1
        owners[y * scene.width + x] = Int16(index)
        labels[y * scene.width + x] = label
      }
    }
    fullAreas.append(area)
  }

  // MARK: Camera

  /// Applies lens softness, exposure and sensor noise, and rounds to bytes.
  private func develop() -> RGBImage {
    let light = scene.light
    let (width, height) = (scene.width, scene.height)
    let side = Point.polar(turns: light.turns, 1)
    let fallX = Float(side.x) * light.falloff / Float(width) * 2
    let fallY = Float(side.y) * light.falloff / Float(height) * 2
    let pixels = [UInt8](unsafeUninitializedCapacity: width * height * 3) { output, count in
      for y in 0..<height {
        let above = max(0, y - 1) * width
        let below = min(height - 1, y + 1) * width
        let fall = 1 + fallY * (Float(y) - Float(height) / 2)
        for x in 0..<width {
          let (left, right) = (max(0, x - 1), min(width - 1, x + 1))
          var color = canvas[y * width + x]
          if light.softness > 0 {
            let around =
              canvas[above + x] + canvas[below + x] + canvas[y * width + left]
              + canvas[y * width + right]
            color += (around * 0.25 - color) * light.softness
          }
          color *= light.gain * (fall + fallX * (Float(x) - Float(width) / 2))
          for channel in 0..<3 {
            // The sum of two even numbers: a triangle, near enough to a bell.
            let (px, py) = (Int32(x * 3 + channel), Int32(y))
            let grain =
              Noise.hash(px, py, scene.noiseSeed)
              + Noise.hash(px, py, scene.noiseSeed &+ 1) - 1
            let value = (color[channel] + grain * light.noise * 2.45) * 255 + 0.5
            output[(y * width + x) * 3 + channel] = UInt8(max(0, min(255, value)))
          }
        }
      }
      count = width * height * 3
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}
