import Foundation

/// Rebuilds the objects of a pickle without executing anything.
///
/// Understands the opcodes that PyTorch writes (protocol 2) and the few more that old files and
/// protocol 4 bring. Every count is checked against the bytes that are left, the memo and the
/// stack are bounded, and classes are never looked up.
struct Unpickler {
  private let bytes: UnsafeRawBufferPointer
  private(set) var at: Int
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private static let limit = 4_000_000

  init(_ bytes: UnsafeRawBufferPointer, at start: Int = 0) {
    self.bytes = bytes
    at = start
  }

  /// Reads one pickle up to its STOP; `at` is then the offset behind it.
  mutating func load() throws(PickleError) -> PickleValue {
    stack = []
    marks = []
    memo = [:]
    while true {
      let opcode = try byte()
      if opcode == 0x2E {
        guard let result = stack.last else { throw fault("ends without a value") }
        return result
      }
      try execute(opcode)
      guard stack.count < Self.limit, memo.count < Self.limit else {
        throw fault("has more objects than any checkpoint")
      }
    }
  }

  private func fault(_ problem: String) -> PickleError { PickleError(offset: at, problem: problem) }

  private mutating func execute(_ opcode: UInt8) throws(PickleError) {
    switch opcode {
    case 0x80: _ = try byte()  // PROTO
    case 0x95: _ = try take(8)  // FRAME
    case 0x28: marks.append(stack.count)  // MARK
    case 0x4E: stack.append(.none)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case 0x4A: stack.append(.int(Int(Int32(truncatingIfNeeded: try integer(4)))))
    case 0x4B: stack.append(.int(try integer(1)))
    case 0x4D: stack.append(.int(try integer(2)))
    case 0x8A: stack.append(try long(count: try integer(1)))
    case 0x8B: stack.append(try long(count: try integer(4)))
    case 0x47:  // BINFLOAT is big-endian
      let bits = try take(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      stack.append(.float(Double(bitPattern: bits)))
    case 0x58: stack.append(.string(try text(try integer(4))))
    case 0x8C: stack.append(.string(try text(try integer(1))))
    case 0x8D: stack.append(.string(try text(try integer(8))))
    case 0x54: stack.append(.string(try text(try integer(4))))
    case 0x55: stack.append(.string(try text(try integer(1))))
    case 0x42: stack.append(.bytes(try take(try integer(4))))
    case 0x43: stack.append(.bytes(try take(try integer(1))))
    case 0x7D: stack.append(.dictionary(PickleDictionary()))
    case 0x5D: stack.append(.list(PickleList()))
    case 0x8F: stack.append(.list(PickleList()))  // EMPTY_SET
    case 0x29: stack.append(.tuple([]))
    case 0x74: stack.append(.tuple(try popToMark()))
    case 0x85: stack.append(.tuple(try pop(1)))
    case 0x86: stack.append(.tuple(try pop(2)))
    case 0x87: stack.append(.tuple(try pop(3)))
    case 0x61:
      let items = try pop(1)
      try append(items)
    case 0x65, 0x90:  // APPENDS, ADDITEMS
      let items = try popToMark()
      try append(items)
    case 0x73:
      let items = try pop(2)
      try set(items)
    case 0x75:
      let items = try popToMark()
      try set(items)
    case 0x71: memo[try integer(1)] = try top()
    case 0x72: memo[try integer(4)] = try top()
    case 0x94: memo[memo.count] = try top()
    case 0x68: try recall(try integer(1))
    case 0x6A: try recall(try integer(4))
    case 0x30: _ = try pop(1)
    case 0x31: _ = try popToMark()
    case 0x32: stack.append(try top())
    case 0x63: stack.append(.global("\(try line()).\(try line())"))
    case 0x93:
      let names = try pop(2)
      stack.append(.global("\(names[0].asString ?? "?").\(names[1].asString ?? "?")"))
    case 0x52: try reduce()
    case 0x81: try reduce()  // NEWOBJ builds like a call
    case 0x62: try build()
    case 0x51: stack.append(try persistent(try pop(1)[0]))
    default:
      throw fault(
        "uses pickle opcode 0x\(String(opcode, radix: 16)), which checkpoints do not need")
    }
  }

  // MARK: Bytes

  private mutating func byte() throws(PickleError) -> UInt8 {
    guard at < bytes.count else { throw fault("is cut off") }
    defer { at += 1 }
    return bytes[at]
  }

  private mutating func take(_ count: Int) throws(PickleError) -> [UInt8] {
    guard count >= 0, count <= bytes.count - at else { throw fault("is cut off") }
    defer { at += count }
    return Array(bytes[at..<at + count])
  }

  private mutating func integer(_ size: Int) throws(PickleError) -> Int {
    let value = try take(size).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int(truncatingIfNeeded: value)
  }

  private mutating func long(count: Int) throws(PickleError) -> PickleValue {
    let digits = try take(count)
    guard let top = digits.last else { return .int(0) }
    guard count <= 8 else { return .bytes(digits) }  // larger than any size or count
    var value: UInt64 = top & 0x80 == 0 ? 0 : ~0
    for digit in digits.reversed() { value = value << 8 | UInt64(digit) }
    return .int(Int(truncatingIfNeeded: value))
  }

  private mutating func text(_ count: Int) throws(PickleError) -> String {
    String(decoding: try take(count), as: UTF8.self)
  }

  private mutating func line() throws(PickleError) -> String {
    let start = at
    while try byte() != 0x0A {}
    return String(decoding: bytes[start..<at - 1], as: UTF8.self)
  }

  // MARK: Stack

  private func top() throws(PickleError) -> PickleValue {
    guard let value = stack.last else { throw fault("takes from an empty stack") }
    return value
  }

  private mutating func pop(_ count: Int) throws(PickleError) -> [PickleValue] {
    guard stack.count >= count else { throw fault("takes from an empty stack") }
    let items = Array(stack.suffix(count))
    stack.removeLast(count)
    return items
  }

  private mutating func popToMark() throws(PickleError) -> [PickleValue] {
    guard let mark = marks.popLast(), mark <= stack.count else {
      throw fault("closes a group that was not opened")
    }
    return try pop(stack.count - mark)
  }

  private mutating func recall(_ key: Int) throws(PickleError) {
    guard let value = memo[key] else { throw fault("refers to object \(key), which is not there") }
    stack.append(value)
  }

  private func append(_ items: [PickleValue]) throws(PickleError) {
    switch try top() {
    case .list(let list): list.items += items
    case .opaque: break
    default: throw fault("appends to something that is no list")
    }
  }

  private func set(_ items: [PickleValue]) throws(PickleError) {
    guard items.count % 2 == 0 else { throw fault("sets a key without a value") }
    let target: PickleDictionary
    switch try top() {
    case .dictionary(let dictionary): target = dictionary
    case .opaque(let object): target = object.contents
    default: throw fault("sets a key of something that is no dictionary")
    }
    for at in stride(from: 0, to: items.count, by: 2) {
      target.pairs.append((items[at], items[at + 1]))
    }
  }

  // MARK: Objects

  private mutating func build() throws(PickleError) {
    let state = try pop(1)[0]
    // A state dictionary's `_metadata` says nothing that is needed; an object's state is kept.
    if case .opaque(let object) = try top(), case .dictionary(let fields) = state {
      object.contents.pairs += fields.pairs
    }
  }

  private mutating func reduce() throws(PickleError) {
    let items = try pop(2)
    guard let arguments = items[1].asTuple else { throw fault("calls something without arguments") }
    guard case .global(let name) = items[0] else {
      stack.append(.opaque(PickleObject("?")))
      return
    }
    switch name {
    case "collections.OrderedDict", "builtins.dict", "__builtin__.dict":
      stack.append(.dictionary(PickleDictionary()))
    case "builtins.set", "__builtin__.set", "torch.Size", "builtins.list", "builtins.tuple":
      stack.append(.tuple(arguments.first?.asTuple ?? []))
    case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
      "torch._utils._rebuild_tensor_v3":
      stack.append(try tensor(arguments))
    case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
      "torch.nn.parameter.Parameter":
      stack.append(arguments.first ?? .none)
    default:
      stack.append(.opaque(PickleObject(name)))
    }
  }

  private func tensor(_ arguments: [PickleValue]) throws(PickleError) -> PickleValue {
    guard arguments.count >= 4, case .storage(let storage) = arguments[0],
      let offset = arguments[1].asInt, let shape = arguments[2].asIntegers,
      let strides = arguments[3].asIntegers
    else { throw fault("describes a tensor wrongly") }
    guard viewFits(shape: shape, strides: strides, offset: offset, count: storage.count) else {
      throw fault(
        "has a tensor of shape \(shape), strides \(strides) outside of its \(storage.count) numbers"
      )
    }
    return .tensor(
      PickleTensor(storage: storage, offset: offset, shape: shape, strides: strides))
  }

  private static let storageTypes: [String: StoredType] = [
    "torch.FloatStorage": .float32, "torch.DoubleStorage": .float64,
    "torch.HalfStorage": .float16, "torch.BFloat16Storage": .bfloat16,
    "torch.LongStorage": .int64, "torch.IntStorage": .int32, "torch.ShortStorage": .int16,
    "torch.CharStorage": .int8, "torch.ByteStorage": .uint8, "torch.BoolStorage": .bool,
  ]

  private func persistent(_ id: PickleValue) throws(PickleError) -> PickleValue {
    guard let fields = id.asTuple, fields.count >= 5, fields[0].asString == "storage",
      case .global(let name) = fields[1], let key = fields[2].asString, let count = fields[4].asInt,
      count >= 0
    else { throw fault("describes a storage wrongly") }
    guard let type = Self.storageTypes[name] else {
      throw fault("stores numbers as \(name), which is not supported")
    }
    return .storage(PickleStorage(key: key, type: type, count: count))
  }
}
