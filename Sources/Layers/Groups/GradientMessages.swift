import Dispatch
import Processes
import TensorCore

/// Gradients that are summed over processes while others are still computed.
///
/// Large ones travel as they are; small ones share a bucket, which every process fills alike: from the
/// last parameter to the first, since backward passes end with the first ones. A message is sent when
/// all of it is there and all before it are sent. A parameter that no process reached keeps no
/// gradient; where one process reached it, it counts as 0 in the others.
final class GradientMessages {
  private struct Message {
    /// Parameters, by their places.
    var members: [Int]
    var missingCount: Int
    /// All gradients, one after the other.
    var content: Tensor?
  }

  private let counts: [Int]
  private let messageOf: [Int]
  private var messages: [Message]
  private var sentCount = 0
  private var gradients: [Tensor?]
  // Whether this process has a gradient, 1 or 0; nil while it may still come.
  private var reached: [Float?]
  private let sender: Sender

  /// Plans the messages.
  ///
  /// - Parameters:
  ///   - counts: Numbers of each parameter.
  ///   - communicator: Who shares them; its `aside` is used until `finish` returns.
  ///   - largeCount: Numbers that are worth a message of their own.
  ///   - bucketCount: Numbers of a bucket at most.
  init(
    counts: [Int], communicator: any Communicator, largeCount: Int = 1 << 18,
    bucketCount: Int = 25 << 18
  ) {
    self.counts = counts
    sender = Sender(communicator.aside)
    var plan: [[Int]] = []
    var bucket: [Int] = []
    var filled = 0
    for (place, count) in counts.enumerated().reversed() {
      guard count < largeCount else {
        plan.append([place])
        continue
      }
      if filled > bucketCount - count, !bucket.isEmpty {
        plan.append(bucket)
        (bucket, filled) = ([], 0)
      }
      bucket.append(place)
      filled += count
    }
    if !bucket.isEmpty { plan.append(bucket) }
    messages = plan.map { Message(members: $0, missingCount: $0.count) }
    var messageOf = [Int](repeating: 0, count: counts.count)
    for (number, members) in plan.enumerated() {
      for place in members { messageOf[place] = number }
    }
    self.messageOf = messageOf
    gradients = Array(repeating: nil, count: counts.count)
    reached = Array(repeating: nil, count: counts.count)
  }

  /// Takes over one parameter's gradient of this process.
  func add(_ gradient: Tensor?, of place: Int) {
    precondition(reached[place] == nil, "parameter \(place) is complete once")
    gradients[place] = gradient
    reached[place] = gradient == nil ? 0 : 1
    messages[messageOf[place]].missingCount -= 1
    while sentCount < messages.count, messages[sentCount].missingCount == 0 {
      send(sentCount)
      sentCount += 1
    }
  }

  /// The sums over all processes, once all of them are here.
  ///
  /// - Parameters:
  ///   - rest: All parameters; of those that were not added, the gradients are taken from here.
  ///   - terms: Numbers that are summed alike.
  /// - Throws: What communication throws.
  func finish(rest: [Tensor], terms: [Float] = []) throws -> (gradients: [Tensor?], terms: [Float])
  {
    for (place, parameter) in rest.enumerated() where reached[place] == nil {
      add(parameter.gradient, of: place)
      parameter.gradient = nil
    }
    let numbers = reached.map { $0 ?? 0 } + terms
    let last = Tensor(numbers, shape: [numbers.count])
    sender.sum(last)
    try sender.wait()
    let isReached = last.values.map { $0 > 0 }
    var sums = [Tensor?](repeating: nil, count: counts.count)
    for number in messages.indices {
      guard let content = messages[number].content else { continue }
      var at = 0
      for place in messages[number].members {
        let end = at + counts[place]
        if isReached[place] {
          sums[place] = counts[place] == content.elementCount ? content : rows(content, at..<end)
        }
        at = end
      }
      messages[number].content = nil
    }
    return (sums, Array(last.values.dropFirst(counts.count)))
  }

  private func send(_ number: Int) {
    let parts = messages[number].members.map { place in
      gradients[place]?.reshaped(to: [counts[place]]) ?? Tensor(zeros: [counts[place]])
    }
    for place in messages[number].members { gradients[place] = nil }
    let content = parts.count == 1 ? parts[0] : concatenated(parts)
    messages[number].content = content
    sender.sum(content)
  }

  /// Sums one message after the other on a thread of its own.
  private final class Sender: @unchecked Sendable {
    private let communicator: any Communicator
    private let queue = DispatchQueue(label: "swinbench-gradients", qos: .userInitiated)
    // Touched on the queue alone.
    private var failure: (any Error)?

    init(_ communicator: any Communicator) { self.communicator = communicator }

    /// Replaces numbers by their sums some time before `wait` returns; until then they are not
    /// touched by others.
    func sum(_ numbers: Tensor) {
      nonisolated(unsafe) let numbers = numbers
      queue.async { [self] in
        guard failure == nil else { return }
        do {
          try numbers.withMutableValues { try communicator.sum($0) }
        } catch {
          failure = error
        }
      }
    }

    /// Returns when all sums are there.
    ///
    /// - Throws: The first failure.
    func wait() throws {
      communicator.setAwaited(true)
      defer { communicator.setAwaited(false) }
      try queue.sync { if let failure { throw failure } }
    }
  }
}
