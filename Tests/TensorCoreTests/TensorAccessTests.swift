import TensorCore
import TestSupport
import Testing
import Threads

@Suite("Access of the host to tensors", .timeLimit(.minutes(1)))
struct TensorAccessTests {
  private struct Refusal: Error {}

  @Test("Filling, reading, changing and assigning see one memory in row-major order")
  func access() throws {
    let x = Tensor(shape: [2, 3]) { values in
      for index in values.indices { values[index] = Float(index) }
    }
    #expect(x.values == [0, 1, 2, 3, 4, 5])
    #expect(x.withValues { Array($0.reversed()) } == [5, 4, 3, 2, 1, 0])
    let view = x.reshaped(to: [3, 2])
    x.withMutableValues { $0[4] = 9 }
    #expect(view.values == [0, 1, 2, 3, 9, 5])
    view.assign([6, 5, 4, 3, 2, 1])
    #expect(x.values == [6, 5, 4, 3, 2, 1])
    let other = Tensor(zeros: [2, 3])
    other.assign(x)
    x.assign([Float](repeating: 7, count: 6))
    #expect(other.values == [6, 5, 4, 3, 2, 1])
    #expect(throws: Refusal.self) { try Tensor(shape: [2], filledBy: { _ in throw Refusal() }) }
    Tensor(zeros: [0, 4]).assign([])
  }

  @Test("A batch filled by several threads is the tensor, in the buffer's own memory")
  func batch() {
    let buffer = BatchBuffer(shape: [64, 3, 5])
    #expect(buffer.rowElementCount == 15)
    ThreadPool.shared.forEach(64) { row in
      buffer.withRow(row) { values in for i in 0..<15 { values[i] = Float(row * 15 + i) } }
    }
    let batch = buffer.tensor
    #expect(batch.shape == [64, 3, 5])
    #expect(batch.values == (0..<64 * 15).map(Float.init))
    #expect(buffer.tensor(rows: [63, 0]).values == (945..<960).map(Float.init) + (0..<15).map(Float.init))
    buffer.withRow(1) { $0[0] = -1 }
    #expect(batch.values[15] == -1)
  }

  @Test("The batch outlives its buffer")
  func lifetime() {
    let batch: Tensor
    do {
      let buffer = BatchBuffer(shape: [2, 2])
      for row in 0..<2 { buffer.withRow(row) { $0[0] = 1; $0[1] = Float(row) } }
      batch = buffer.tensor
    }
    let others = (0..<8).map { _ in Tensor(repeating: 5, shape: [2, 2]) }
    #expect(batch.values == [1, 0, 1, 1])
    #expect(others.count == 8)
  }

  @Test("Rows are picked, written and transposed as written out one by one")
  func rowMoves() {
    let x = Tensor((0..<20).map(Float.init), shape: [5, 2, 2])
    let picked = selectedRows(x, [4, 0, 4])
    #expect(picked.shape == [3, 2, 2])
    #expect(picked.values == [16, 17, 18, 19, 0, 1, 2, 3, 16, 17, 18, 19])
    let target = Tensor(zeros: [4, 2, 2])
    writeRows(Tensor(repeating: 3, shape: [2, 2, 2]), into: target, from: 1)
    #expect(target.values == [0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0])
    let matrix = Tensor((0..<6).map(Float.init), shape: [2, 3])
    #expect(transposed(matrix).shape == [3, 2])
    #expect(transposed(matrix).values == [0, 3, 1, 4, 2, 5])
  }

  @Test("Products of rows are the sums written out")
  func products() {
    var a = [Float](), b = [Float]()
    for i in 0..<70 * 9 { a.append(Float(i * 7 % 23) - 11) }
    for i in 0..<130 * 9 { b.append(Float(i * 5 % 19) - 9) }
    let got = rowProducts(
      Tensor(a, shape: [70, 9]), 3..<68, with: Tensor(b, shape: [130, 9]))
    #expect(got.shape == [65, 130])
    // Small whole numbers: every order of the sums is exact.
    let expected = (3..<68).flatMap { row in
      (0..<130).map { other in
        (0..<9).reduce(Float(0)) { $0 + a[row * 9 + $1] * b[other * 9 + $1] }
      }
    }
    #expect(got.values == expected)
  }
}
