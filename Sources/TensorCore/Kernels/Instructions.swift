import CProduct

/// The instructions that matrix products use, chosen when the program starts.
///
/// Every choice gives the same bits; they differ in speed alone.
public enum Instructions: Int, Sendable, Comparable, CaseIterable {
  /// What the compiler was told to build for.
  case portable = 0
  /// 256-bit vectors.
  case avx2 = 1
  /// 512-bit vectors.
  case avx512 = 2

  /// The best that this processor has.
  public static var best: Instructions { named(cp_best_level()) }

  /// What is in use now.
  public static var current: Instructions { named(cp_level()) }

  /// Goes on with these, or with the nearest that this processor has.
  ///
  /// - Returns: What is in use then.
  @discardableResult
  public static func use(_ wanted: Instructions) -> Instructions {
    named(cp_use(Int32(wanted.rawValue)))
  }

  private static func named(_ level: Int32) -> Instructions {
    Instructions(rawValue: Int(level)) ?? .portable
  }

  public static func < (a: Instructions, b: Instructions) -> Bool { a.rawValue < b.rawValue }
}
