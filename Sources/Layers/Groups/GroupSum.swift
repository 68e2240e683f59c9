import Processes
import TensorCore

/// The sum of an update's gradients over its groups of images, and over the processes that share
/// them.
///
/// Call `add` after each own group's backward pass, in order, then `finish`.
public struct GroupSum {
  private let groups: ImageGroups
  private let parameters: [Tensor]
  private var tree: GradientTree
  private var addedCount = 0

  /// A sum over nothing yet.
  public init(_ groups: ImageGroups, parameters: [Tensor]) {
    self.groups = groups
    self.parameters = parameters
    tree = GradientTree(parameters)
  }

  /// Adds the next own group, whose gradients are in the parameters.
  ///
  /// - Parameter terms: Numbers that are summed alike, such as the group's part of the loss.
  public mutating func add(terms: [Float] = []) {
    tree.add(terms: terms)
    addedCount += 1
  }

  /// Leaves the sums over all groups of all processes in the parameters.
  ///
  /// - Returns: The sums of the terms.
  /// - Throws: What communication throws.
  public mutating func finish() throws -> [Float] {
    precondition(addedCount == groups.ownCount, "\(addedCount) of \(groups.ownCount) groups")
    addedCount = 0
    var terms = tree.finish()
    let communicator = groups.communicator
    guard communicator.size > 1 else { return terms }
    // A parameter without a gradient in any process has none; in one alone it counts as 0 there.
    let termCount = terms.count
    terms += parameters.map { $0.gradient == nil ? 0 : 1 }
    try terms.withUnsafeMutableBufferPointer { try communicator.sum($0) }
    let reached = zip(parameters, terms[termCount...]).filter { $1 > 0 }.map(\.0)
    for parameter in reached where parameter.gradient == nil {
      parameter.gradient = Tensor(zeros: parameter.shape)
    }
    try sum(reached.compactMap(\.gradient), communicator)
    return Array(terms[..<termCount])
  }

  // Small tensors share a message; one of 25 MiB hides the start-up of its exchange.
  private static let bucketCount = 25 << 18

  private func sum(_ gradients: [Tensor], _ communicator: any Communicator) throws {
    var first = 0
    while first < gradients.count {
      var end = first
      var count = 0
      while end < gradients.count,
        end == first || count + gradients[end].elementCount <= Self.bucketCount
      {
        count += gradients[end].elementCount
        end += 1
      }
      let bucket = concatenated(
        gradients[first..<end].map { $0.reshaped(to: [$0.elementCount]) })
      try bucket.withMutableValues { try communicator.sum($0) }
      var at = 0
      for gradient in gradients[first..<end] {
        gradient.assign(rows(bucket, at..<at + gradient.elementCount))
        at += gradient.elementCount
      }
      first = end
    }
  }
}
