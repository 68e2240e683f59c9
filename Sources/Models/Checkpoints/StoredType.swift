import Foundation

/// How the numbers of a stored tensor are encoded, little-endian; the names are safetensors' own.
public enum StoredType: String, Sendable, CaseIterable {
  case float32 = "F32"
  case float64 = "F64"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case float8E4M3 = "F8_E4M3"
  case float8E5M2 = "F8_E5M2"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint64 = "U64"
  case uint32 = "U32"
  case uint16 = "U16"
  case uint8 = "U8"
  case bool = "BOOL"

  /// Bytes of one number.
  public var size: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .float8E4M3, .float8E5M2, .int8, .uint8, .bool: 1
    }
  }

  /// Whether it has no fractions.
  var isWhole: Bool {
    switch self {
    case .float32, .float64, .float16, .bfloat16, .float8E4M3, .float8E5M2: false
    case .int64, .int32, .int16, .int8, .uint64, .uint32, .uint16, .uint8, .bool: true
    }
  }

  /// The type by PyTorch's name of it: that of a storage class without the word Storage, or of a
  /// data type.
  ///
  /// Nil for those that are not read, such as complex and quantised numbers.
  init?(torchName: String) {
    switch torchName {
    case "Float", "float32": self = .float32
    case "Double", "float64": self = .float64
    case "Half", "float16": self = .float16
    case "BFloat16", "bfloat16": self = .bfloat16
    case "float8_e4m3fn": self = .float8E4M3
    case "float8_e5m2": self = .float8E5M2
    case "Long", "int64": self = .int64
    case "Int", "int32": self = .int32
    case "Short", "int16": self = .int16
    case "Char", "int8": self = .int8
    case "uint64": self = .uint64
    case "uint32": self = .uint32
    case "uint16": self = .uint16
    case "Byte", "uint8": self = .uint8
    case "Bool", "bool": self = .bool
    default: return nil
    }
  }

  /// A function that reads the number at an index as single precision; 64-bit ones are rounded.
  func reader(_ bytes: UnsafeRawBufferPointer) -> (Int) -> Float {
    func load<T>(_ index: Int, _: T.Type) -> T {
      bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: T.self)
    }
    return switch self {
    case .float32: { load($0, Float.self) }
    case .float64: { Float(load($0, Double.self)) }
    case .float16: { Self.half(load($0, UInt16.self)) }
    case .bfloat16: { Float(bitPattern: UInt32(load($0, UInt16.self)) << 16) }
    case .float8E4M3: { Self.quarter(load($0, UInt8.self)) }
    // The upper byte of a half-precision number.
    case .float8E5M2: { Self.half(UInt16(load($0, UInt8.self)) << 8) }
    case .int64: { Float(load($0, Int64.self)) }
    case .int32: { Float(load($0, Int32.self)) }
    case .int16: { Float(load($0, Int16.self)) }
    case .int8: { Float(load($0, Int8.self)) }
    case .uint64: { Float(load($0, UInt64.self)) }
    case .uint32: { Float(load($0, UInt32.self)) }
    case .uint16: { Float(load($0, UInt16.self)) }
    case .uint8: { Float(load($0, UInt8.self)) }
    case .bool: { load($0, UInt8.self) == 0 ? 0 : 1 }
    }
  }

  /// A half-precision number by its bits (Swift's Float16 is missing on some processors).
  static func half(_ bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10 & 0x1F)
    let fraction = UInt32(bits & 0x3FF)
    switch exponent {
    case 0:
      let magnitude = Float(fraction) * 0x1p-24
      return sign == 0 ? magnitude : -magnitude
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }

  /// An 8-bit number with four bits of exponent and three of fraction; it knows no infinity.
  ///
  /// Source: "FP8 Formats for Deep Learning" (arXiv 2209.05433), E4M3.
  static func quarter(_ bits: UInt8) -> Float {
    let (exponent, fraction) = (Int(bits >> 3 & 0xF), Float(bits & 7))
    if bits & 0x7F == 0x7F { return .nan }
    let magnitude =
      exponent == 0
      ? fraction * 0x1p-9
      : Float(sign: .plus, exponent: exponent - 7, significand: 1 + fraction / 8)
    return bits & 0x80 == 0 ? magnitude : -magnitude
  }
}
