import Foundation
import TensorCore

/// The numbers of a committed safetensors file, by key.
///
/// A reader for fixtures only, apart from the one under test: eight bytes of header length, the
/// header as JSON, then the raw little-endian numbers.
public struct SafetensorsFixture {
  /// Why a fixture could not be read.
  public struct Failure: Error, CustomStringConvertible {
    /// One sentence: file, key and problem.
    public let description: String
  }

  private struct Entry: Decodable {
    let dtype: String
    let shape: [Int]
    let offsets: [Int]

    private enum CodingKeys: String, CodingKey {
      case dtype, shape
      case offsets = "data_offsets"
    }
  }

  private let path: String
  private let entries: [String: Entry]
  private let data: Data

  /// Reads a committed fixture.
  ///
  /// - Parameter name: Its path under `Tests/Fixtures`, for example `Layers/training.safetensors`.
  public init(_ name: String) throws {
    path = SourceTree.fixture(name)
    let file = try Data(contentsOf: URL(fileURLWithPath: path))
    guard file.count >= 8 else { throw Failure(description: "\(path): shorter than its header.") }
    let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(file.count - 8) else {
      throw Failure(description: "\(path): a header of \(length) bytes does not fit the file.")
    }
    let end = 8 + Int(length)
    entries = try JSONDecoder().decode([String: Entry].self, from: file[8..<end])
    data = file[end...]
  }

  /// All keys, sorted.
  public var keys: [String] { entries.keys.sorted() }

  /// The shape of one array.
  public func shape(_ key: String) throws -> [Int] { try entry(key).shape }

  /// The numbers of one array of single or double precision, in row-major order.
  public func values(_ key: String) throws -> [Double] {
    let entry = try entry(key)
    let count = entry.shape.reduce(1, *)
    let size = entry.dtype == "F64" ? 8 : 4
    guard ["F32", "F64"].contains(entry.dtype), entry.offsets.count == 2,
      entry.offsets[0] >= 0, entry.offsets[1] - entry.offsets[0] == count * size,
      entry.offsets[1] <= data.count
    else {
      throw Failure(
        description: "\(path): '\(key)' of type \(entry.dtype) and shape \(entry.shape) does not "
          + "lie at bytes \(entry.offsets) of \(data.count).")
    }
    return data.withUnsafeBytes { bytes in
      (0..<count).map { index in
        let at = entry.offsets[0] + index * size
        return size == 8
          ? bytes.loadUnaligned(fromByteOffset: at, as: Double.self)
          : Double(bytes.loadUnaligned(fromByteOffset: at, as: Float.self))
      }
    }
  }

  /// One array as a tensor.
  public func tensor(_ key: String) throws -> Tensor {
    Tensor(try values(key).map { Float($0) }, shape: try shape(key))
  }

  private func entry(_ key: String) throws -> Entry {
    guard let entry = entries[key] else {
      throw Failure(description: "\(path): there is no '\(key)'.")
    }
    return entry
  }
}
