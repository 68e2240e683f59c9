import FileSupport
import Foundation

/// Numbers of a child process that outlive it, however it ends: a file mapped into memory.
final class FuzzJournal {
  /// What is noted.
  enum Field: Int, CaseIterable {
    /// Whether the driver was set up, and the input at hand.
    case isSetUp, current
    /// Inputs that ended, those that were read, and those that were refused.
    case done, values, refused
    /// Microseconds of the slowest input, and its number.
    case slowest, slowestInput
    /// Bytes of the process at its largest, and the input that made it so.
    case peak, peakInput
  }

  private let memory: UnsafeMutablePointer<Int64>
  private static let size = Field.allCases.count * MemoryLayout<Int64>.size

  /// Opens a journal, or begins one.
  ///
  /// - Throws: `FileError` when it may not be written.
  init(_ path: String) throws(FileError) {
    if !FileManager.default.fileExists(atPath: path) {
      try AtomicFile.write([UInt8](repeating: 0, count: Self.size), to: path)
    }
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0,
      let mapped = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      mapped != MAP_FAILED
    else {
      throw FileError(
        path: path, problem: "cannot be mapped", remedy: "choose another --folder",
        exitCode: .cannotWrite)
    }
    memory = mapped.bindMemory(to: Int64.self, capacity: Field.allCases.count)
  }

  deinit { munmap(memory, Self.size) }

  subscript(field: Field) -> Int {
    get { Int(memory[field.rawValue]) }
    set { memory[field.rawValue] = Int64(newValue) }
  }
}
