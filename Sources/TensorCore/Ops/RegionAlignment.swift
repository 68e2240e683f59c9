import CVector
import Threads
import VectorMath

/// A box on one image of a batch, in continuous pixels of that image.
public struct Region: Sendable, Equatable {
  /// The image's place in the batch.
  public var image: Int
  /// Left, top, right and bottom.
  public var x1, y1, x2, y2: Float

  /// Makes a region from its image and corners.
  public init(image: Int, x1: Float, y1: Float, x2: Float, y2: Float) {
    self.image = image
    self.x1 = x1
    self.y1 = y1
    self.x2 = x2
    self.y2 = y2
  }
}

/// Cuts regions out of a map at a fixed size: RoIAlign with averages.
///
/// A region becomes `height x width` bins; each bin is the mean of bilinear samples on a regular
/// grid of `samplingRatio` (or, when 0, ⌈region / bins⌉) points an axis. Samples more than a pixel
/// outside the map count as 0. The samples of a bin share pixels, so their weights are added up
/// an axis first and every pixel is read once.
///
/// Shapes: `B` images, `R` regions.
/// - in: features `[B, H, W, C]`, `R` regions
/// - out: `[R, height, width, C]`
///
/// - Parameters:
///   - spatialScale: From the regions' pixels to the map's, for example 1/4.
///   - samplingRatio: Samples a bin and axis; 0 adapts to the region's size.
///   - aligned: Whether coordinates shift by half a pixel, and small regions stay small.
///
/// Source: He et al., Mask R-CNN, 2017; operation order of torchvision's roi_align.
public func regionAligned(
  _ features: Tensor, regions: [Region], height: Int, width: Int, spatialScale: Float,
  samplingRatio: Int = 0, aligned: Bool = true
) -> Tensor {
  precondition(features.shape.count == 4, "regionAligned needs [B, H, W, C] features")
  let (batch, mapHeight) = (features.shape[0], features.shape[1])
  let (mapWidth, channels) = (features.shape[2], features.shape[3])
  precondition(
    regions.allSatisfy { 0 <= $0.image && $0.image < batch },
    "a region's image is outside 0..<\(batch)")
  let cuts = regions.map { region in
    RegionCut(
      region, bins: (height, width), map: (mapHeight, mapWidth), scale: spatialScale,
      samplingRatio: samplingRatio, aligned: aligned)
  }
  let out = Tensor(uninitialized: [regions.count, height, width, channels])
  let imageLength = mapHeight * mapWidth * channels
  ThreadPool.shared.forEach(regions.count) { index in
    let cut = cuts[index]
    let map = features.pointer + regions[index].image * imageLength
    for row in 0..<height {
      for column in 0..<width {
        let target = out.pointer + ((index * height + row) * width + column) * channels
        gatherBin(
          map, rowLength: mapWidth * channels, channels: channels, rows: cut.rows[row],
          columns: cut.columns[column], scale: cut.share, into: target)
      }
    }
  }
  return record(out, inputs: [features]) { gradient in
    let dx = Tensor(zeros: features.shape)
    let ofImage = (0..<batch).map { image in
      regions.indices.filter { regions[$0].image == image }
    }
    // A piece owns some channels of one image, so no two pieces add to the same place.
    let block = 32
    let blocks = (channels + block - 1) / block
    ThreadPool.shared.forEach(batch * blocks) { piece in
      let (image, first) = (piece / blocks, piece % blocks * block)
      let count = min(block, channels - first)
      let map = dx.pointer + image * imageLength + first
      for index in ofImage[image] {
        let cut = cuts[index]
        for row in 0..<height {
          for column in 0..<width {
            let g = gradient.pointer + ((index * height + row) * width + column) * channels + first
            scatterBin(
              g, into: map, rowLength: mapWidth * channels, channels: channels, count: count,
              rows: cut.rows[row], columns: cut.columns[column], scale: cut.share)
          }
        }
      }
    }
    return [dx]
  }
}

/// Consecutive pixels of one axis and their weights in a bin.
struct BinTaps {
  var first = 0
  var weights: [Float] = []
}

/// The bins of one region on a map.
struct RegionCut {
  let rows: [BinTaps]
  let columns: [BinTaps]
  /// One over the samples of a bin.
  let share: Float

  init(
    _ region: Region, bins: (height: Int, width: Int), map: (height: Int, width: Int),
    scale: Float, samplingRatio: Int, aligned: Bool
  ) {
    let offset: Float = aligned ? 0.5 : 0
    let (left, top) = (region.x1 * scale - offset, region.y1 * scale - offset)
    var width = region.x2 * scale - offset - left
    var height = region.y2 * scale - offset - top
    if !aligned {
      width = max(width, 1)
      height = max(height, 1)
    }
    func samples(_ length: Float, _ count: Int) -> Int {
      if samplingRatio > 0 { return samplingRatio }
      let wanted = (length / Float(count)).rounded(.up)
      // Coordinates from a diverged network may be anything; no map has this many pixels.
      return wanted > 0 ? Int(min(wanted, 65_536)) : 0
    }
    let (down, across) = (samples(height, bins.height), samples(width, bins.width))
    rows = Self.taps(
      start: top, length: height, bins: bins.height, samples: down, size: map.height)
    columns = Self.taps(
      start: left, length: width, bins: bins.width, samples: across, size: map.width)
    share = 1 / Float(max(1, down * across))
  }

