import Foundation

/// Rebuilds the objects of a pickle without executing anything.
///
/// Understands every opcode of the protocols 0 to 5 but those that need code of the program that
/// wrote it (extension registry, out-of-band buffers). Every count is checked against the bytes
/// that are left, the memo and the stack are bounded, and classes are never looked up.
struct Unpickler {
  private let bytes: UnsafeRawBufferPointer
  private(set) var at: Int
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private var containers: [any PickleContainer] = []
  /// Every storage that was named, by its key.
  private(set) var storages: [String: PickleStorage] = [:]
  private static let limit = 4_000_000
  private static let tupleLimit = 500

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
      if opcode == UInt8(ascii: ".") {
        guard let result = stack.last else { throw fault("ends without a value") }
        return result
      }
      try execute(opcode)
      guard stack.count < Self.limit, memo.count < Self.limit, containers.count < Self.limit,
        marks.count < Self.limit
      else { throw unsupported("has more objects than any checkpoint") }
    }
  }

  /// Lets go of all objects; until then, what `load` gave may be used.
  ///
  /// Objects that contain themselves would never end, and deep ones would end recursively.
  mutating func release() {
    stack = []
    memo = [:]
    for container in containers { container.clear() }
    containers = []
  }

  private func fault(_ problem: String) -> PickleError { PickleError(offset: at, problem: problem) }

  private func unsupported(_ problem: String) -> PickleError {
    PickleError(offset: at, problem: problem, isUnsupported: true)
  }

  private mutating func execute(_ opcode: UInt8) throws(PickleError) {
    switch UnicodeScalar(opcode) {
    case "(": marks.append(stack.count)
    case "N": stack.append(.none)
    case "\u{88}": stack.append(.bool(true))
    case "\u{89}": stack.append(.bool(false))
    case "I": stack.append(try number(try line()))
    case "L": stack.append(try number(try line()))
    case "F": stack.append(try float(try line()))
    case "J": stack.append(.int(Int(Int32(truncatingIfNeeded: try integer(4)))))
    case "K": stack.append(.int(try integer(1)))
    case "M": stack.append(.int(try integer(2)))
    case "\u{8A}": stack.append(try long(count: try integer(1)))
    case "\u{8B}": stack.append(try long(count: try integer(4)))
    case "G":  // big-endian
      let bits = try take(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      stack.append(.float(Double(bitPattern: bits)))
    case "S": stack.append(.string(PickleText.unquoted(try line())))
    case "V": stack.append(.string(PickleText.unescaped(try line())))
    case "X", "T": stack.append(.string(try text(try integer(4))))
    case "\u{8C}", "U": stack.append(.string(try text(try integer(1))))
    case "\u{8D}": stack.append(.string(try text(try integer(8))))
    case "B": stack.append(.bytes(try take(try integer(4))))
    case "C": stack.append(.bytes(try take(try integer(1))))
    case "\u{8E}", "\u{96}": stack.append(.bytes(try take(try integer(8))))
    case "}": pushDictionary([])
    case "]", "\u{8F}": pushList([])  // a list, a set
    case ")": try pushTuple([])
    case "t":
      let items = try popToMark()
      try pushTuple(items)
    case "\u{85}", "\u{86}", "\u{87}":
      let items = try pop(Int(opcode) - 0x84)
      try pushTuple(items)
    case "l", "\u{91}":  // a list, a frozen set
      let items = try popToMark()
      pushList(items)
    case "d":
      let items = try popToMark()
      guard items.count % 2 == 0 else { throw fault("sets a key without a value") }
      pushDictionary(items)
    default: try change(opcode)
    }
  }

  /// Opcodes that take what is on the stack, the memo, or a class.
  private mutating func change(_ opcode: UInt8) throws(PickleError) {
    switch UnicodeScalar(opcode) {
    case "\u{80}": _ = try byte()  // protocol number
    case "\u{95}": _ = try take(8)  // frame
    case "a":
      let items = try pop(1)
      try append(items)
    case "e", "\u{90}":
      let items = try popToMark()
      try append(items)
    case "s":
      let items = try pop(2)
      try set(items)
    case "u":
      let items = try popToMark()
      try set(items)
    case "p": memo[try memoKey()] = try top()
    case "q": memo[try integer(1)] = try top()
    case "r": memo[try integer(4)] = try top()
    case "\u{94}": memo[memo.count] = try top()
    case "g": try recall(try memoKey())
    case "h": try recall(try integer(1))
    case "j": try recall(try integer(4))
    case "0":
      // A mark that lies on top goes first.
      if marks.last == stack.count { marks.removeLast() } else { _ = try pop(1) }
    case "1": _ = try popToMark()
    case "2": stack.append(try top())
    case "c": stack.append(.global("\(try line()).\(try line())"))
    case "\u{93}":
      let names = try pop(2)
      stack.append(.global("\(names[0].asString ?? "?").\(names[1].asString ?? "?")"))
    case "R", "\u{81}":  // a call; a new object builds like one
      let items = try pop(2)
      try call(items[0], items[1].asTuple ?? [])
    case "\u{92}":  // a new object with named arguments
      let items = try pop(3)
      try call(items[0], items[1].asTuple ?? [])
    case "i":
      let name = "\(try line()).\(try line())"
      let arguments = try popToMark()
      try call(.global(name), arguments)
    case "o":
      let items = try popToMark()
      guard let type = items.first else { throw fault("makes an object of no class") }
      try call(type, Array(items.dropFirst()))
    case "b": try build()
    case "Q":
      let fields = try pop(1)[0].asTuple ?? []
      stack.append(try persistent(fields))
    case "P":
      let fields = PickleText.storageFields(try line())
      stack.append(try persistent(fields))
    case "\u{82}", "\u{83}", "\u{84}", "\u{97}", "\u{98}":
      throw unsupported("needs objects that only the program which wrote it has")
    default:
      throw fault("holds 0x\(String(opcode, radix: 16)), which is no pickle opcode")
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

  /// A whole number as text: `12`, `12L`, or a truth value `00` and `01`.
  private func number(_ text: String) throws(PickleError) -> PickleValue {
    switch text {
    case "00": return .bool(false)
    case "01": return .bool(true)
    default:
      let digits = text.hasSuffix("L") ? String(text.dropLast()) : text
      if let value = Int(digits) { return .int(value) }
      // Larger than any size or count.
      guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2D })
      else { throw fault("has the number '\(text.prefix(40))'") }
      return .string(digits)
    }
  }

  private func float(_ text: String) throws(PickleError) -> PickleValue {
    guard let value = Double(text) else { throw fault("has the number '\(text.prefix(40))'") }
    return .float(value)
  }

  private mutating func memoKey() throws(PickleError) -> Int {
    let text = try line()
    guard let key = Int(text), key >= 0 else { throw fault("names object '\(text.prefix(40))'") }
    return key
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

  private mutating func pushTuple(_ items: [PickleValue]) throws(PickleError) {
    let tuple = PickleTuple(items)
    guard tuple.depth < Self.tupleLimit else {
      throw unsupported("nests its tuples \(tuple.depth) deep, deeper than any checkpoint")
    }
    stack.append(.tuple(tuple))
  }

  private mutating func pushList(_ items: [PickleValue]) {
    let list = PickleList()
    list.items = items
    containers.append(list)
    stack.append(.list(list))
  }

  private mutating func pushDictionary(_ items: [PickleValue]) {
    let dictionary = PickleDictionary()
    dictionary.pairs = stride(from: 0, to: items.count, by: 2).map { (items[$0], items[$0 + 1]) }
    containers.append(dictionary)
    stack.append(.dictionary(dictionary))
  }

  private mutating func pushOpaque(_ name: String) {
    let object = PickleObject(name)
    containers.append(object)
    stack.append(.opaque(object))
  }

  private mutating func recall(_ key: Int) throws(PickleError) {
    guard let value = memo[key] else { throw fault("refers to object \(key), which is not there") }
    stack.append(value)
  }

  private mutating func append(_ items: [PickleValue]) throws(PickleError) {
    switch try top() {
    case .list(let list): list.items += items
    case .opaque: break
    default: throw fault("appends to something that is no list")
    }
  }

  private mutating func set(_ items: [PickleValue]) throws(PickleError) {
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

  /// An object's state is kept where it has named fields; a state dictionary's `_metadata` says
  /// nothing that is needed.
  private mutating func build() throws(PickleError) {
    let state = try pop(1)[0]
    guard case .opaque(let object) = try top() else { return }
    for part in state.asTuple ?? [state] {
      if case .dictionary(let fields) = part { object.contents.pairs += fields.pairs }
    }
  }

  private mutating func call(
    _ callee: PickleValue, _ arguments: [PickleValue]
  ) throws(PickleError) {
    guard case .global(let name) = callee else { return pushOpaque("?") }
    switch name {
    case "collections.OrderedDict", "collections.defaultdict", "builtins.dict",
      "__builtin__.dict":
      pushDictionary([])
      // OrderedDict may come with its pairs.
      for pair in arguments.first?.asTuple ?? [] {
        if let fields = pair.asTuple, fields.count == 2 { try set(fields) }
      }
    case "builtins.set", "__builtin__.set", "builtins.frozenset", "__builtin__.frozenset",
      "builtins.list", "__builtin__.list":
      pushList(arguments.first?.asTuple ?? [])
    case "torch.Size", "builtins.tuple", "__builtin__.tuple":
      try pushTuple(arguments.first?.asTuple ?? [])
    case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
      "torch._utils._rebuild_tensor_v3":
      stack.append(.tensor(try tensor(arguments)))
    case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
      "torch.nn.parameter.Parameter":
      stack.append(arguments.first ?? .none)
    case "torch._tensor._rebuild_from_type_v2":
      // A tensor of a subclass: how to build it, the subclass, the arguments, its attributes.
      guard arguments.count >= 3 else { return pushOpaque(name) }
      try call(arguments[0], arguments[2].asTuple ?? [])
    case "copyreg._reconstructor", "copy_reg._reconstructor":
      if case .global(let type)? = arguments.first { pushOpaque(type) } else { pushOpaque(name) }
    default: pushOpaque(name)
    }
  }

  private func tensor(_ arguments: [PickleValue]) throws(PickleError) -> PickleTensor {
    guard arguments.count >= 4, case .storage(let storage) = arguments[0],
      let offset = arguments[1].asInt, let shape = arguments[2].asIntegers,
      let strides = arguments[3].asIntegers
    else { throw fault("describes a tensor wrongly") }
    var typeName = storage.typeName ?? "?"
    var count = storage.count
    if storage.typeName == nil, arguments.count > 6, case .global(let name) = arguments[6] {
      typeName = name.hasPrefix("torch.") ? String(name.dropFirst("torch.".count)) : name
      count /= StoredType(torchName: typeName)?.size ?? 1
    }
    guard viewFits(shape: shape, strides: strides, offset: offset, count: count) else {
      throw fault(
        "has a tensor of shape \(shape), strides \(strides) outside of its \(count) numbers")
    }
    guard !viewRepeats(shape: shape, count: count) else {
      // Sound, and of no use to a network.
      return PickleTensor(
        storage: storage, typeName: "\(typeName) expanded to \(shape)", type: nil, offset: offset,
        shape: shape, strides: strides)
    }
    return PickleTensor(
      storage: storage, typeName: typeName, type: StoredType(torchName: typeName), offset: offset,
      shape: shape, strides: strides)
  }

  private mutating func persistent(_ fields: [PickleValue]) throws(PickleError) -> PickleValue {
    guard fields.count >= 5, fields[0].asString == "storage", case .global(let name) = fields[1],
      let key = fields[2].asString, let count = fields[4].asInt, count >= 0
    else { throw fault("describes a storage wrongly") }
    // torch.FloatStorage, torch.storage.UntypedStorage, torch.cuda.FloatStorage
    let type = String(name.split(separator: ".").last ?? "").replacing("Storage", with: "")
    let storage = PickleStorage(
      key: key, typeName: ["Untyped", "_Untyped"].contains(type) ? nil : type, count: count)
    storages[key] = storage
    return .storage(storage)
  }
}
