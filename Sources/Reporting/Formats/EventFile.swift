import FileSupport
import Foundation

/// Curves in the form that TensorBoard reads: TFRecord frames of `Event` messages.
///
///     length   8 bytes, little endian      masked crc32c of the length   4 bytes
///     message  `length` bytes              masked crc32c of the message  4 bytes
///
/// Only scalars are written, as `simple_value`. There is no wall time in a run whose bytes depend on
/// its protocol alone, so every event is at time 0 and TensorBoard's step axis is the one to use.
///
/// Source: tensorflow/core/lib/io/record_writer.cc, tensorflow/core/util/event.proto.
public struct EventFile: Sendable, Equatable {
  /// The file's bytes.
  public private(set) var bytes: [UInt8] = []

  /// A file without points.
  public init() {
    // Event { wall_time: 1 (double), file_version: 3 (string) }
    var event = Self.header(step: 0)
    Self.append(field: 3, text: "brain.Event:2", to: &event)
    append(event)
  }

  /// Adds a point of a curve.
  public mutating func add(tag: String, value: Double, step: Int) {
    // Summary.Value { tag: 1 (string), simple_value: 2 (float) }; Summary { value: 1 }
    var scalar: [UInt8] = []
    Self.append(field: 1, text: tag, to: &scalar)
    scalar.append(2 << 3 | 5)
    withUnsafeBytes(of: Float(value).bitPattern.littleEndian) { scalar += $0 }
    var summary: [UInt8] = []
    Self.append(field: 1, bytes: scalar, to: &summary)
    var event = Self.header(step: step)
    Self.append(field: 5, bytes: summary, to: &event)
    append(event)
  }

  /// The start of an `Event { wall_time: 1 (double), step: 2 (int64) }`.
  private static func header(step: Int) -> [UInt8] {
    var event: [UInt8] = [1 << 3 | 1]
    withUnsafeBytes(of: (0.0).bitPattern.littleEndian) { event += $0 }
    if step != 0 {
      event.append(2 << 3)
      append(varint: UInt64(bitPattern: Int64(step)), to: &event)
    }
    return event
  }

  private static func append(varint value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private static func append(field: Int, bytes content: [UInt8], to bytes: inout [UInt8]) {
    append(varint: UInt64(field << 3 | 2), to: &bytes)
    append(varint: UInt64(content.count), to: &bytes)
    bytes += content
  }

  private static func append(field: Int, text: String, to bytes: inout [UInt8]) {
    append(field: field, bytes: Array(text.utf8), to: &bytes)
  }

  private mutating func append(_ message: [UInt8]) {
    let length = withUnsafeBytes(of: UInt64(message.count).littleEndian) { Array($0) }
    for part in [length, message] {
      bytes += part
      withUnsafeBytes(of: Self.masked(Self.crc32c(part)).littleEndian) { bytes += $0 }
    }
  }

  /// The rotation and offset that TFRecord stores instead of the checksum itself.
  package static func masked(_ crc: UInt32) -> UInt32 { (crc >> 15 | crc << 17) &+ 0xA282_EAD8 }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
  }

  /// The CRC with Castagnoli's polynomial.
  package static func crc32c(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8 }
  }
}
