import CFormats
import FileSupport
import Foundation
import Synchronization
import Threads

/// A JSON file that is walked through from outside, so that no tree of all of it is ever built.
struct JSONDocument: Sendable {
  let file: FileBytes

  var path: String { file.path }

  /// The error for a place where the file is no JSON.
  func malformed(at position: Int, _ problem: String = "is not valid JSON") -> DatasetError {
    DatasetError(
      path: path, problem: "\(problem), at byte \(position) of \(file.count)",
      remedy: "download or write it again")
  }

  /// The first byte of the file's value, behind a byte order mark.
  ///
  /// - Throws: `DatasetError` naming what the file is instead, where that can be told.
  func first() throws(DatasetError) -> (byte: UInt8, position: Int) {
    let kind = FileKind(file.bytes)
    if kind == .utf8WithMark { return try next(from: 3) }
    if let kind {
      throw DatasetError(
        path: path, problem: "is \(kind.name), not JSON",
        remedy: "unpack or convert it and name the JSON file")
    }
    guard file.count > 0 else {
      throw DatasetError(path: path, problem: "is empty", remedy: "download or write it again")
    }
    return try next(from: 0)
  }

  /// The first byte from a position on that is no white space, with its position.
  func next(from position: Int) throws(DatasetError) -> (byte: UInt8, position: Int) {
    let at = cf_json_skip_space(base, file.count, position)
    guard at < file.count else { throw malformed(at: file.count, "ends too early") }
    return (file.bytes[at], at)
  }

  /// Where the value that starts at a position ends.
  func valueEnd(from position: Int) throws(DatasetError) -> Int {
    let end = cf_json_value_end(base, file.count, position)
    guard end >= 0 else { throw malformed(at: position, "ends inside the value that starts") }
    guard end > position else { throw malformed(at: position) }
    return end
  }

  /// Walks through the members of the object that the whole file is.
  ///
  /// - Parameter visit: Gets a key and where its value starts; returns where the value ends.
  func forEachMember(
    _ visit: (String, Int) throws(DatasetError) -> Int
  ) throws(DatasetError) {
    var (byte, at) = try first()
    guard byte == UInt8(ascii: "{") else {
      throw try mistaken(for: .annotation, first: byte, at: at)
    }
    (byte, at) = try next(from: at + 1)
    if byte == UInt8(ascii: "}") { return try expectEnd(after: at + 1) }
    var seen: Set<String> = []
    while true {
      guard byte == UInt8(ascii: "\"") else { throw malformed(at: at) }
      let keyEnd = try valueEnd(from: at)
      let key = String(decoding: file.bytes[at + 1..<keyEnd - 1], as: UTF8.self)
      guard seen.insert(key).inserted else {
        throw DatasetError(
          path: path,
          problem: "has the key '\(key.prefix(40))' twice, at byte \(at) of \(file.count)",
          remedy: "keep one of them; two files are joined list by list")
      }
      (byte, at) = try next(from: keyEnd)
      guard byte == UInt8(ascii: ":") else { throw malformed(at: at) }
      (byte, at) = try next(from: at + 1)
      (byte, at) = try next(from: try visit(key, at))
      if byte == UInt8(ascii: "}") { return try expectEnd(after: at + 1) }
      guard byte == UInt8(ascii: ",") else { throw malformed(at: at) }
      (byte, at) = try next(from: at + 1)
    }
  }

  /// Makes sure that a list starts at a position, as the value of a key.
  func expectList(at position: Int, of key: String) throws(DatasetError) {
    let found: String
    switch file.bytes[position] {
    case UInt8(ascii: "["): return
    case UInt8(ascii: "{"): found = "an object"
    case UInt8(ascii: "\""): found = "a text"
    case UInt8(ascii: "n"): found = "null"
    case UInt8(ascii: "t"), UInt8(ascii: "f"): found = "a truth value"
    default: found = "a number"
    }
    throw DatasetError(
      path: path,
      problem: "has \(found) where the list of its '\(key)' belongs, at byte \(position) of "
        + "\(file.count)", remedy: "name a file in COCO's format")
  }

  func expectEnd(after position: Int) throws(DatasetError) {
    let at = cf_json_skip_space(base, file.count, position)
    guard at == file.count else { throw malformed(at: at, "goes on after its end") }
  }

  var base: UnsafePointer<UInt8>? {
    file.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
  }
}

