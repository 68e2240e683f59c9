import TensorCore
import TestSupport
import Testing

@Suite("Tensors and the tape", .serialized, .timeLimit(.minutes(5)))
struct TensorTests {
  @Test("Shapes, values and views")
  func views() {
    let x = Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
    #expect(x.elementCount == 6)
    #expect(x.reshaped(to: [3, 2]).values == [1, 2, 3, 4, 5, 6])
    #expect(Tensor(zeros: [2, 2]).values == [0, 0, 0, 0])
    #expect(Tensor(repeating: 2.5, shape: [3]).values == [2.5, 2.5, 2.5])
    #expect(Tensor([7], shape: [1]).item == 7)
    #expect(Tensor(zeros: [0, 4]).values.isEmpty)
    let copy = x.copied()
    x.pointer[0] = 9
    #expect(copy.values[0] == 1)
    #expect(x.detached().values[0] == 9)
  }

  @Test("A tensor used several times gathers all its gradients")
  func diamond() throws {
    let x = Tensor([3, -2], shape: [2])
    x.requiresGradient = true
    let square = multiply(x, x)
    // x² · x + x² has the derivative 3x² + 2x.
    sum(add(multiply(square, x), square)).backward()
    #expect(try #require(x.gradient).values == [33, 8])
  }

  @Test("A second backward pass adds to the gradient, and setting it to nil starts over")
  func accumulation() throws {
    let x = Tensor([2], shape: [1])
    x.requiresGradient = true
    for expected: Float in [3, 6, 9] {
      sum(scaled(x, by: 3)).backward()
      #expect(try #require(x.gradient).item == expected)
    }
    x.gradient = nil
    sum(scaled(x, by: 3)).backward()
    #expect(try #require(x.gradient).item == 3)
  }

  @Test("Gradients do not share memory between parameters or with the seed")
  func separateMemory() throws {
    let (a, b) = (Tensor([1, 2], shape: [2]), Tensor([3, 4], shape: [2]))
    a.requiresGradient = true
    b.requiresGradient = true
    let seed = Tensor([1, 1], shape: [2])
    add(a, b).backward(seed)
    let gradient = try #require(a.gradient)
    gradient.pointer[0] = 100
    #expect(try #require(b.gradient).values == [1, 1])
    #expect(seed.values == [1, 1])
    add(a, b).backward(seed)
    #expect(try #require(b.gradient).values == [2, 2])
  }

  @Test("Nothing is recorded without gradients, through detached tensors or for constants")
  func recording() {
    let x = Tensor([1, 2], shape: [2])
    x.requiresGradient = true
    withoutGradients { sum(multiply(x, x)) }.backward()
    #expect(x.gradient == nil)
    sum(multiply(x.detached(), x.detached())).backward()
    #expect(x.gradient == nil)
    let constant = Tensor([5, 5], shape: [2])
    sum(multiply(x, constant)).backward()
    #expect(constant.gradient == nil)
    #expect(x.gradient?.values == [5, 5])
  }

  @Test("A long chain is walked without recursion")
  func longChain() throws {
    let x = Tensor([1], shape: [1])
    x.requiresGradient = true
    var y = x
    for _ in 0..<20_000 { y = add(y, x) }
    y.backward()
    #expect(try #require(x.gradient).item == 20_001)
  }

  @Test("A backward pass lets go of what the forward pass kept, while the output lives on")
  func memory() {
    let x = Tensor(zeros: [8])
    x.requiresGradient = true
    weak var inner: Tensor?
    let out: Tensor
    do {
      let middle = gelu(x)
      inner = middle
      out = gelu(middle)
    }
    #expect(inner != nil)
    out.backward(Tensor(repeating: 1, shape: [8]))
    #expect(inner == nil)
    #expect(out.values == [Float](repeating: 0, count: 8))
  }

  @Test("Wrong shapes stop the program with the shapes in the message")
  func preconditions() async {
    await #expect(processExitsWith: .failure) {
      _ = add(Tensor(zeros: [2, 3]), Tensor(zeros: [3, 2]))
    }
    await #expect(processExitsWith: .failure) {
      _ = linear(Tensor(zeros: [2, 3]), weight: Tensor(zeros: [4, 5]), bias: nil)
    }
    await #expect(processExitsWith: .failure) { Tensor(zeros: [2]).backward() }
  }
}
