import CProduct
import Dispatch
import Synchronization

/// The numbers that matrix products multiply.
///
/// Sums, normalisations, softmax, convolutions of heads, similarities, losses, weights and their
/// moments are in single precision whatever is chosen here.
public enum Precision: String, Sendable, CaseIterable {
  /// Single precision.
  case f32
  /// Operands rounded to bfloat16 (eight bits of mantissa), added up in single precision.
  case bf16

  private static let isHalved = Atomic<Bool>(false)

  /// What products of linear maps and of attention use now, in the whole process.
  public static var current: Precision { isHalved.load(ordering: .relaxed) ? .bf16 : .f32 }

  /// Why this processor should not use a precision, or nil when it may.
  public static func problem(with wanted: Precision) -> String? {
    guard wanted == .bf16 else { return nil }
    guard cp_has_bf16() != 0 else {
      return "this processor has no instructions for bfloat16 (AVX512_BF16)"
    }
    let gain = measuredGain()
    guard gain > 1 else {
      let percent = Int((100 * gain).rounded())
      return "on this processor bfloat16 reaches \(percent) % of the speed of single precision"
    }
    return nil
  }

  /// Goes on in this precision.
  ///
  /// - Returns: Why this processor should not, or nil when it does.
  public static func use(_ wanted: Precision) -> String? {
    if let problem = problem(with: wanted) { return problem }
    isHalved.store(wanted == .bf16, ordering: .relaxed)
    return nil
  }

  /// How much faster a product of a network's usual size is in bfloat16: the best of a few runs of
  /// a millisecond each.
  private static func measuredGain() -> Double {
    let (rows, depth, columns) = (196, 384, 384)
    let a = Storage(count: rows * depth)
    let c = Storage(count: rows * columns)
    a.pointer.update(repeating: 1, count: a.count)
    let weight = Tensor(repeating: 1, shape: [columns, depth])
    func seconds(_ precision: Precision) -> Double {
      let packed = PackedMatrix(
        weight.pointer, depth: depth, columns: columns, isTransposed: true, precision: precision)
      return (0..<8).map { _ in
        let start = DispatchTime.now().uptimeNanoseconds
        Product.block(
          Product.Left(start: a.pointer, row: depth), packed.right, rows: rows, columns: columns,
          depth: depth, into: c.pointer, row: columns)
        return Double(DispatchTime.now().uptimeNanoseconds - start)
      }.min() ?? 1
    }
    let single = seconds(.f32)
    return single / seconds(.bf16)
  }
}
