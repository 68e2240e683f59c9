// Closed outlines. All turn clockwise (y points down), so that those of one part may overlap.
import CounterRandom

/// A part of an object: the union of rings, less the holes, filled with one paint.
struct ShapePart: Sendable {
  var rings: [[Point]]
  var holes: [[Point]] = []
  var paint: Paint
}

/// Closed outlines from which objects are put together.
enum Ring {
  /// An ellipse, turned by `turns`.
  static func ellipse(
    _ x: Double, _ y: Double, _ radiusX: Double, _ radiusY: Double, turns: Double = 0
  ) -> [Point] {
    let place = Placement(
      center: Point(x, y), width: radiusX, height: radiusY, turns: 0)
    let turn = Placement(center: Point(x, y), width: 1, height: 1, turns: turns)
    return (0..<40).map { k in
      let p = place(Point.polar(turns: Double(k) / 40, 1))
      return turns == 0 ? p : turn(p - Point(x, y))
    }
  }

  /// A rectangle with corners rounded by `rounding`.
  static func rectangle(
    _ x0: Double, _ y0: Double, _ x1: Double, _ y1: Double, rounding: Double = 0
  ) -> [Point] {
    rounded([Point(x0, y0), Point(x1, y0), Point(x1, y1), Point(x0, y1)], by: rounding)
  }

  /// A polygon whose corners are cut and rounded up to `radius` along each side.
  static func rounded(_ corners: [Point], by radius: Double) -> [Point] {
    guard radius > 0 else { return corners }
    var result: [Point] = []
    for (i, corner) in corners.enumerated() {
      let before = corners[(i + corners.count - 1) % corners.count]
      let after = corners[(i + 1) % corners.count]
      let enter = corner.toward(before, min(0.5, radius / max((before - corner).length, 1e-9)))
      let leave = corner.toward(after, min(0.5, radius / max((after - corner).length, 1e-9)))
      for k in 0...5 {
        let t = Double(k) / 5
        result.append(enter.toward(corner, t).toward(corner.toward(leave, t), t))
      }
    }
    return result
  }

  /// A smooth closed curve through points (Catmull-Rom).
  static func smooth(_ points: [Point]) -> [Point] {
    let count = points.count
    var result: [Point] = []
    for i in 0..<count {
      let (p0, p1) = (points[(i + count - 1) % count], points[i])
      let (p2, p3) = (points[(i + 1) % count], points[(i + 2) % count])
      for k in 0..<6 {
        let t = Double(k) / 6
        let a = p1 * 2
        let b = (p2 - p0) * t
        let c = (p0 * 2 - p1 * 5 + p2 * 4 - p3) * (t * t)
        let d = (p1 * 3 - p0 - p2 * 3 + p3) * (t * t * t)
        result.append((a + b + c + d) * 0.5)
      }
    }
    return result
  }

  /// A line of a thickness with round ends.
  static func capsule(_ from: Point, _ to: Point, _ thickness: Double) -> [Point] {
    let d = to - from
    let along = d * (1 / max(d.length, 1e-9))
    let r = thickness / 2
    func cap(_ center: Point, _ direction: Point) -> [Point] {
      (0...8).map { k in
        let (sine, cosine) = PortableMath.sineCosine(turns: Double(k) / 16 - 0.25)
        return Point(
          center.x + (direction.x * cosine - direction.y * sine) * r,
          center.y + (direction.y * cosine + direction.x * sine) * r)
      }
    }
    return cap(to, along) + cap(from, along * -1)
  }

  /// A band along part of an ellipse, from one angle to another (in turns).
  static func band(
    _ center: Point, _ radiusX: Double, _ radiusY: Double, thickness: Double, from: Double,
    to: Double
  ) -> [Point] {
    let steps = 24
    func side(_ offset: Double) -> [Point] {
      (0...steps).map { k in
        let angle = from + (to - from) * Double(k) / Double(steps)
        let p = Point.polar(turns: angle, 1)
        return Point(center.x + p.x * (radiusX + offset), center.y + p.y * (radiusY + offset))
      }
    }
    return side(thickness / 2) + side(-thickness / 2).reversed()
  }

  /// A wheel of points that go in and out: `count` tips at radius 1.
  static func star(_ count: Int, inner: Double, twist: Double = 0) -> [Point] {
    (0..<count).flatMap { k in
      let at = (Double(k) - Double(count) / 4) / Double(count)
      return [
        Point.polar(turns: at, 1),
        Point.polar(turns: at + (0.5 + twist) / Double(count), inner),
      ]
    }
  }

  /// A round shape with an uneven outline.
  static func blob(_ stream: inout RandomStream, roughness: Double) -> [Point] {
    let count = 6 + stream.below(5)
    return smooth(
      (0..<count).map { k in
        Point.polar(turns: Double(k) / Double(count), stream.uniform(1 - roughness, 1))
      })
  }
}
