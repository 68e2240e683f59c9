import FileSupport
import Foundation
import Models
import TestSupport
import Testing

@Suite("Checkpoint files")
struct CheckpointFormatTests {
  private func open(_ name: String) throws -> CheckpointFile {
    try CheckpointFile(path: SourceTree.fixture("Checkpoints/" + name))
  }

  private func values(_ file: CheckpointFile, _ key: String) throws -> (shape: [Int], [Float]) {
    let entry = try #require(file.entries.first { $0.key == key }, "\(key)")
    return (entry.tensor.shape, entry.tensor.floats())
  }

  @Test(
    "Every number type, transposed and shared storages read exactly",
    arguments: ["kinds.pth", "kinds_legacy.pth", "kinds.safetensors"])
  func kinds(_ name: String) throws {
    let file = try open(name)
    func expect(_ key: String, _ shape: [Int], _ expected: [Float]) throws {
      let (found, numbers) = try values(file, key)
      #expect(found == shape, "\(key)")
      #expect(numbers == expected, "\(key)")
    }
    func fill(_ name: String, _ count: Int) -> [Float] {
      DeterministicFill.values(name, count: count)
    }
    try expect("f32", [2, 3], fill("f32", 6))
    try expect("f64", [3], fill("f64", 3))
    // Half precision keeps 11 bits and bfloat16 8; the nearest such number was stored.
    let half = try values(file, "f16").1
    for (a, b) in paired(half, fill("f16", 4)) { #expect(abs(a - b) <= abs(b) * 0x1p-11) }
    let brain = try values(file, "bf16").1
    for (a, b) in paired(brain, fill("bf16", 4)) { #expect(abs(a - b) <= abs(b) * 0x1p-8) }
    try expect("i64", [2, 2], [1, -2, 3, 0x1p40])
    let base = fill("base", 24)
    try expect("transposed", [4, 6], (0..<24).map { base[$0 % 6 * 4 + $0 / 6] })
    try expect("rows", [3, 4], Array(base[8..<20]))
    try expect("scalar", [], [3.5])
  }

  @Test("Numbers and strings beside the tensors are kept, and unknown objects stay inert")
  func metadata() throws {
    for name in ["kinds.pth", "kinds_legacy.pth"] {
      let file = try open(name)
      #expect(file.metadata["epoch"] == "7")
      #expect(file.metadata["max_accuracy"] == "0.5")
      #expect(file.groups == ["model"])
    }
  }

  @Test("Bytes of a safetensors file that no name of its header has are told")
  func leftOver() throws {
    let folder = try TemporaryDirectory()
    func fault(_ header: String, _ count: Int) throws -> String {
      let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
      let data = [UInt8](repeating: 0, count: count)
      try AtomicFile.write(length + Array(header.utf8) + data, to: folder.file("a.safetensors"))
      do {
        _ = try CheckpointFile(path: folder.file("a.safetensors"))
        return ""
      } catch { return "\(error)" }
    }
    func entry(_ start: Int) -> String {
      #""a":{"dtype":"F32","shape":[2],"data_offsets":[\#(start),\#(start + 8)]}"#
    }
    #expect(try fault("{\(entry(0))}", 8) == "")
    #expect(try fault("{\(entry(0))}", 12).contains("holds 4 bytes that no tensor"))
    // Of a name that comes twice the header keeps one.
    #expect(try fault("{\(entry(0)),\(entry(8))}", 16).contains("holds 8 bytes that no tensor"))
  }

  @Test("What is written reads back, in both forms", arguments: ["a.pth", "a.safetensors"])
  func roundTrip(_ name: String) throws {
    let folder = try TemporaryDirectory()
    let tensors: [(key: String, shape: [Int], values: [Float])] = [
      ("layers.0.weight", [2, 3], [1, -2, 3.5, .leastNonzeroMagnitude, 5, -0.0]),
      ("empty", [0, 4], []), ("one", [], [7]),
    ]
    try CheckpointWriter.write(
      tensors, metadata: [("note", "a \"quoted\"\nline")], to: folder.file(name))
    let file = try CheckpointFile(path: folder.file(name))
    #expect(file.entries.map(\.key).sorted() == ["empty", "layers.0.weight", "one"])
    for tensor in tensors {
      let entry = try #require(file.entries.first { $0.key == tensor.key })
      #expect(entry.tensor.shape == tensor.shape)
      #expect(entry.tensor.floats().map(\.bitPattern) == tensor.values.map(\.bitPattern))
    }
    #expect(file.metadata["note"] == "a \"quoted\"\nline")
  }

  @Test("A file cut anywhere is an error, never a trap")
  func truncation() throws {
    let folder = try TemporaryDirectory()
    for name in ["kinds.pth", "kinds_legacy.pth", "kinds.safetensors"] {
      let bytes = try FileBytes.read(SourceTree.fixture("Checkpoints/" + name))
      for length in stride(from: 0, to: bytes.count, by: 13) {
        let path = folder.file("cut")
        try AtomicFile.write(bytes.prefix(length), to: path)
        #expect(throws: (any Error).self, "\(name) cut to \(length)") {
          let file = try CheckpointFile(path: path)
          _ = file.entries.map { $0.tensor.floats() }
        }
      }
    }
  }

  @Test("Changed bytes give an error or other numbers, never a trap")
  func damage() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("damaged")
    var random = SystemlessGenerator(state: 11)
    var (read, refused) = (0, 0)
    for name in ["kinds.pth", "kinds_legacy.pth", "kinds.safetensors"] {
      let bytes = try FileBytes.read(SourceTree.fixture("Checkpoints/" + name))
      for _ in 0..<400 {
        var damaged = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          damaged[Int.random(in: 0..<bytes.count, using: &random)] = .random(
            in: 0...255, using: &random)
        }
        try Data(damaged).write(to: URL(fileURLWithPath: path))
        do {
          for entry in try CheckpointFile(path: path).entries { _ = entry.tensor.floats() }
          read += 1
        } catch {
          #expect(!"\(error)".isEmpty)
          refused += 1
        }
      }
    }
    // Both happen: the files are damaged, and not all damage is fatal.
    #expect(read > 0 && refused > 0, "\(read) read, \(refused) refused")
  }

  @Test("A pickle that names a system call builds nothing and runs nothing")
  func hostilePickle() throws {
    let folder = try TemporaryDirectory()
    let marker = folder.file("was-run")
    // {"model": os.system("touch marker")} in the legacy form's first pickle after its header.
    var bytes = try FileBytes.read(SourceTree.fixture("Checkpoints/kinds_legacy.pth"))
    let command = Array("touch \(marker)".utf8)
    let call =
      Array("cos\nsystem\n".utf8) + [0x58] + [UInt8(command.count), 0, 0, 0] + command
      + [0x85, 0x52, 0x30]
    // Behind the third pickle (the system's description) the object's own pickle begins.
    var stops = 0
    var at = 0
    while stops < 3, at < bytes.count - 1 {
      if bytes[at] == 0x2E, bytes[at + 1] == 0x80 { stops += 1 }
      at += 1
    }
    bytes.insert(contentsOf: call, at: at + 2)
    let path = folder.file("hostile.pth")
    try AtomicFile.write(bytes, to: path)
    let file = try CheckpointFile(path: path)
    #expect(file.entries.contains { $0.key == "f32" })
    #expect(!FileManager.default.fileExists(atPath: marker))
  }

  @Test("Zip tricks are refused by name")
  func zipTricks() throws {
    let folder = try TemporaryDirectory()
    let bytes = try FileBytes.read(SourceTree.fixture("Checkpoints/kinds.pth"))
    func expectRefused(_ changed: [UInt8], _ part: String) throws {
      let path = folder.file("trick.pth")
      try AtomicFile.write(changed, to: path)
      let error = #expect(throws: CheckpointError.self) { try CheckpointFile(path: path) }
      #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
    }
    // A name that leads out, in the central directory (the last occurrence).
    var out = bytes
    let name = Array("kinds/data.pkl".utf8)
    let at = try #require(
      (0..<bytes.count - name.count).last { Array(bytes[$0..<$0 + name.count]) == name })
    out.replaceSubrange(at..<at + name.count, with: Array("../../data.pkl".utf8))
    try expectRefused(out, "leads out")
    // Data that do not match their checksum.
    var changed = bytes
    let data = DeterministicFill.values("f32", count: 6).withUnsafeBytes { Array($0) }
    let position = try #require(
      (0..<bytes.count - data.count).first { Array(bytes[$0..<$0 + data.count]) == data })
    changed[position] ^= 1
    try expectRefused(changed, "checksum")
  }

  @Test("Other files are told from checkpoints in one sentence")
  func otherFiles() throws {
    let folder = try TemporaryDirectory()
    for (content, part) in [
      ("", "is empty"), ("<html></html>", "web page"), ("hello there, world", "neither"),
    ] {
      try AtomicFile.write(text: content, to: folder.file("x.pth"))
      let error = #expect(throws: CheckpointError.self) {
        try CheckpointFile(path: folder.file("x.pth"))
      }
      #expect(error?.description.contains(part) == true)
    }
  }
}

/// A small repeatable generator.
struct SystemlessGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
