import Synchronization

/// Who multiplies matrices.
public enum ProductLibrary: String, Sendable, CaseIterable {
  /// Our own kernels: the same bits on every processor.
  case own
  /// OpenBLAS, whose bits depend on the kernels that it chooses for a processor.
  case openblas

  private static let isForeign = Atomic<Bool>(false)

  /// Who does it now, in the whole process.
  public static var current: ProductLibrary {
    isForeign.load(ordering: .relaxed) ? .openblas : .own
  }

  /// Goes on with this one.
  ///
  /// - Returns: Why that cannot be, or nil when it is so.
  public static func use(_ wanted: ProductLibrary) -> String? {
    if wanted == .openblas, let problem = BLAS.loadingError { return problem }
    isForeign.store(wanted == .openblas, ordering: .relaxed)
    return nil
  }
}
