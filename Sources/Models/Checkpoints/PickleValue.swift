/// What an unpickled object can be. Nothing here runs code: a class that is not known becomes an
/// inert `opaque` object that remembers its name.
indirect enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case bytes([UInt8])
  case tuple([PickleValue])
  case list(PickleList)
  case dictionary(PickleDictionary)
  case global(String)
  case storage(PickleStorage)
  case tensor(PickleTensor)
  case opaque(PickleObject)

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
    case .tuple(let items): items
    case .list(let list): list.items
    default: nil
    }
  }

  var asIntegers: [Int]? {
    guard let items = asTuple else { return nil }
    let integers = items.compactMap(\.asInt)
    return integers.count == items.count ? integers : nil
  }
}

/// A list that the pickle may still extend after naming it.
final class PickleList {
  var items: [PickleValue] = []
}

/// A dictionary in its order of insertion.
final class PickleDictionary {
  var pairs: [(key: PickleValue, value: PickleValue)] = []
}

/// An instance of a class that this reader does not know; holds what was put into it.
final class PickleObject {
  let name: String
  var contents = PickleDictionary()
  init(_ name: String) { self.name = name }
}

/// A block of numbers that tensors are views of.
final class PickleStorage {
  let key: String
  let type: StoredType
  let count: Int
  init(key: String, type: StoredType, count: Int) {
    self.key = key
    self.type = type
    self.count = count
  }
}

/// A strided view of a storage; offset and strides count elements.
struct PickleTensor {
  let storage: PickleStorage
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}

/// Where and why unpickling stopped.
struct PickleError: Error {
  let offset: Int
  let problem: String
}
