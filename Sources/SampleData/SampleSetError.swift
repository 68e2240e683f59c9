import FileSupport

extension SampleSetError: ReportableError {
  public var exitCode: ExitCode {
    switch self {
    case .badSetting: .usage
    case .occupied, .unwritable: .cannotWrite
    }
  }
}
