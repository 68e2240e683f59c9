import FileSupport
import Foundation

/// Why a checkpoint could not be read, or does not fit.
public struct CheckpointError: ReportableError, Equatable {
  /// The file.
  public let path: String
  /// What is wrong, and where in the file.
  public let problem: String
  /// What the user can do.
  public let remedy: String
  public let exitCode: ExitCode

  /// Describes a fault of a checkpoint.
  public init(
    path: String, problem: String, remedy: String = "download or copy the file again",
    exitCode: ExitCode = .badData
  ) {
    self.path = path
    self.problem = problem
    self.remedy = remedy
    self.exitCode = exitCode
  }

  public var description: String { "\(path): \(problem); \(remedy)." }
}

/// A tensor inside a checkpoint file; its numbers stay in the file until they are asked for.
public struct StoredTensor: Sendable {
  /// Lengths of the axes, outermost first.
  public let shape: [Int]
  /// How the numbers are encoded.
  public let type: StoredType
  private let source: Source
  private let offset: Int
  private let strides: [Int]

  private enum Source: Sendable {
    case file(FileBytes, Range<Int>)
    case memory([UInt8])
  }

  /// The product of the shape.
  public var elementCount: Int { checkedCount(shape) ?? 0 }

  /// A view of `bytes` in a file; offset and strides count elements.
  ///
  /// - Precondition: the view lies inside the range (readers check and throw first).
  init(
    shape: [Int], type: StoredType, file: FileBytes, range: Range<Int>, offset: Int = 0,
    strides: [Int]? = nil
  ) {
    self.shape = shape
    self.type = type
    source = .file(file, range)
    self.offset = offset
    self.strides = strides ?? Self.contiguousStrides(shape)
  }

  /// A view of bytes in memory; offset and strides count elements.
  init(
    shape: [Int], type: StoredType, bytes: [UInt8], offset: Int = 0, strides: [Int]? = nil
  ) {
    self.shape = shape
    self.type = type
    source = .memory(bytes)
    self.offset = offset
    self.strides = strides ?? Self.contiguousStrides(shape)
  }

  /// A tensor of single-precision numbers in memory.
  public init(shape: [Int], values: [Float]) {
    self.init(shape: shape, type: .float32, bytes: values.withUnsafeBytes { Array($0) })
  }

  static func contiguousStrides(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in stride(from: shape.count - 2, through: 0, by: -1) {
      // Without elements nothing is reached by them, and lengths may be anything.
      strides[axis] = strides[axis + 1] &* shape[axis + 1]
    }
    return strides
  }

  /// The numbers in row-major order as single precision; 64-bit ones are rounded.
  public func floats() -> [Float] {
    switch source {
    case .file(let file, let range):
      return convert(UnsafeRawBufferPointer(rebasing: file.bytes[range]))
    case .memory(let bytes):
      return bytes.withUnsafeBytes { convert($0) }
    }
  }

  /// Whether both hold the same numbers.
  func holdsSame(as other: StoredTensor) -> Bool {
    shape == other.shape && floats() == other.floats()
  }

  private func convert(_ bytes: UnsafeRawBufferPointer) -> [Float] {
    let count = elementCount
    guard count > 0 else { return [] }
    let isContiguous = strides == Self.contiguousStrides(shape)
    let at: [Int] = isContiguous ? [] : elementOffsets()
    return [Float](unsafeUninitializedCapacity: count) { out, filled in
      filled = count
      if isContiguous, type == .float32, let base = bytes.baseAddress, let target = out.baseAddress
      {
        memcpy(target, base + offset * 4, count * 4)
        return
      }
      let read = type.reader(bytes)
      if isContiguous {
        for i in 0..<count { out[i] = read(offset + i) }
      } else {
        for i in 0..<count { out[i] = read(offset + at[i]) }
      }
    }
  }

  private func elementOffsets() -> [Int] {
    var offsets = [0]
    for (length, stride) in zip(shape, strides) {
      offsets = offsets.flatMap { base in (0..<length).map { base + $0 * stride } }
    }
    return offsets
  }
}

/// The product of a shape, or nil when a length is negative or the product of the non-zero
/// lengths overflows.
func checkedCount(_ shape: [Int]) -> Int? {
  var product = 1
  for length in shape {
    guard length >= 0 else { return nil }
    let (next, overflow) = product.multipliedReportingOverflow(by: max(1, length))
    guard !overflow else { return nil }
    product = next
  }
  return shape.contains(0) ? 0 : product
}

/// Whether a view repeats so many of `count` elements that it is not read: a few bytes could claim
/// all memory.
///
/// It may name 64 million, or four times as many as there are.
func viewRepeats(shape: [Int], count: Int) -> Bool {
  guard let total = checkedCount(shape) else { return true }
  return total > 1 << 26 && total / 4 > count
}

/// Whether a strided view stays inside `count` elements.
func viewFits(shape: [Int], strides: [Int], offset: Int, count: Int) -> Bool {
  guard shape.count == strides.count, offset >= 0, strides.allSatisfy({ $0 >= 0 }),
    shape.allSatisfy({ $0 >= 0 })
  else { return false }
  if shape.contains(0) { return true }
  var last = offset
  for (length, stride) in zip(shape, strides) {
    let (span, overflow) = (length - 1).multipliedReportingOverflow(by: stride)
    let (sum, overflow2) = last.addingReportingOverflow(span)
    guard !overflow, !overflow2 else { return false }
    last = sum
  }
  return last < count
}
