import CounterRandom

/// A pickle as a list of opcodes with their arguments, changed opcode by opcode.
struct PickleMutation {
  private var operations: [[UInt8]] = []

  /// Opcodes by how long their arguments are.
  private static let fixed: [UInt8: Int] = [
    0x80: 1, 0x4B: 1, 0x4D: 2, 0x4A: 4, 0x47: 8, 0x71: 1, 0x72: 4, 0x68: 1, 0x6A: 4, 0x95: 8,
    0x82: 1, 0x83: 2, 0x84: 4,
  ]
  /// Opcodes whose argument begins with its length.
  private static let counted: [UInt8: Int] = [
    0x58: 4, 0x54: 4, 0x42: 4, 0x8C: 1, 0x55: 1, 0x43: 1, 0x8A: 1, 0x8B: 4, 0x8D: 8, 0x8E: 8,
    0x96: 8,
  ]
  /// Opcodes with lines of text, by how many.
  private static let lines: [UInt8: Int] = [
    0x63: 2, 0x69: 2, 0x49: 1, 0x4C: 1, 0x46: 1, 0x53: 1, 0x56: 1, 0x70: 1, 0x67: 1, 0x50: 1,
  ]
  private static let names = [
    "collections\nOrderedDict\n", "builtins\nset\n", "builtins\nfrozenset\n", "builtins\nlist\n",
    "builtins\ntuple\n", "builtins\ndict\n", "builtins\nbytearray\n", "torch\nSize\n",
    "torch\nFloatStorage\n", "torch\nHalfStorage\n", "torch\nUntypedStorage\n", "torch\nfloat32\n",
    "torch\nComplexFloatStorage\n", "torch._utils\n_rebuild_tensor_v2\n",
    "torch._utils\n_rebuild_tensor_v3\n", "torch._utils\n_rebuild_parameter\n",
    "torch._tensor\n_rebuild_from_type_v2\n", "copyreg\n_reconstructor\n", "os\nsystem\n",
    "numpy.core.multiarray\n_reconstruct\n", "numpy.core.multiarray\nscalar\n", "a\nb\n",
  ]
  private static let texts = [
    "", "storage", "cpu", "0", "1", "model", "state_dict", "teacher", "x", "-1", "10000000000",
    "9223372036854775808", "module.", "..", "\u{0}", "é", "blocks.999.attn.qkv.weight",
    "layers.15.blocks.0.attn.relative_position_bias_table",
  ]

  /// Takes a sound pickle apart.
  init(_ bytes: [UInt8]) {
    var at = 0
    while at < bytes.count {
      let code = bytes[at]
      var end = at + 1
      if let length = Self.fixed[code] {
        end += length
      } else if let width = Self.counted[code] {
        let digits = bytes[end..<min(bytes.count, end + width)]
        let length = digits.reversed().reduce(0) { $0 << 8 | Int($1) }
        end = min(bytes.count, end + width + min(length, bytes.count))
      } else if let count = Self.lines[code] {
        for _ in 0..<count {
          end = (bytes[end...].firstIndex(of: 0x0A) ?? bytes.count - 1) + 1
        }
      }
      end = min(end, bytes.count)
      operations.append(Array(bytes[at..<end]))
      at = end
    }
  }

  /// A pickle with one to three changes.
  func changed(_ random: inout RandomStream) -> [UInt8] {
    var own = self
    for _ in 0...random.below(3) { own.change(&random) }
    var bytes = Array(own.operations.joined())
    if random.once(in: 10) { bytes = ByteMutation.changed(bytes, &random) }
    return bytes
  }

  private mutating func change(_ random: inout RandomStream) {
    guard operations.count > 2 else {
      operations.append(Self.random(&random))
      return
    }
    let at = random.below(operations.count)
    let rest = operations.count - at
    switch random.below(24) {
    case 0, 1: operations.insert(Self.random(&random), at: at)
    case 2: operations[at] = Self.random(&random)
    case 3: operations.removeSubrange(at..<at + 1 + random.below(min(rest, 8)))
    case 4: operations.swapAt(at, random.below(operations.count))
    case 5:
      let part = Array(operations[at..<at + 1 + random.below(min(rest, 60))])
      operations.insert(contentsOf: part, at: random.below(operations.count))
    case 6:
      // One opcode many times: deep, long or doubling.
      let count = random.pick([3, 40, 600, 5000])
      let operation = random.once(in: 2) ? operations[at] : Self.random(&random)
      guard operation.count * count < 100_000 else { return }
      operations.insert(contentsOf: [[UInt8]](repeating: operation, count: count), at: at)
    case 7:
      // A value of itself, again and again.
      let pair: [[UInt8]] = random.pick([
        [[0x32], [0x86]], [[0x94], [0x68, 0], [0x61]], [[0x85]],
      ])
      let count = random.pick([2, 30, 450])
      operations.insert(
        contentsOf: [[[UInt8]]](repeating: pair, count: count).flatMap { $0 }, at: at)
    default: changeArgument(of: at, &random)
    }
  }

