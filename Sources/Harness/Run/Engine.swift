import FileSupport
import TensorCore

/// What every program that computes needs before it starts.
enum Engine {
  /// The machine lacks a library that computing needs.
  struct LoadingError: ReportableError {
    let description: String
    var exitCode: ExitCode { .internalFailure }
  }

  /// Makes sure that the matrix products can be loaded.
  ///
  /// - Throws: `LoadingError` when OpenBLAS is not installed.
  static func check() throws(LoadingError) {
    if let problem = BLAS.loadingError { throw LoadingError(description: "\(problem).") }
  }
}
