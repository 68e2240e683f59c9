/// The gradients of parts of a batch, summed by one fixed binary tree.
///
/// A part is what one backward pass (or several after each other) leaves in the parameters. Parts
/// are added in order; two neighbours of one height make one of the next, as binary counters carry:
/// ((0 + 1) + (2 + 3)) + …. The sum does not depend on who computes which part, as long as whoever
/// computes several has all leaves of one branch. Numbers beside the gradients (losses) go the same
/// way.
///
/// Memory: at most one set of gradients a level of the tree.
public struct GradientTree {
  /// What a branch came to; nil where no part had a gradient.
  struct Branch {
    var height = 0
    var gradients: [Tensor?]
    var terms: [Float]
  }

  private let parameters: [Tensor]
  private var branches: [Branch] = []

  /// A tree without a part.
  public init(_ parameters: [Tensor]) { self.parameters = parameters }

  /// Adds the next part: takes the gradients out of the parameters.
  ///
  /// - Parameter terms: Numbers that are summed alike; of one count for all parts.
  public mutating func add(terms: [Float] = []) {
    var branch = Branch(gradients: parameters.map(\.gradient), terms: terms)
    for parameter in parameters { parameter.gradient = nil }
    while let left = branches.last, left.height == branch.height {
      branches.removeLast()
      branch = Self.joined(left, branch)
    }
    branches.append(branch)
  }

  /// Leaves the sum of all parts in the parameters and is empty again.
  ///
  /// - Returns: The sums of the terms.
  public mutating func finish() -> [Float] {
    guard var sum = branches.popLast() else { return [] }
    // Parts that are no power of two: what is left over joins from the right.
    while let left = branches.popLast() { sum = Self.joined(left, sum) }
    for (parameter, gradient) in zip(parameters, sum.gradients) { parameter.gradient = gradient }
    return sum.terms
  }

  /// Takes one parameter's sum out ahead of the others: over the parts that were added and the last
  /// one, whose gradient is in the parameter.
  ///
  /// - Parameter index: The parameter's place among those of `init`.
  /// - Returns: The sum; nil where no part had a gradient.
  public mutating func take(_ index: Int) -> Tensor? {
    var sum = parameters[index].gradient
    parameters[index].gradient = nil
    for branch in branches.indices.reversed() {
      sum = Self.sum(branches[branch].gradients[index], sum)
      branches[branch].gradients[index] = nil
    }
    return sum
  }

  private static func joined(_ left: Branch, _ right: Branch) -> Branch {
    precondition(left.terms.count == right.terms.count, "each part has the same terms")
    return Branch(
      height: max(left.height, right.height) + 1,
      gradients: zip(left.gradients, right.gradients).map { sum($0, $1) },
      terms: zip(left.terms, right.terms).map { $0 + $1 })
  }

  private static func sum(_ left: Tensor?, _ right: Tensor?) -> Tensor? {
    guard let left, let right else { return left ?? right }
    addInPlace(right, to: left)
    return left
  }
}
