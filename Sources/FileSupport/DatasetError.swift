/// What is wrong with the layout of a data set.
public struct DatasetError: ReportableError, Equatable {
  /// The folder or file.
  public let path: String
  /// What is wrong with it.
  public let problem: String
  /// What the user can do.
  public let remedy: String
  public let exitCode: ExitCode

  /// Describes a fault in a data set.
  public init(path: String, problem: String, remedy: String, exitCode: ExitCode = .badData) {
    self.path = path
    self.problem = problem
    self.remedy = remedy
    self.exitCode = exitCode
  }

  public var description: String { "\(path): \(problem); \(remedy)." }
}