  private static func taps(
    start: Float, length: Float, bins: Int, samples: Int, size: Int
  ) -> [BinTaps] {
    let binLength = length / Float(bins)
    return (0..<bins).map { bin in
      var taps = BinTaps()
      for sample in 0..<samples {
        let place =
          start + Float(bin) * binLength + (Float(sample) + 0.5) * binLength / Float(samples)
        guard place >= -1, place <= Float(size) else { continue }
        let inside = max(place, 0)
        let low = min(Int(inside), size - 1)
        let weight = low >= size - 1 ? 0 : inside - Float(low)
        if taps.weights.isEmpty { taps.first = low }
        // Samples go upwards, so pixels come in order.
        while taps.weights.count < low - taps.first + (weight > 0 ? 2 : 1) {
          taps.weights.append(0)
        }
        taps.weights[low - taps.first] += 1 - weight
        if weight > 0 { taps.weights[low - taps.first + 1] += weight }
      }
      return taps
    }
  }
}

/// `out = scale · Σ weights · pixels` of one bin.
private func gatherBin(
  _ map: UnsafePointer<Float>, rowLength: Int, channels: Int, rows: BinTaps, columns: BinTaps,
  scale: Float, into out: UnsafeMutablePointer<Float>
) {
  rows.weights.withUnsafeBufferPointer { rowWeights in
    columns.weights.withUnsafeBufferPointer { columnWeights in
      let base = map + rows.first * rowLength + columns.first * channels
      if channels == 1, let weights = columnWeights.baseAddress {
        var sum: Float = 0
        for row in rowWeights.indices {
          sum +=
            rowWeights[row]
            * Kernels.dot(base + row * rowLength, weights, count: columnWeights.count)
        }
        out[0] = sum * scale
        return
      }
      var c = 0
      while c + 64 <= channels {
        var (s0, s1, s2, s3) = (splat(0), splat(0), splat(0), splat(0))
        for row in rowWeights.indices {
          for column in columnWeights.indices {
            let weight = splat(rowWeights[row] * columnWeights[column] * scale)
            let p = base + row * rowLength + column * channels + c
            s0 = cv_fma(cv_load(p), weight, s0)
            s1 = cv_fma(cv_load(p + 16), weight, s1)
            s2 = cv_fma(cv_load(p + 32), weight, s2)
            s3 = cv_fma(cv_load(p + 48), weight, s3)
          }
        }
        cv_store(out + c, s0)
        cv_store(out + c + 16, s1)
        cv_store(out + c + 32, s2)
        cv_store(out + c + 48, s3)
        c += 64
      }
      while c < channels {
        let count = min(16, channels - c)
        var sum = splat(0)
        for row in rowWeights.indices {
          for column in columnWeights.indices {
            let weight = splat(rowWeights[row] * columnWeights[column] * scale)
            let p = base + row * rowLength + column * channels + c
            sum = cv_fma(count == 16 ? cv_load(p) : loadTail(p, count), weight, sum)
          }
        }
        if count == 16 { cv_store(out + c, sum) } else { storeTail(out + c, sum, count) }
        c += 16
      }
    }
  }
}

/// `map += scale · weights · g` of one bin, for `count` ≤ 32 channels.
private func scatterBin(
  _ g: UnsafePointer<Float>, into map: UnsafeMutablePointer<Float>, rowLength: Int, channels: Int,
  count: Int, rows: BinTaps, columns: BinTaps, scale: Float
) {
  rows.weights.withUnsafeBufferPointer { rowWeights in
    columns.weights.withUnsafeBufferPointer { columnWeights in
      let base = map + rows.first * rowLength + columns.first * channels
      if count == 32 {
        let (g0, g1) = (cv_load(g), cv_load(g + 16))
        for row in rowWeights.indices {
          for column in columnWeights.indices {
            let weight = splat(rowWeights[row] * columnWeights[column] * scale)
            let p = base + row * rowLength + column * channels
            cv_store(p, cv_fma(g0, weight, cv_load(p)))
            cv_store(p + 16, cv_fma(g1, weight, cv_load(p + 16)))
          }
        }
        return
      }
      for row in rowWeights.indices {
        for column in columnWeights.indices {
          let weight = rowWeights[row] * columnWeights[column] * scale
          let p = base + row * rowLength + column * channels
          for c in 0..<count { p[c] += weight * g[c] }
        }
      }
    }
  }
}
