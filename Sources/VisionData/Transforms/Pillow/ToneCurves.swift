// Changes of each value by a table, each equal to the usual Python imaging library's to the last
// bit.

extension RGBImage {
  /// The image with every channel sent through a table of its own.
  ///
  /// - Parameter tables: 256 values for red, then green, then blue.
  private func mapped(_ tables: [UInt8]) -> RGBImage {
    var result = self
    result.pixels.withUnsafeMutableBufferPointer { bytes in
      tables.withUnsafeBufferPointer { tables in
        for at in stride(from: 0, to: bytes.count, by: 3) {
          bytes[at] = tables[Int(bytes[at])]
          bytes[at + 1] = tables[256 + Int(bytes[at + 1])]
          bytes[at + 2] = tables[512 + Int(bytes[at + 2])]
        }
      }
    }
    return result
  }

  /// The image with all channels sent through the same table.
  private func mapped(_ curve: (Int) -> Int) -> RGBImage {
    let table = (0...255).map { UInt8(max(0, min(255, curve($0)))) }
    return mapped(table + table + table)
  }

  /// How often each value occurs: 256 counts for red, then green, then blue.
  private var histogram: [Int] {
    var counts = [Int](repeating: 0, count: 768)
    pixels.withUnsafeBufferPointer { bytes in
      counts.withUnsafeMutableBufferPointer { counts in
        for at in stride(from: 0, to: bytes.count, by: 3) {
          counts[Int(bytes[at])] &+= 1
          counts[256 + Int(bytes[at + 1])] &+= 1
          counts[512 + Int(bytes[at + 2])] &+= 1
        }
      }
    }
    return counts
  }

  /// The negative: 255 minus every value.
  public func inverted() -> RGBImage { mapped { 255 - $0 } }

  /// Keeps the upper bits of every value and clears the others.
  ///
  /// - Precondition: `bits` is in 0...8; 0 gives black, 8 the image itself.
  public func posterized(bits: Int) -> RGBImage {
    precondition((0...8).contains(bits), "a value keeps 0...8 bits, not \(bits)")
    return mapped { ($0 >> (8 - bits)) << (8 - bits) }
  }

  /// Adds to every value below `threshold`, at most up to 255.
  public func solarized(adding amount: Int, below threshold: Int = 128) -> RGBImage {
    mapped { $0 < threshold ? $0 + amount : $0 }
  }

  /// Stretches each channel so that its lowest value becomes 0 and its highest 255.
  ///
  /// A channel of one value stays as it is.
  public func autoContrasted() -> RGBImage {
    let counts = histogram
    var tables: [UInt8] = []
    for channel in 0..<3 {
      let present = (0...255).filter { counts[channel * 256 + $0] > 0 }
      guard let low = present.first, let high = present.last, high > low else {
        tables += 0...255
        continue
      }
      let scale = 255 / Double(high - low)
      let offset = -Double(low) * scale
      tables += (0...255).map { UInt8(max(0, min(255, Double($0) * scale + offset))) }
    }
    return mapped(tables)
  }

  /// Spreads the values of each channel so that all are about equally frequent.
  ///
  /// A channel with fewer than 255 pixels beside its highest value stays as it is.
  public func equalized() -> RGBImage {
    let counts = histogram
    var tables: [UInt8] = []
    for channel in 0..<3 {
      let counts = counts[channel * 256..<channel * 256 + 256]
      let highest = counts.last { $0 > 0 } ?? 0
      let step = (counts.reduce(0, +) - highest) / 255
      guard step > 0 else {
        tables += 0...255
        continue
      }
      var sum = step / 2
      for count in counts {
        tables.append(UInt8(min(255, sum / step)))
        sum += count
      }
    }
    return mapped(tables)
  }
}
