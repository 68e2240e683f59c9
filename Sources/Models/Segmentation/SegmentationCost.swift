/// Multiply-adds of one image.
public struct MultiplyAdds: Sendable, Equatable {
  /// Convolutions, linear layers, norms of the backbone, rectifiers and poolings.
  public var layers: Int
  /// The two matrix products of every attention, which the usual counters miss.
  public var attention: Int

  /// Both.
  public var total: Int { layers + attention }

  /// Billions with one decimal, as papers give them.
  public var text: String {
    let tenths = (total + 50_000_000) / 100_000_000
    return "\(tenths / 10).\(tenths % 10) G"
  }
}

extension SwinConfiguration {
  /// Multiply-adds of the dense form, whose windows cover the padding, too.
  func denseMultiplyAdds(height: Int, width: Int) -> MultiplyAdds {
    var (h, w) = denseSize(height: height, width: width)
    let patch = 3 * patchSize * patchSize
    var layers = h * w * embeddingSize * (patch + 1) + 2 * h * w * embeddingSize
    var attention = 0
    for (stage, depth) in depths.enumerated() {
      let channels = self.channels(stage)
      let tokens = h * w
      let padded = roundedUp(h) * roundedUp(w)
      let linear = 4 * padded + 2 * mlpRatio * tokens
      layers += depth * (linear * channels * channels + 4 * tokens * channels)
      attention += depth * 2 * padded * windowSize * windowSize * channels
      layers += 2 * tokens * channels  // The norm of the stage's output.
      if stage + 1 < depths.count {
        (h, w) = ((h + 1) / 2, (w + 1) / 2)
        layers += h * w * 8 * channels * (channels + 1)
      }
    }
    return MultiplyAdds(layers: layers, attention: attention)
  }

  /// The first stage's map of an image.
  func denseSize(height: Int, width: Int) -> (height: Int, width: Int) {
    ((height + patchSize - 1) / patchSize, (width + patchSize - 1) / patchSize)
  }

  private func roundedUp(_ side: Int) -> Int {
    (side + windowSize - 1) / windowSize * windowSize
  }
}

extension SegmentorConfiguration {
  /// Multiply-adds of one image without the auxiliary head: 236.94 G at 512x512, and 944.70 G, the
  /// published 945 G, at 512x2048.
  ///
  /// Counted as the reference's counter does: batch normalisation costs nothing, as it is part of
  /// a convolution at test, and neither do the bilinear resizes.
  public func multiplyAdds(height: Int, width: Int) -> MultiplyAdds {
    var result = backbone.denseMultiplyAdds(height: height, width: width)
    var maps = [backbone.denseSize(height: height, width: width)]
    while maps.count < backbone.depths.count {
      let last = maps[maps.count - 1]
      maps.append(((last.height + 1) / 2, (last.width + 1) / 2))
    }
    let pixels = maps.map { $0.height * $0.width }
    func block(_ inputs: Int, _ kernel: Int, _ pixels: Int) {
      result.layers += pixels * channels * (inputs * kernel * kernel + 1)
    }
    let top = pixels.count - 1
    let topChannels = backbone.channels(top)
    for size in poolSizes {
      result.layers += pixels[top] * topChannels
      block(topChannels, 1, size * size)
    }
    block(topChannels + poolSizes.count * channels, 3, pixels[top])
    for level in 0..<top {
      block(backbone.channels(level), 1, pixels[level])
      block(channels, 3, pixels[level])
    }
    block((top + 1) * channels, 3, pixels[0])
    result.layers += pixels[0] * classCount * (channels + 1)
    return result
  }
}
