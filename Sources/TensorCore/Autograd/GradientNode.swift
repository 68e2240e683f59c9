import Synchronization

/// One recorded operation: what went in, and how the gradient of its output becomes theirs.
final class GradientNode {
  var inputs: [Tensor]
  let sequence: Int
  /// From the gradient of the output to one gradient an input (nil where none is needed).
  var backward: ((Tensor) -> [Tensor?])?
  var accumulated: Tensor?

  init(inputs: [Tensor], sequence: Int, backward: @escaping (Tensor) -> [Tensor?]) {
    self.inputs = inputs
    self.sequence = sequence
    self.backward = backward
  }
}

/// Whether operations are recorded, and how many were.
enum Recorder {
  @TaskLocal static var isOff = false
  // Graphs of several threads share the counter; only the order within each matters.
  static let counter = Atomic<Int>(0)
}

/// Runs `body` without recording: nothing is kept for a backward pass.
public func withoutGradients<Result>(_ body: () throws -> Result) rethrows -> Result {
  try Recorder.$isOff.withValue(true) { try body() }
}

/// Whether a gradient is wanted for any of the tensors.
func needsGradient(_ inputs: [Tensor]) -> Bool {
  guard !Recorder.isOff else { return false }
  return inputs.contains { $0.requiresGradient || $0.node != nil }
}

extension Tensor {
  /// Whether a gradient of this tensor leads anywhere.
  var wantsGradient: Bool { requiresGradient || node != nil }
}

/// Attaches the backward step to an operation's output, if any input wants a gradient.
@discardableResult
func record(
  _ output: Tensor, inputs: [Tensor], backward: @escaping (Tensor) -> [Tensor?]
) -> Tensor {
  guard needsGradient(inputs) else { return output }
  let sequence = Recorder.counter.add(1, ordering: .relaxed).newValue
  output.node = GradientNode(inputs: inputs, sequence: sequence, backward: backward)
  return output
}

extension Tensor {
  /// Adds d(self)/d(parameter) to the gradient of every parameter this tensor was computed from.
  ///
  /// Operations are visited from the last to the first and let go of what they kept on the way.
  ///
  /// - Parameters:
  ///   - seed: The gradient of this tensor, of its shape; 1 when absent.
  ///   - ready: Called with every parameter as soon as this pass adds nothing more to its gradient,
  ///     which it may take out.
  /// - Precondition: without a seed the tensor has one element.
  public func backward(_ seed: Tensor? = nil, ready: ((Tensor) -> Void)? = nil) {
    precondition(
      seed != nil || elementCount == 1,
      "backward() without a seed needs one element, this tensor has shape \(shape)")
    let start = seed ?? Tensor(repeating: 1, shape: shape)
    precondition(
      start.elementCount == elementCount, "the seed \(start.shape) does not fit \(shape)")
    guard let root = node else {
      if requiresGradient {
        accumulate(start)
        ready?(self)
      }
      return
    }
    root.accumulated = start
    let nodes = Self.newestFirst(from: root)
    var uses = ready == nil ? nil : ParameterUses(nodes)
    for node in nodes {
      let inputs = node.inputs
      defer { if let ready { uses?.passed(inputs).forEach(ready) } }
      guard let gradient = node.accumulated, let backward = node.backward else { continue }
      node.accumulated = nil
      node.backward = nil
      let gradients = withoutGradients { backward(gradient) }
      precondition(gradients.count == node.inputs.count, "one gradient an input")
      for (input, gradient) in zip(node.inputs, gradients) {
        guard let gradient else { continue }
        precondition(
          gradient.elementCount == input.elementCount,
          "gradient \(gradient.shape) does not fit input \(input.shape)")
        if let producer = input.node {
          producer.accumulated = Self.sum(producer.accumulated, gradient)
        } else if input.requiresGradient {
          input.accumulate(gradient)
        }
      }
      node.inputs = []
    }
  }

  private static func newestFirst(from root: GradientNode) -> [GradientNode] {
    var seen: Set<ObjectIdentifier> = [ObjectIdentifier(root)]
    var nodes = [root]
    var at = 0
    while at < nodes.count {
      for input in nodes[at].inputs {
        guard let node = input.node, seen.insert(ObjectIdentifier(node)).inserted else { continue }
        nodes.append(node)
      }
      at += 1
    }
    return nodes.sorted { $0.sequence > $1.sequence }
  }

  private static func sum(_ present: Tensor?, _ addition: Tensor) -> Tensor {
    guard let present else { return addition }
    // Operations may hand one tensor to several inputs, so the sum goes into fresh memory.
    let total = Tensor(uninitialized: present.shape)
    Kernels.add(present.pointer, addition.pointer, into: total.pointer, count: total.elementCount)
    return total
  }

  private func accumulate(_ addition: Tensor) {
    guard let present = gradient else {
      gradient = Tensor(shape: shape, storage: addition.storage).copied()
      return
    }
    Kernels.add(present.pointer, addition.pointer, into: present.pointer, count: elementCount)
  }
}

/// How many operations of a pass still may add to each parameter's gradient.
private struct ParameterUses {
  private var counts: [ObjectIdentifier: Int] = [:]

  init(_ nodes: [GradientNode]) {
    for node in nodes {
      for parameter in Self.parameters(node.inputs) {
        counts[ObjectIdentifier(parameter), default: 0] += 1
      }
    }
  }

  /// The parameters among the inputs of an operation that is done that no other one waits for.
  mutating func passed(_ inputs: [Tensor]) -> [Tensor] {
    Self.parameters(inputs).filter { parameter in
      let count = (counts[ObjectIdentifier(parameter)] ?? 1) - 1
      counts[ObjectIdentifier(parameter)] = count
      return count == 0
    }
  }

  private static func parameters(_ inputs: [Tensor]) -> [Tensor] {
    inputs.filter { $0.requiresGradient && $0.node == nil }
  }
}
