import Foundation
import TensorCore
import TestSupport
import Testing
import Threads

@Suite("Access of the host to tensors", .timeLimit(.minutes(5)))
struct TensorAccessTests {
  private struct Refusal: Error {}

  @Test("Filling, reading, changing and assigning see one memory in row-major order")
  func access() {
    let x = Tensor(shape: [2, 3]) { values in
      for index in values.indices { values[index] = Float(index) }
    }
    #expect(x.values == [0, 1, 2, 3, 4, 5])
    #expect(x.withValues { Array($0.reversed()) } == [5, 4, 3, 2, 1, 0])
    #expect(x.withRow(1) { Array($0) } == [3, 4, 5])
    let view = x.reshaped(to: [3, 2])
    x.withMutableValues { $0[4] = 9 }
    #expect(view.values == [0, 1, 2, 3, 9, 5])
    view.assign([6, 5, 4, 3, 2, 1])
    #expect(x.values == [6, 5, 4, 3, 2, 1])
    let other = Tensor(zeros: [6])
    other.assign(x)
    x.assign([Float](repeating: 7, count: 6))
    #expect(other.values == [6, 5, 4, 3, 2, 1])
    #expect(throws: Refusal.self) { try Tensor(shape: [2], filledBy: { _ in throw Refusal() }) }
    let empty = Tensor(zeros: [0, 4])
    empty.assign([])
    #expect(empty.withValues { $0.isEmpty })
  }

  @Test("Threads fill a batch row by row")
  func batch() {
    let buffer = BatchBuffer(shape: [64, 3, 5])
    ThreadPool.shared.forEach(64) { row in
      buffer.withRow(row) { values in
        for i in values.indices { values[i] = Float(row * 15 + i) }
      }
    }
    let batch = buffer.tensor
    #expect(batch.shape == [64, 3, 5])
    #expect(batch.values == (0..<64 * 15).map(Float.init))
    #expect(
      buffer.tensor(rows: [63, 0]).values
        == (945..<960).map(Float.init) + (0..<15).map(Float.init))
    buffer.withRow(1) { $0[0] = -1 }
    #expect(batch.values[15] == -1)
  }

  @Test("A batch outlives the buffer it was filled in")
  func lifetime() {
    func filled() -> Tensor {
      let buffer = BatchBuffer(shape: [2, 2])
      for row in 0..<2 { buffer.withRow(row) { $0.update(repeating: Float(row)) } }
      return buffer.tensor
    }
    let batch = filled()
    let others = (0..<8).map { _ in Tensor(repeating: 5, shape: [2, 2]) }
    #expect(batch.values == [0, 0, 1, 1])
    #expect(others.count == 8)
  }

  @Test("Only the engine and the layers reach for a tensor's address")
  func pointerStaysInside() throws {
    let sources = SourceTree.root.appendingPathComponent("Sources")
    let names = try #require(FileManager.default.enumerator(atPath: sources.path))
    var (inside, outside): (Int, [String]) = (0, [])
    for case let name as String in names where name.hasSuffix(".swift") {
      let text = try String(contentsOf: sources.appendingPathComponent(name), encoding: .utf8)
      guard text.contains(".pointer") else { continue }
      if name.hasPrefix("TensorCore/") || name.hasPrefix("Layers/") {
        inside += 1
      } else {
        outside.append(name)
      }
    }
    #expect(inside > 10)
    #expect(outside == [], "use an operation of TensorCore, or withValues and withMutableValues")
  }
}
