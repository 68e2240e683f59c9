extension SegmentorConfiguration {
  /// Multiply-adds of one image without the auxiliary head: 236.94 G at 512x512, and 944.70 G, the
  /// published 945 G, at 512x2048.
  ///
  /// Counted as the reference's counter does: batch normalisation costs nothing, as it is part of
  /// a convolution at test, and neither do the bilinear resizes.
  public func multiplyAdds(height: Int, width: Int) -> MultiplyAdds {
    var result = backbone.multiplyAdds(height: height, width: width, form: .dense)
    let pixels = backbone.pyramidStrides.map { stride in
      (height + stride - 1) / stride * ((width + stride - 1) / stride)
    }
    func block(_ inputs: Int, _ kernel: Int, _ pixels: Int) {
      result.layers += pixels * channels * (inputs * kernel * kernel + 1)
    }
    let top = pixels.count - 1
    let stageChannels = headChannels
    if backbone.stageChannels.count == 1 {
      result.layers += SimpleFeaturePyramid.multiplyAdds(
        inputs: backbone.stageChannels[0], channels: pyramidChannels, pixels: pixels)
    }
    let topChannels = stageChannels[top]
    for size in poolSizes {
      result.layers += pixels[top] * topChannels
      block(topChannels, 1, size * size)
    }
    block(topChannels + poolSizes.count * channels, 3, pixels[top])
    for level in 0..<top {
      block(stageChannels[level], 1, pixels[level])
      block(channels, 3, pixels[level])
    }
    block((top + 1) * channels, 3, pixels[0])
    result.layers += pixels[0] * classCount * (channels + 1)
    return result
  }
}
