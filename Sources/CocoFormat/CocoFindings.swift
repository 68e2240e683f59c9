import FileSupport

/// What can be wrong with a record of a COCO file without making the file unreadable.
public enum CocoRule: String, Sendable, CaseIterable {
  case malformedImage = "image/malformed"
  case duplicateImage = "image/duplicate-id"
  case repeatedFile = "image/repeated-file"
  case missingSize = "image/missing-size"
  case malformedSize = "image/malformed-size"
  case malformedFederation = "image/malformed-categories"
  case malformedCategory = "category/malformed"
  case duplicateCategory = "category/duplicate-id"
  case unknownFrequency = "category/unknown-frequency"
  case malformed = "record/malformed"
  case duplicateID = "record/duplicate-id"
  case zeroID = "record/zero-id"
  case unknownImage = "record/unknown-image"
  case unknownCategory = "record/unknown-category"
  case notFinite = "record/not-finite"
  case missingBox = "record/missing-box"
  case emptyBox = "record/empty-box"
  case missingArea = "record/missing-area"
  case strangeArea = "record/strange-area"
  case missingCrowd = "record/missing-iscrowd"
  case repeatedDetection = "record/repeated"
  case malformedKeypoints = "keypoints/malformed"
  case otherKeypoints = "keypoints/other-count"
  case missingKeypointCount = "keypoints/missing-num-keypoints"
  case malformedMask = "mask/malformed"
  case badRuns = "mask/bad-runs"
  case otherSize = "mask/other-size"
  case emptyMask = "mask/empty"
  case shortPolygon = "mask/short-polygon"
  case oddPolygon = "mask/odd-polygon"
  case farPolygon = "mask/not-finite"
  case repeatedVertex = "mask/repeated-vertex"
  case implausibleBoxes = "box/implausible"

  /// How bad it is: an error changes numbers or leaves something out.
  public var severity: FindingSeverity {
    switch self {
    case .repeatedVertex: .note
    case .missingSize, .zeroID, .emptyBox, .emptyMask, .missingArea, .missingCrowd, .missingBox,
      .oddPolygon, .missingKeypointCount, .implausibleBoxes, .repeatedFile, .repeatedDetection:
      .warning
    default: .error
    }
  }

  /// What the reader did about it, and what the user can do.
  var remedy: String {
    switch self {
    case .malformedImage, .malformedCategory, .malformed, .notFinite:
      "it is left out; correct the record"
    case .duplicateImage, .duplicateCategory: "the first one counts; remove the other"
    case .repeatedFile: "each is used with its own objects; give one image one record"
    case .missingSize: "its boxes count, polygons in it cannot be drawn; write the size"
    case .malformedSize: "its boxes count, polygons in it cannot be drawn; correct the size"
    case .malformedFederation: "it is taken for an image without; write lists of category ids"
    case .unknownFrequency: "it belongs to no group; write r, c or f"
    case .malformedKeypoints, .otherKeypoints:
      "the object is kept without keypoints; correct them"
    case .missingKeypointCount: "points with a flag above 0 are counted; write it"
    case .duplicateID: "both count; give each an id of its own"
    case .zeroID: "the reference evaluator takes its match for a miss; number from 1"
    case .unknownImage, .unknownCategory: "it is left out; add what it names or remove it"
    case .missingBox: "the bounds of its mask are taken; write the box"
    case .emptyBox: "it is kept and cannot be matched by a box; correct the box"
    case .missingArea: "it is computed from the mask, or else the box; write the area"
    case .strangeArea: "no range of sizes holds it, so it is not scored; correct the area"
    case .missingCrowd: "it is taken for 0; write it"
    case .repeatedDetection: "all count, and the copies match nothing; remove them"
    case .malformedMask, .badRuns: "the object is kept without a mask; correct the mask"
    case .otherSize: "such a mask matches none of the image's size; correct the size"
    case .emptyMask: "it is kept and cannot be matched by a mask; correct the mask"
    case .shortPolygon, .farPolygon: "the polygon is left out; remove it"
    case .oddPolygon: "the last number is left out; remove it"
    case .repeatedVertex: "nothing needs to be done"
    case .implausibleBoxes:
      "they are taken as they are; write left, top, width and height in pixels of the image"
    }
  }
}

/// The faults of a COCO file: all are counted, and the first few of each kind described.
public struct CocoFindings: Sendable, Equatable {
  /// How many faults of one kind are described.
  public static let describedPerRule = 20

  /// Described faults in the order in which they were found.
  public private(set) var described: [DataFinding] = []
  private var countsByRule: [CocoRule: Int] = [:]

  /// How many faults of a kind there are.
  public func count(_ rule: CocoRule) -> Int { countsByRule[rule, default: 0] }

  /// Faults of all kinds.
  public var total: Int { countsByRule.values.reduce(0, +) }

  /// The worst severity found, or nil.
  public var worst: FindingSeverity? { countsByRule.keys.map(\.severity).max() }

  mutating func add(_ rule: CocoRule, in path: String, _ problem: @autoclosure () -> String) {
    let count = countsByRule[rule, default: 0]
    countsByRule[rule] = count + 1
    guard count < Self.describedPerRule else { return }
    described.append(
      DataFinding(
        path: path, rule: rule.rawValue, severity: rule.severity, problem: problem(),
        remedy: rule.remedy))
  }

  /// Forgets the faults of a kind that turned out to be none.
  mutating func forget(_ rule: CocoRule) {
    countsByRule[rule] = nil
    described.removeAll { $0.rule == rule.rawValue }
  }

  mutating func merge(_ other: CocoFindings) {
    for finding in other.described {
      guard let rule = CocoRule(rawValue: finding.rule) else { continue }
      let known = described.count { $0.rule == finding.rule }
      if known < Self.describedPerRule, count(rule) == known { described.append(finding) }
      countsByRule[rule, default: 0] += 1
    }
    for (rule, count) in other.countsByRule where count > Self.describedPerRule {
      countsByRule[rule, default: 0] += count - Self.describedPerRule
    }
  }

  /// What a reader of numbers must know of the errors, all in one sentence; nil where there are none.
  public var errorNote: String? {
    guard let first = described.first(where: { $0.severity == .error }) else { return nil }
    let errors = CocoRule.allCases.filter { $0.severity == .error }.reduce(0) { $0 + count($1) }
    let file = first.path.split(separator: "/").last.map(String.init) ?? first.path
    return "\(errors) \(errors == 1 ? "record" : "records") of \(file) had errors and "
      + "\(errors == 1 ? "was" : "were") left out in whole or in part; the first: \(first.problem)"
  }

  /// The faults for people, worst kind first: a few of each described, the others counted.
  public func text(describing limit: Int = 3) -> String {
    let rules = CocoRule.allCases.filter { count($0) > 0 }.sorted {
      ($1.severity, $0.rawValue) < ($0.severity, $1.rawValue)
    }
    var lines: [String] = []
    for rule in rules {
      let shown = described.filter { $0.rule == rule.rawValue }.prefix(limit)
      lines += shown.map(\.text)
      if count(rule) > shown.count {
        lines.append("… and \(count(rule) - shown.count) more of \(rule.rawValue)")
      }
    }
    return lines.joined(separator: "\n")
  }
}
