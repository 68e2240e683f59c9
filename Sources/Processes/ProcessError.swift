import FileSupport

/// The work cannot be shared by as many processes as were started.
public struct ProcessCountError: ReportableError, Equatable {
  /// How many there are.
  public let size: Int
  /// How many there may be.
  public let allowed: [Int]
  /// Why.
  public let reason: String?
  /// What else would do.
  public let remedies: [String]

  /// Describes a refusal.
  public init(size: Int, allowed: [Int], reason: String? = nil, remedies: [String] = []) {
    self.size = size
    self.allowed = allowed
    self.reason = reason
    self.remedies = remedies
  }

  public var exitCode: ExitCode { .usage }
  public var description: String {
    let last = allowed.last.map(String.init) ?? "1"
    let others = allowed.dropLast().map(String.init).joined(separator: ", ")
    // What a program lacks the options for is left out of the end of a sentence, so that the cause
    // stands before.
    return "the work cannot be shared by \(size) processes with the same sums"
      + (reason.map { ": \($0)" } ?? "") + "; "
      + (["start " + (others.isEmpty ? last : "\(others) or \(last)") + " of them"] + remedies)
      .joined(separator: ", or ") + "."
  }

  /// The powers of two up to the first that is larger.
  static func powersOfTwo(around size: Int) -> [Int] {
    var powers = [1]
    while let last = powers.last, last <= size, last < 1 << 30 { powers.append(last * 2) }
    return powers
  }
}

/// Several processes were started for work that one does.
public struct SoloWorkError: ReportableError, Equatable {
  let launcher: String

  public var exitCode: ExitCode { .usage }
  public var description: String {
    "this command works in one process, and \(launcher) started several; run it without."
  }
}
