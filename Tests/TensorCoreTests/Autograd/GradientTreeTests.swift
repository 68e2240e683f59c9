import TensorCore
import TestSupport
import Testing

/// The order of sums over parts of a batch, and passes that meet.
@Suite("Sums over groups of images")
struct GradientTreeTests {
  /// Numbers whose sums depend on their order.
  private static func part(_ index: Int, count: Int = 40) -> [Float] {
    DeterministicFill.tensor("part \(index)", [count], bound: 3).values
  }

  /// The slow obvious tree: halves, each by itself.
  private static func halved(_ parts: ArraySlice<[Float]>) -> [Float] {
    guard parts.count > 1 else { return parts.first ?? [] }
    let middle = parts.startIndex + parts.count / 2
    return zip(halved(parts[..<middle]), halved(parts[middle...])).map { $0 + $1 }
  }

  @Test("The tree is that of halves", arguments: [1, 2, 4, 8, 16])
  func halves(count: Int) {
    let parameter = Tensor(zeros: [40])
    var tree = GradientTree([parameter])
    for index in 0..<count {
      parameter.gradient = Tensor(Self.part(index), shape: [40])
      tree.add(terms: [Self.part(index)[0]])
    }
    let terms = tree.finish()
    let expected = Self.halved((0..<count).map { Self.part($0) }[...])
    #expect(parameter.gradient?.values == expected)
    #expect(terms == [expected[0]])
  }

  @Test("One parameter's sum can be taken ahead of the others", arguments: [1, 2, 8])
  func ahead(count: Int) {
    let (early, late) = (Tensor(zeros: [40]), Tensor(zeros: [40]))
    var tree = GradientTree([early, late])
    for index in 0..<count {
      early.gradient = Tensor(Self.part(index), shape: [40])
      late.gradient = Tensor(Self.part(index), shape: [40])
      if index == count - 1 {
        let expected = Self.halved((0..<count).map { Self.part($0) }[...])
        #expect(tree.take(0)?.values == expected)
        #expect(early.gradient == nil)
      }
      tree.add()
    }
    _ = tree.finish()
    #expect(early.gradient == nil)
    #expect(late.gradient?.values == Self.halved((0..<count).map { Self.part($0) }[...]))
  }

  @Test("Whoever sums an aligned branch changes nothing", arguments: [(8, 2), (8, 4), (4, 4)])
  func branches(count: Int, processes: Int) {
    func root(_ range: Range<Int>) -> [Float] {
      var tree = GradientTree([])
      for index in range { tree.add(terms: Self.part(index)) }
      return tree.finish()
    }
    let share = count / processes
    var tree = GradientTree([])
    for process in 0..<processes {
      tree.add(terms: root(process * share..<(process + 1) * share))
    }
    #expect(tree.finish() == root(0..<count))
  }

  @Test("A part without a gradient leaves the others, and none at all leaves none")
  func missing() {
    let (a, b) = (Tensor(zeros: [2]), Tensor(zeros: [2]))
    var tree = GradientTree([a, b])
    for index in 0..<4 {
      if index == 2 { a.gradient = Tensor([1, 2], shape: [2]) }
      tree.add()
    }
    _ = tree.finish()
    #expect(a.gradient?.values == [1, 2])
    #expect(b.gradient == nil)
  }

  /// A network of two norms on a batch, as one pass.
  private struct Network {
    let weight = DeterministicFill.tensor("weight", [6, 5])
    let gains = (0..<2).map { DeterministicFill.tensor("gain \($0)", [[6, 4][$0]]) }
    let second = DeterministicFill.tensor("second", [4, 6])
    let statistics = [RunningStatistics(channelCount: 6), RunningStatistics(channelCount: 4)]

    init() { for tensor in parameters { tensor.requiresGradient = true } }

    var parameters: [Tensor] { [weight, second] + gains }

    /// Leaves the gradients of Σ y² of some rows.
    func pass(_ x: Tensor) -> Float {
      func norm(_ x: Tensor, _ number: Int) -> Tensor {
        batchNorm(
          x, weight: gains[number], bias: nil, statistics: statistics[number], training: true,
          epsilon: 1e-5, momentum: 0.1, rectified: number == 0)
      }
      let y = norm(
        linear(norm(linear(x, weight: weight, bias: nil), 0), weight: second, bias: nil), 1)
      let cubes = sum(multiply(y, multiply(y, y)))
      cubes.backward()
      return cubes.item
    }
  }

  @Test("Groups that meet at batch norms are the whole batch", arguments: [1, 2, 4])
  func lockstep(groups: Int) {
    let x = DeterministicFill.tensor("x", [16, 5])
    let whole = Network()
    let loss = whole.pass(x)
    let parts = Network()
    var tree = GradientTree(parts.parameters)
    var losses = [Float](repeating: 0, count: groups)
    let size = 16 / groups
    Lockstep(groups, parameters: parts.parameters).run { group in
      losses[group] = parts.pass(rows(x, group * size..<(group + 1) * size))
    } ended: { group in
      tree.add(terms: [losses[group]])
    }
    let total = tree.finish()
    expectClose(total, [Double(loss)], relative: 1e-4, absolute: 1e-5, "loss")
    for (own, other) in zip(parts.parameters, whole.parameters) {
      expectClose(
        own.gradient?.values ?? [], (other.gradient?.values ?? []).map(Double.init),
        relative: 1e-3, absolute: 1e-4, "gradient \(own.shape)")
    }
    for (own, other) in zip(parts.statistics, whole.statistics) {
      expectClose(
        own.mean.values + own.variance.values,
        (other.mean.values + other.variance.values).map(Double.init), relative: 1e-5,
        absolute: 1e-6, "running statistics")
      #expect(own.batchCount == 1)
    }
  }
}