/// Elements of an array that lie one after the other in the file.
struct JSONElementBatch {
  /// The place of the first one in the array, from 0.
  let firstIndex: Int
  fileprivate(set) var starts: [Int] = []
  fileprivate(set) var ends: [Int] = []

  /// How much of the file they take.
  var bytes: Int { (ends.last ?? 0) - (starts.first ?? 0) }
}

/// Parses the elements of one array by all threads, each element into a tree of its own.
///
/// One thread at a time looks for the ends of the next few hundred elements, which takes a small
/// part of the time; parsing them runs beside that.
final class JSONArrayReader<Output: Sendable>: Sendable {
  private struct State {
    var position: Int
    var elementCount = 0
    var batchCount = 0
    var isFinished = false
    var outputs: [Int: Output] = [:]
    var failure: (batch: Int, error: DatasetError)?
  }

  private let document: JSONDocument
  private let state: Mutex<State>
  private static var batchBytes: Int { 256 << 10 }

  private init(_ document: JSONDocument, position: Int) {
    self.document = document
    state = Mutex(State(position: position))
  }

  /// Reads the array that starts at a position.
  ///
  /// - Parameter parse: Gets a parser for `cf_json_parse` and a batch; runs on any thread.
  /// - Returns: What `parse` gave, in the file's order, and where the array ends.
  /// - Throws: The error of the earliest batch, whatever the number of threads.
  static func read(
    _ document: JSONDocument, at position: Int,
    _ parse: (UnsafeMutableRawPointer?, JSONElementBatch) throws(DatasetError) -> Output
  ) throws(DatasetError) -> (outputs: [Output], end: Int) {
    guard document.file.bytes[position] == UInt8(ascii: "[") else {
      throw document.malformed(at: position, "has no list where one belongs")
    }
    let reader = JSONArrayReader(document, position: position + 1)
    ThreadPool.shared.forEach(ThreadPool.shared.threadCount) { _ in
      let parser = cf_json_begin()
      defer { cf_json_end(parser) }
      while let (number, batch) = reader.nextBatch() {
        do throws(DatasetError) {
          let output = try parse(parser, batch)
          reader.state.withLock { $0.outputs[number] = output }
        } catch {
          reader.fail(number, error)
        }
        if let first = batch.starts.first, let last = batch.ends.last {
          document.file.discard(first..<last)
        }
      }
    }
    return try reader.finish()
  }

  private func finish() throws(DatasetError) -> (outputs: [Output], end: Int) {
    let (outputs, end, failure) = state.withLock { state in
      defer { state.outputs = [:] }
      return (
        (0..<state.batchCount).compactMap { state.outputs[$0] }, state.position,
        state.failure?.error
      )
    }
    if let failure { throw failure }
    return (outputs, end)
  }

  private func fail(_ number: Int, _ error: DatasetError) {
    state.withLock { state in
      state.isFinished = true
      if let failure = state.failure, failure.batch < number { return }
      state.failure = (number, error)
    }
  }

  private func nextBatch() -> (number: Int, batch: JSONElementBatch)? {
    state.withLock { state in
      guard !state.isFinished else { return nil }
      let number = state.batchCount
      do throws(DatasetError) {
        let batch = try scan(&state)
        state.batchCount += 1
        return (number, batch)
      } catch {
        state.isFinished = true
        state.failure = (number, error)
        return nil
      }
    }
  }

  private func scan(_ state: inout State) throws(DatasetError) -> JSONElementBatch {
    var batch = JSONElementBatch(firstIndex: state.elementCount)
    var (byte, at) = try document.next(from: state.position)
    let limit = at + Self.batchBytes
    if state.elementCount == 0, byte == UInt8(ascii: "]") {
      state.position = at + 1
      state.isFinished = true
      return batch
    }
    while true {
      let end = try document.valueEnd(from: at)
      batch.starts.append(at)
      batch.ends.append(end)
      state.elementCount += 1
      (byte, at) = try document.next(from: end)
      if byte == UInt8(ascii: "]") {
        state.position = at + 1
        state.isFinished = true
        return batch
      }
      guard byte == UInt8(ascii: ",") else { throw document.malformed(at: at) }
      at += 1
      if at >= limit {
        state.position = at
        return batch
      }
      (byte, at) = try document.next(from: at)
    }
  }
}
