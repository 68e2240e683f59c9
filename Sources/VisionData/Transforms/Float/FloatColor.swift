// BYOL's colour changes on real numbers; each result is cut off to 0...1.
//
// Source: Grill et al., Bootstrap Your Own Latent, 2020, appendix B, and its published code.

extension FloatImage {
  /// Adds to every value.
  public func brightened(adding delta: Float) -> FloatImage {
    mapped { max(0, min(1, $0 + delta)) }
  }

  /// Inverts every value of `threshold` and above.
  public func solarized(threshold: Float = 0.5) -> FloatImage {
    mapped { $0 < threshold ? $0 : 1 - $0 }
  }

  /// Scales each channel about its own mean.
  public func contrasted(by factor: Float) -> FloatImage {
    var result = self
    let plane = width * height
    result.values.withUnsafeMutableBufferPointer { values in
      for channel in 0..<3 {
        let part = channel * plane..<(channel + 1) * plane
        var sum = 0.0
        for at in part { sum += Double(values[at]) }
        let mean = Float(sum / Double(plane))
        for at in part { values[at] = max(0, min(1, factor * (values[at] - mean) + mean)) }
      }
    }
    return result
  }

  /// Scales the saturation (HSV).
  public func saturated(by factor: Float) -> FloatImage {
    coloured { r, g, b in
      let (hue, saturation, value) = hsv(r, g, b)
      return rgb(hue, max(0, min(1, saturation * factor)), value)
    }
  }

  /// Turns the hue by a fraction of the circle (HSV).
  public func hueShifted(by delta: Float) -> FloatImage {
    coloured { r, g, b in
      let (hue, saturation, value) = hsv(r, g, b)
      return rgb(hue + delta, saturation, value)
    }
  }

  /// Gray in all three channels, of weights 0.2989, 0.587 and 0.114.
  public func grayscaled() -> FloatImage {
    coloured { r, g, b in
      let gray = r * 0.2989 + g * 0.587 + b * 0.114
      return (gray, gray, gray)
    }
  }

  @inline(__always)
  private func mapped(_ body: (Float) -> Float) -> FloatImage {
    var result = self
    result.values.withUnsafeMutableBufferPointer { values in
      for at in values.indices { values[at] = body(values[at]) }
    }
    return result
  }

  @inline(__always)
  private func coloured(
    _ body: (Float, Float, Float) -> (Float, Float, Float)
  ) -> FloatImage {
    var result = self
    let plane = width * height
    result.values.withUnsafeMutableBufferPointer { values in
      for at in 0..<plane {
        let (r, g, b) = body(values[at], values[plane + at], values[2 * plane + at])
        values[at] = max(0, min(1, r))
        values[plane + at] = max(0, min(1, g))
        values[2 * plane + at] = max(0, min(1, b))
      }
    }
    return result
  }
}

/// Hue in 0...1, saturation and value of a colour.
@inline(__always)
private func hsv(_ r: Float, _ g: Float, _ b: Float) -> (Float, Float, Float) {
  let top = max(r, g, b)
  let range = top - min(r, g, b)
  guard range > 0 else { return (0, 0, top) }
  let unit = 1 / (6 * range)
  var hue: Float
  if r == top {
    hue = unit * (g - b)
  } else if g == top {
    hue = unit * (b - r) + 2.0 / 6
  } else {
    hue = unit * (r - g) + 4.0 / 6
  }
  if hue < 0 { hue += 1 }
  return (hue, range / top, top)
}

/// The colour of any hue (a whole turn is 1), of saturation and value.
@inline(__always)
private func rgb(_ hue: Float, _ saturation: Float, _ value: Float) -> (Float, Float, Float) {
  let chroma = saturation * value
  let rest = value - chroma
  let turn = (hue - hue.rounded(.down)) * 6
  let sector = turn.rounded(.down)
  let pair = turn - 2 * (turn / 2).rounded(.down)
  let middle = chroma * (1 - abs(pair - 1)) + rest
  let full = chroma + rest
  switch sector {
  case 0: return (full, middle, rest)
  case 1: return (middle, full, rest)
  case 2: return (rest, full, middle)
  case 3: return (rest, middle, full)
  case 4: return (middle, rest, full)
  case 5: return (full, rest, middle)
  // A hue a hair below 0 becomes a whole turn in single precision.
  default: return (full, rest, rest)
  }
}
