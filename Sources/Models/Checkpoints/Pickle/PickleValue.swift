/// What an unpickled object can be.
///
/// Nothing here runs code: a class that is not known becomes an inert `opaque` object that
/// remembers its name.
indirect enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case bytes([UInt8])
  case tuple(PickleTuple)
  case list(PickleList)
  case dictionary(PickleDictionary)
  case global(String)
  case storage(PickleStorage)
  case tensor(PickleTensor)
  case opaque(PickleObject)

  /// What it is where a tensor is looked for.
  var kindOfNoTensor: String? {
    switch self {
    case .tensor: nil
    case .none: "None"
    case .list, .tuple: "a list"
    case .opaque(let object): "an object of \(object.name)"
    default: nil
    }
  }

  var asInt: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  var asString: String? {
    if case .string(let value) = self { value } else { nil }
  }

  var asTuple: [PickleValue]? {
    switch self {
    case .tuple(let tuple): tuple.items
    case .list(let list): list.items
    default: nil
    }
  }

  var asIntegers: [Int]? {
    guard let items = asTuple else { return nil }
    let integers = items.compactMap(\.asInt)
    return integers.count == items.count ? integers : nil
  }

  /// Tuples inside tuples, from 1; other values end the count.
  var tupleDepth: Int {
    if case .tuple(let tuple) = self { tuple.depth } else { 0 }
  }
}

/// A tuple; it cannot change, so it cannot contain itself.
final class PickleTuple {
  let items: [PickleValue]
  let depth: Int

  init(_ items: [PickleValue]) {
    self.items = items
    depth = 1 + (items.map(\.tupleDepth).max() ?? 0)
  }
}

/// What a pickle may still change after naming it, and so may contain itself.
protocol PickleContainer: AnyObject {
  /// Lets go of the contents, so that chains and circles of any length end without recursion.
  func clear()
}

/// A list, or a set in its order of insertion.
final class PickleList: PickleContainer {
  var items: [PickleValue] = []
  func clear() { items = [] }
}

/// A dictionary in its order of insertion.
final class PickleDictionary: PickleContainer {
  var pairs: [(key: PickleValue, value: PickleValue)] = []
  func clear() { pairs = [] }
}

/// An instance of a class that this reader does not know; holds what was put into it.
final class PickleObject: PickleContainer {
  let name: String
  var contents = PickleDictionary()
  init(_ name: String) { self.name = name }
  func clear() { contents.clear() }
}

/// A block of numbers that tensors are views of.
final class PickleStorage {
  let key: String
  /// How its numbers are encoded, by the name that PyTorch gives the storage; nil for bytes whose
  /// meaning each tensor says.
  let typeName: String?
  /// Numbers, or bytes where the storage has no type of its own.
  let count: Int

  init(key: String, typeName: String?, count: Int) {
    self.key = key
    self.typeName = typeName
    self.count = count
  }

  /// Bytes in the file, or nil when the type is unknown or the size cannot be.
  var byteCount: Int? {
    guard let typeName else { return count }
    guard let size = PickleStorage.sizes[typeName] else { return nil }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    return overflow ? nil : bytes
  }

  /// Bytes of one number of each storage class of PyTorch, also of those that are not read.
  static let sizes: [String: Int] = [
    "Float": 4, "Double": 8, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1,
    "Byte": 1, "Bool": 1, "ComplexFloat": 8, "ComplexDouble": 16, "QInt8": 1, "QUInt8": 1,
    "QInt32": 4, "QUInt4x2": 1, "QUInt2x4": 1,
  ]
}

/// A strided view of a storage; offset and strides count elements.
struct PickleTensor {
  let storage: PickleStorage
  /// PyTorch's name of the numbers' type, `Float` or `float8_e4m3fn`.
  let typeName: String
  /// The type when it is one that is read.
  let type: StoredType?
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}

/// Where and why unpickling stopped.
struct PickleError: Error {
  let offset: Int
  let problem: String
  /// Whether the pickle may be sound and only is not read.
  var isUnsupported = false
}
