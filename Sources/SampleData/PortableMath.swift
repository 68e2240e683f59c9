// Sines that are the same bits on every machine. The C library's differ in the last place between
// versions and processors, and one such bit can turn a pixel; only + - * / and roots are exact.

/// Angles and directions for drawing.
enum PortableMath {
  /// The sine and cosine of an angle in turns (1 is a full circle).
  ///
  /// The angle is folded to an eighth of a circle, where the Taylor series to x¹⁵ is good to 1e-15.
  static func sineCosine(turns: Double) -> (sine: Double, cosine: Double) {
    let wrapped = turns - turns.rounded(.down)
    let quarter = (wrapped * 4).rounded()
    let x = (wrapped - quarter / 4) * 2 * .pi
    let square = x * x
    var sine = 1.0
    var cosine = 1.0
    for k in stride(from: 14.0, through: 2, by: -2) {
      sine = 1 - square / (k * (k + 1)) * sine
      cosine = 1 - square / ((k - 1) * k) * cosine
    }
    sine *= x
    switch Int(quarter) & 3 {
    case 0: return (sine, cosine)
    case 1: return (cosine, -sine)
    case 2: return (-sine, -cosine)
    default: return (-cosine, sine)
    }
  }

  /// The sine of an angle in turns.
  static func sine(turns: Double) -> Double { sineCosine(turns: turns).sine }
}

/// A point or a direction in the plane; y grows downwards.
struct Point: Equatable, Sendable {
  var x: Double
  var y: Double

  init(_ x: Double, _ y: Double) {
    self.x = x
    self.y = y
  }

  /// The point at an angle (in turns, clockwise from the right) and distance from the origin.
  static func polar(turns: Double, _ radius: Double) -> Point {
    let (sine, cosine) = PortableMath.sineCosine(turns: turns)
    return Point(cosine * radius, sine * radius)
  }

  static func + (a: Point, b: Point) -> Point { Point(a.x + b.x, a.y + b.y) }
  static func - (a: Point, b: Point) -> Point { Point(a.x - b.x, a.y - b.y) }
  static func * (a: Point, factor: Double) -> Point { Point(a.x * factor, a.y * factor) }

  /// The point at the fraction `t` of the way to `other`.
  func toward(_ other: Point, _ t: Double) -> Point { self + (other - self) * t }

  var length: Double { (x * x + y * y).squareRoot() }
}

/// An affine map of the plane, from an object's own coordinates to pixels.
struct Placement: Sendable {
  var a = 1.0, b = 0.0, c = 0.0, d = 1.0
  var x = 0.0, y = 0.0

  /// Scales by (`width`, `height`), shears, turns (clockwise) and moves, in this order.
  init(
    center: Point, width: Double, height: Double, turns: Double = 0, shear: Double = 0
  ) {
    let (sine, cosine) = PortableMath.sineCosine(turns: turns)
    a = width * cosine
    b = height * (shear * cosine - sine)
    c = width * sine
    d = height * (shear * sine + cosine)
    x = center.x
    y = center.y
  }

  func callAsFunction(_ p: Point) -> Point {
    Point(a * p.x + b * p.y + x, c * p.x + d * p.y + y)
  }

  /// The map from pixels back to the object's own coordinates.
  ///
  /// - Precondition: the map has an inverse, so neither size is 0.
  var inverse: Placement {
    let determinant = a * d - b * c
    precondition(determinant != 0, "a placement of size 0 has no inverse")
    var result = self
    result.a = d / determinant
    result.b = -b / determinant
    result.c = -c / determinant
    result.d = a / determinant
    result.x = -(result.a * x + result.b * y)
    result.y = -(result.c * x + result.d * y)
    return result
  }
}
