import Foundation

/// Groups of a batch whose passes go forward side by side, because some operation needs a sum over
/// all of them: batch normalisation.
///
/// Each group runs on a thread of its own, and one at a time: a group runs until it meets the others
/// or ends, then the next one does. So every group's pass is what it would be alone, its gradients
/// are its own, and only what meets sees the whole batch. Loops inside of operations use all threads
/// as ever.
public final class Lockstep: @unchecked Sendable {
  // The group that runs on this thread.
  @TaskLocal private static var member: (lockstep: Lockstep, group: Int)?

  /// The sums of the running pass; nil where a pass stands for its whole batch.
  static var current: Meeting? {
    member.map { Meeting(lockstep: $0.lockstep, group: $0.group) }
  }

  /// What an operation of one group sees of the others.
  struct Meeting {
    fileprivate let lockstep: Lockstep
    fileprivate let group: Int
    /// Whether this group does what must be done once.
    var isFirst: Bool { group == 0 }

    /// The sum over all groups, by the tree of `GradientTree`; each group must ask alike.
    func sum(_ values: [Float]) -> [Float] { lockstep.sum(values, of: group) }
  }

  private let count: Int
  private let parameters: [Tensor]
  private let across: ([Float]) -> [Float]
  private var gates: [DispatchSemaphore]
  private let back = DispatchSemaphore(value: 0)
  private var offered: [[Float]?]
  private var agreed: [Float] = []
  private var gradients: [[Tensor?]]

  /// Sets the groups.
  ///
  /// - Parameters:
  ///   - parameters: Whose gradients are kept apart.
  ///   - across: From this process's sums to those over all processes.
  public init(
    _ count: Int, parameters: [Tensor], across: @escaping ([Float]) -> [Float] = { $0 }
  ) {
    precondition(count > 0, "a batch has a group")
    self.count = count
    self.parameters = parameters
    self.across = across
    gates = (0..<count).map { _ in DispatchSemaphore(value: 0) }
    offered = Array(repeating: nil, count: count)
    gradients = Array(repeating: Array(repeating: nil, count: parameters.count), count: count)
  }

  /// Runs `body` for every group.
  ///
  /// - Parameter ended: Called as each group ends, in order, with its gradients in the parameters; it
  ///   must take them out.
  public func run(_ body: @escaping (Int) -> Void, ended: (Int) -> Void) {
    guard count > 1 else {
      Self.$member.withValue((self, 0)) { body(0) }
      ended(0)
      return
    }
    // Escapes to the groups' threads, all of which have ended when this returns.
    nonisolated(unsafe) let body = body
    for group in 0..<count {
      let thread = Thread { [self] in
        gates[group].wait()
        Self.$member.withValue((self, group)) { body(group) }
        back.signal()
      }
      thread.stackSize = 16 << 20
      thread.name = "swinbench-group-\(group)"
      thread.start()
    }
    while true {
      var endedCount = 0
      for group in 0..<count {
        exchangeGradients(group)
        gates[group].signal()
        back.wait()
        if offered[group] == nil {
          endedCount += 1
          ended(group)
        } else {
          exchangeGradients(group)
        }
      }
      if endedCount == count { return }
      precondition(endedCount == 0, "every group meets as often")
      agreed = across(Self.tree(offered.map { $0 ?? [] }))
      offered = Array(repeating: nil, count: count)
    }
  }

  private func exchangeGradients(_ group: Int) {
    for (index, parameter) in parameters.enumerated() {
      (parameter.gradient, gradients[group][index]) = (gradients[group][index], parameter.gradient)
    }
  }

  private func sum(_ values: [Float], of group: Int) -> [Float] {
    guard count > 1 else { return across(values) }
    offered[group] = values
    back.signal()
    gates[group].wait()
    return agreed
  }

  private static func tree(_ parts: [[Float]]) -> [Float] {
    var tree = GradientTree([])
    for part in parts { tree.add(terms: part) }
    return tree.finish()
  }
}
