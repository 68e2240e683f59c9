import Foundation

/// Writes plain tar archives, sound ones and others.
public struct TarWriter {
  /// What was written so far, without the mark of the end.
  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// Adds a file.
  ///
  /// - Parameters:
  ///   - kind: The kind of the header; `0` is a file, `2` a link.
  ///   - size: What the header says; nil is the content's size.
  public mutating func add(
    _ name: String, _ content: [UInt8] = [], kind: Character = "0", size: String? = nil
  ) {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at place: Int) {
      for (offset, byte) in text.utf8.enumerated() { header[place + offset] = byte }
    }
    put(name, at: 0)
    put("0000644\0", at: 100)
    let digits = String(content.count, radix: 8)
    put(size ?? String(repeating: "0", count: 11 - digits.count) + digits, at: 124)
    put("00000000000", at: 136)
    put("        ", at: 148)
    put(String(kind), at: 156)
    put("ustar\u{0}00", at: 257)
    let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
    put(String(repeating: "0", count: 6 - sum.count) + sum + "\0 ", at: 148)
    bytes += header + content
    bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  /// The archive with its end.
  public var whole: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}
