/// The kinds of object that the sample set draws.
public enum SampleClass: String, CaseIterable, Codable, Sendable {
  case arrow, car, cup, fish, gear, house, key, mushroom, star, tree

  /// The COCO category id; there are gaps between ids, as in COCO.
  public var categoryID: Int {
    switch self {
    case .arrow: return 1
    case .car: return 3
    case .cup: return 4
    case .fish: return 6
    case .gear: return 10
    case .house: return 13
    case .key: return 14
    case .mushroom: return 17
    case .star: return 21
    case .tree: return 22
    }
  }

  /// The group that COCO's category table gives beside the name.
  public var supercategory: String {
    switch self {
    case .arrow, .star: return "sign"
    case .car: return "vehicle"
    case .cup, .gear, .key: return "object"
    case .house: return "building"
    case .fish, .mushroom, .tree: return "nature"
    }
  }

  /// The label in the segmentation maps: after the surroundings.
  public var label: UInt8 {
    UInt8(SampleSurrounding.allCases.count + (Self.allCases.firstIndex(of: self) ?? 0) + 1)
  }

  /// The largest turn from upright, in turns.
  var largestTurn: Double {
    switch self {
    case .star, .gear: return 0.5
    case .arrow, .key, .fish: return 0.1
    case .car, .cup, .house, .mushroom, .tree: return 0.05
    }
  }
}

/// The surroundings that objects stand in; the regions ("stuff") of the segmentation maps.
public enum SampleSurrounding: String, CaseIterable, Codable, Sendable {
  case sky, wall, floor, grass, water, road, hill

  /// The label in the segmentation maps; 0 is other.
  public var label: UInt8 { UInt8((Self.allCases.firstIndex(of: self) ?? 0) + 1) }
}