  private mutating func changeArgument(of at: Int, _ random: inout RandomStream) {
    let code = operations[at][0]
    let number = random.pick(ByteMutation.numbers)
    switch code {
    case 0x4A, 0x4B, 0x4D, 0x8A:
      // Whole numbers are sizes, offsets and strides: each may become one of any size.
      operations[at] = Self.number(number, &random)
    case 0x58, 0x8C:
      let text = Array(random.pick(Self.texts).utf8)
      operations[at] = [0x58] + .little(UInt64(text.count), 4) + text
    case 0x63: operations[at] = [0x63] + Array(random.pick(Self.names).utf8)
    case 0x71, 0x68: operations[at] = [code, UInt8(truncatingIfNeeded: number)]
    case 0x72, 0x6A: operations[at] = [code] + .little(number, 4)
    default:
      if operations[at].count > 1 {
        operations[at] =
          [code]
          + ByteMutation.changed(
            Array(operations[at].dropFirst()), &random)
      }
    }
  }

  /// An opcode that pushes a number.
  private static func number(_ value: UInt64, _ random: inout RandomStream) -> [UInt8] {
    switch random.below(5) {
    case 0: [0x4B, UInt8(truncatingIfNeeded: value)]
    case 1: [0x4A] + .little(value, 4)
    case 2: [0x49] + Array("\(Int64(bitPattern: value))\n".utf8)
    case 3: [0x8A, 9] + .little(value, 8) + [0]
    default: [0x8A, 8] + .little(value, 8)
    }
  }

  private static func random(_ random: inout RandomStream) -> [UInt8] {
    let plain =
      Array("(N)]}tlduesabRoQ012.".utf8) + [
        0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8F, 0x90, 0x91, 0x92, 0x93, 0x94,
      ]
    switch random.below(8) {
    case 0: return number(random.pick(ByteMutation.numbers), &random)
    case 1: return [0x63] + Array(random.pick(names).utf8)
    case 2:
      let text = Array(random.pick(texts).utf8)
      return [0x58] + .little(UInt64(text.count), 4) + text
    case 3: return [random.pick([0x71, 0x68]), UInt8(random.below(8))]
    case 4: return [0x47] + .big(random.pick(ByteMutation.numbers), 8)
    case 5: return [UInt8(random.below(256))]
    default: return [random.pick(plain)]
    }
  }
}

/// Zip files with the checksums of what they hold.
enum ZipFile {
  /// Entries one after the other, stored, or deflated without being made smaller.
  static func bytes(
    _ entries: [(name: String, bytes: [UInt8])], isDeflated: Bool = false
  ) -> [UInt8] {
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      let data = isDeflated ? Deflate.stored(entry.bytes) : entry.bytes
      let name = Array(entry.name.utf8)
      let common = numbers([
        (20, 2), (0, 2), (isDeflated ? 8 : 0, 2), (0x21_0000, 4), (Int(checksum(entry.bytes)), 4),
        (data.count, 4), (entry.bytes.count, 4), (name.count, 2), (0, 2),
      ])
      directory += numbers([(0x0201_4B50, 4), (20, 2)]) + common
      directory += numbers([(0, 8), (0, 2), (file.count, 4)]) + name
      file += numbers([(0x0403_4B50, 4)]) + common + name + data
    }
    return file + directory
      + numbers([
        (0x0605_4B50, 4), (0, 4), (entries.count, 2), (entries.count, 2), (directory.count, 4),
        (file.count, 4), (0, 2),
      ])
  }

  private static func numbers(_ list: [(value: Int, size: Int)]) -> [UInt8] {
    list.flatMap { [UInt8].little(UInt64($0.value), $0.size) }
  }
}
