import CommandLine
import FileSupport
import TensorCore
import Threads

extension Precision: OptionChoice {}
extension ProductLibrary: OptionChoice {}

/// Settings of every program that makes runs.
public struct RunOptions: Sendable {
  /// Threads and silence.
  public var engine = EngineOptions()
  /// Where runs are kept, and what they need again.
  public var output = "reports/runs"
  public var cache = "reports/cache"
  /// Whether a run begins again whatever is there.
  public var restarts = false
  /// Whether the settings are printed and nothing is done.
  public var isDryRun = false
  /// Whether results are printed as JSON.
  public var isJSON = false

  /// The numbers that matrix products multiply, and who multiplies them.
  public var precision = Precision.f32
  public var products = ProductLibrary.own

  /// Every setting at its default.
  public init() {}

  /// The options.
  public static var table: OptionTable<RunOptions> {
    OptionTable()
      .options(EngineOptions.table, at: \.engine)
      .option(
        "precision", \.precision, value: "name", .run,
        "Numbers that matrix products multiply: f32, or bf16, which is faster where the processor "
          + "has instructions for it, and another run."
      )
      .option(
        "products", \.products, value: "name", .run,
        "Who multiplies matrices: own, with the same bits on every processor, or openblas."
      )
      .flag(
        "restart", \.restarts, .run,
        "Begin again whatever is there: runs, results, features, checks."
      )
      .flag("dry-run", \.isDryRun, .run, "Print the settings and stop.")
      .option("output", \.output, value: "folder", .output, "Where runs are kept.")
      .option(
        "cache", \.cache, value: "folder", .output,
        "Where data checks, features and backbones are kept."
      )
      .flag("json", \.isJSON, .output, "Print the results as JSON.")
  }
}

extension RunOptions {
  /// What cannot be computed with as wished.
  package struct ArithmeticError: ReportableError {
    package let description: String
    package let exitCode: ExitCode
  }

  /// Takes silence, processes, threads and arithmetic over for the process.
  ///
  /// - Throws: `ArithmeticError` for what this machine cannot, or only more slowly;
  ///   `ProcessStartError` where other processes cannot be joined.
  package func apply() throws {
    try engine.join()
    guard precision == .f32 || products == .own else {
      throw ArithmeticError(
        description: "--precision bf16 is for our own products; leave --products openblas out.",
        exitCode: .usage)
    }
    if let problem = ProductLibrary.use(products) {
      throw ArithmeticError(
        description: "--products openblas: \(problem).", exitCode: .internalFailure)
    }
    if let problem = Precision.use(precision) {
      throw ArithmeticError(
        description: "--precision bf16: \(problem); leave it out.", exitCode: .usage)
    }
  }
}

/// With what a process multiplies matrices, for records and start lines.
package enum Arithmetic {
  /// What decides numbers: nothing by default, since our own products in single precision give the
  /// same bits everywhere.
  package static var settings: [String: String] {
    var settings: [String: String] = [:]
    // Attention was in single precision at first, and gave other numbers.
    if Precision.current != .f32 {
      settings["precision"] = "\(Precision.current.rawValue), attention too"
    }
    if ProductLibrary.current != .own {
      settings["products"] = "\(ProductLibrary.current.rawValue) \(BLAS.coreName)"
    }
    return settings
  }

  /// One line of the whole.
  package static var summary: String {
    switch ProductLibrary.current {
    case .own: "own products (\(Instructions.current)), \(Precision.current.rawValue)"
    case .openblas: "OpenBLAS core \(BLAS.coreName), f32"
    }
  }
}
