/// How bad a finding is.
public enum FindingSeverity: String, Sendable, Comparable, Codable {
  /// Worth knowing.
  case note
  /// May spoil numbers.
  case warning
  /// A run would stop or be wrong.
  case error

  private var order: Int { self == .note ? 0 : self == .warning ? 1 : 2 }

  /// Notes before warnings before errors.
  public static func < (a: FindingSeverity, b: FindingSeverity) -> Bool { a.order < b.order }
}

/// One fault of a data set: which file, which rule, what is wrong and what to do.
public struct DataFinding: Sendable, Equatable, Codable {
  /// The file or folder, relative to the data set.
  public let path: String
  /// The rule's name, which stays the same from version to version.
  public let rule: String
  /// How bad it is.
  public let severity: FindingSeverity
  /// What is wrong.
  public let problem: String
  /// What the user can do.
  public let remedy: String

  /// Describes a fault.
  public init(
    path: String, rule: String, severity: FindingSeverity, problem: String, remedy: String
  ) {
    self.path = path
    self.rule = rule
    self.severity = severity
    self.problem = problem
    self.remedy = remedy
  }

  /// The finding as a line; names in it come from outside and may hold line ends.
  public var text: String {
    "\(severity.rawValue)  \(rule)  \(path): \(problem); \(remedy)".onOneLine
  }
}

/// Everything that was found in a data set.
public struct DataCheckReport: Sendable, Equatable, Codable {
  /// Images of both splits, and how many of them were opened.
  public var imageCount = 0, openedCount = 0
  /// Classes of the training split.
  public var classCount = 0
  /// Faults, worst first, then by path.
  public var findings: [DataFinding] = []

  /// The report of nothing.
  public init() {}

  /// This and what another check of the same folder found.
  public func joined(_ other: DataCheckReport) -> DataCheckReport {
    var both = self
    both.imageCount += other.imageCount
    both.openedCount += other.openedCount
    both.classCount = max(classCount, other.classCount)
    both.findings = (findings + other.findings).sorted {
      ($1.severity, $0.path, $0.rule) < ($0.severity, $1.path, $1.rule)
    }
    return both
  }

  /// The worst severity found, or nil.
  public var worst: FindingSeverity? { findings.map(\.severity).max() }

  /// A table of the faults for people; long lists of one rule are cut short.
  public var text: String {
    var lines = [
      "\(imageCount) images, \(classCount) classes, \(openedCount) images opened: "
        + (findings.isEmpty ? "nothing found" : "\(findings.count) findings")
    ]
    var shown: [String: Int] = [:]
    for finding in findings {
      let count = shown[finding.rule, default: 0]
      shown[finding.rule] = count + 1
      guard count < 10 else { continue }
      lines.append(finding.text)
    }
    for (rule, count) in shown.sorted(by: { $0.key < $1.key }) where count > 10 {
      lines.append("… and \(count - 10) more of \(rule)")
    }
    return lines.joined(separator: "\n")
  }
}
