import Processes
import TensorCore

/// The sum of an update's gradients over its groups of images, and over the processes that share
/// them.
///
/// Call `add` after each own group's backward pass, in order, then `finish`. Where several processes
/// share the groups, the last own group's backward pass takes `readiness`: what is complete is sent
/// while the pass goes on.
public final class GroupSum {
  private let groups: ImageGroups
  private let parameters: [Tensor]
  private var tree: GradientTree
  private var addedCount = 0
  private var messages: GradientMessages?
  private var places: [ObjectIdentifier: Int] = [:]
  // Complete in a pass that other groups have still to catch up with.
  private var waiting: [Int] = []

  /// A sum over nothing yet.
  public init(_ groups: ImageGroups, parameters: [Tensor]) {
    self.groups = groups
    self.parameters = parameters
    tree = GradientTree(parameters)
    guard groups.communicator.size > 1 else { return }
    places = Dictionary(
      parameters.enumerated().map { (ObjectIdentifier($1), $0) },
      uniquingKeysWith: { first, _ in first })
    messages = GradientMessages(
      counts: parameters.map(\.elementCount), communicator: groups.communicator)
  }

  /// What to give to the last backward pass of an own group.
  ///
  /// - Parameter group: The group's number among the own ones.
  /// - Returns: nil where nothing can be sent yet, or to nobody.
  public func readiness(ofGroup group: Int) -> ((Tensor) -> Void)? {
    guard messages != nil, group == groups.ownCount - 1 else { return nil }
    return { [self] parameter in
      guard let index = places[ObjectIdentifier(parameter)] else { return }
      waiting.append(index)
      // Where groups go side by side, the others may not have ended.
      guard addedCount == groups.ownCount - 1 else { return }
      for index in waiting { messages?.add(tree.take(index), of: index) }
      waiting = []
    }
  }

  /// Adds the next own group, whose gradients are in the parameters.
  ///
  /// - Parameter terms: Numbers that are summed alike, such as the group's part of the loss.
  public func add(terms: [Float] = []) {
    tree.add(terms: terms)
    addedCount += 1
  }

  /// Leaves the sums over all groups of all processes in the parameters.
  ///
  /// - Returns: The sums of the terms.
  /// - Throws: What communication throws.
  public func finish() throws -> [Float] {
    precondition(addedCount == groups.ownCount, "\(addedCount) of \(groups.ownCount) groups")
    addedCount = 0
    waiting = []
    let terms = tree.finish()
    guard let messages else { return terms }
    let sums = try messages.finish(rest: parameters, terms: terms)
    for (parameter, sum) in zip(parameters, sums.gradients) {
      parameter.gradient = sum?.reshaped(to: parameter.shape)
    }
    return sums.terms
  }
}
