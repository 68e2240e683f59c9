import TensorCore

/// Reads regions of fixed size from the pyramid level that suits each.
///
/// Regions are cut out by aligned bilinear pooling with as many samples a cell as it has pixels.
///
/// Source: He et al., Mask R-CNN, 2017, section 3; Lin et al., Feature Pyramid Networks, 2017.
struct RegionFeatures {
  private let maps: [Tensor]
  private let strides: [Int]
  private let levels = RegionLevels()

  /// - Parameter maps: Pyramid levels `[B, Hᵢ, Wᵢ, C]` from the finest; more than four are ignored.
  init(maps: [Tensor], strides: [Int]) {
    self.maps = Array(maps.prefix(levels.levelCount))
    self.strides = strides
  }

  /// The features of `regions`, `[N, size, size, C]`, in their order.
  func pooled(_ regions: [Region], size: Int) -> Tensor {
    let channels = maps[0].shape[3]
    guard !regions.isEmpty else { return Tensor(zeros: [0, size, size, channels]) }
    var members = maps.map { _ in [Int]() }
    for (index, region) in regions.enumerated() {
      members[levels.level(of: region.box)].append(index)
    }
    var parts: [Tensor] = []
    var order = [Int](repeating: 0, count: regions.count)
    var filled = 0
    for (level, indices) in members.enumerated() where !indices.isEmpty {
      parts.append(
        pooled(indices.map { regions[$0] }, from: maps[level], stride: strides[level], size: size))
      for index in indices {
        order[index] = filled
        filled += 1
      }
    }
    guard parts.count > 1 else { return parts[0] }
    return gathered(concatenated(parts), rows: order)
  }

  private func pooled(_ regions: [Region], from map: Tensor, stride: Int, size: Int) -> Tensor {
    regionAligned(
      map, regions: regions, height: size, width: size, spatialScale: 1 / Float(stride))
  }
}
