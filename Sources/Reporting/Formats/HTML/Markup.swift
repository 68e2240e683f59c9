/// Text with everything escaped that HTML and SVG would take for markup, in content and attributes.
func html(_ text: String) -> String {
  var out = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": out += "&amp;"
    case "<": out += "&lt;"
    case ">": out += "&gt;"
    case "\"": out += "&quot;"
    case "'": out += "&#39;"
    case _ where scalar.value < 0x20 && !scalar.properties.isWhitespace: out += "\u{FFFD}"
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out
}

/// Bytes in base 64, for `data:` addresses.
func base64(_ bytes: [UInt8]) -> String {
  let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var out: [UInt8] = []
  out.reserveCapacity((bytes.count + 2) / 3 * 4)
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let count = min(3, bytes.count - start)
    var group = UInt32(0)
    for at in 0..<3 { group = group << 8 | (at < count ? UInt32(bytes[start + at]) : 0) }
    for at in 0..<4 {
      out.append(at <= count ? letters[Int(group >> UInt32(18 - 6 * at) & 63)] : UInt8(ascii: "="))
    }
  }
  return String(decoding: out, as: UTF8.self)
}

/// A coordinate with one decimal: enough for the eye, and the same text everywhere.
func place(_ value: Double) -> String { fixed(value, 1) }

/// The axis of a chart: its range and where its lines stand.
struct ChartAxis {
  let low: Double, high: Double
  let ticks: [Double]

  /// An axis over values with about `count` lines at round numbers.
  init(_ values: [Double], count: Int = 4, includesZero: Bool = false) {
    // Beyond this the distance of two would be no number.
    let known = values.filter { abs($0) <= 1e300 }
    var (low, high) = (known.min() ?? 0, known.max() ?? 1)
    if includesZero { (low, high) = (min(0, low), max(0, high)) }
    // Lines that are closer than the numbers can tell apart would never end.
    let least = 1e-9 * max(1, abs(low), abs(high))
    if high - low < least { (low, high) = (low - max(0.5, least), high + max(0.5, least)) }
    var step = 1e-9
    // 1, 2, 5, 10, …: the smallest that needs no more lines.
    let factors = [2.0, 2.5, 2.0]
    var round = 0
    while (high - low) / step > Double(count) {
      step *= factors[round % 3]
      round += 1
    }
    let first = (low / step).rounded(.down)
    let last = (high / step).rounded(.up)
    self.low = first * step
    self.high = last * step
    ticks = stride(from: first, through: last, by: 1).map { $0 * step }
  }

  /// Where a value stands between two coordinates.
  func position(_ value: Double, from start: Double, to end: Double) -> Double {
    start + (value - low) / (high - low) * (end - start)
  }

  /// A tick's text, with the decimals that its distance to the next one needs.
  func label(_ tick: Double) -> String {
    let step = ticks.count > 1 ? ticks[1] - ticks[0] : 1
    let decimals = step >= 0.999 ? 0 : step >= 0.0999 ? 1 : step >= 0.00999 ? 2 : 3
    return fixed(tick, decimals).replacing("-", with: "−")
  }
}
