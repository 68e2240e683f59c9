import Dispatch
import Processes
import TensorCore

/// Gradients that are summed over processes while others are still computed.
///
/// They travel in buckets that every process fills alike: from the last parameter to the first, since
/// backward passes end with the first ones. A bucket is sent when all of it is there and all buckets
/// before it are sent. In front of its gradients stands for each whether there is one, so that a
/// parameter that no process reached keeps none; where one process reached it, it counts as 0 in the
/// others.
final class GradientMessages {
  private struct Bucket {
    /// Parameters, by their places.
    var members: [Int]
    var missingCount: Int
    /// How many of `members` have a gradient in any process, each, then all gradients.
    var content: Tensor?
  }

  private let counts: [Int]
  private let bucketOf: [Int]
  private var buckets: [Bucket]
  private var sentCount = 0
  private var gradients: [Tensor?]
  private var isThere: [Bool]
  private let sender: Sender

  /// Plans the buckets.
  ///
  /// - Parameters:
  ///   - counts: Numbers of each parameter.
  ///   - communicator: Who shares them; its `aside` is used until `finish` returns.
  ///   - bucketCount: Numbers of a bucket; 25 MiB hide the start-up of an exchange.
  init(counts: [Int], communicator: any Communicator, bucketCount: Int = 25 << 18) {
    self.counts = counts
    sender = Sender(communicator.aside)
    var members: [[Int]] = []
    var filled = Int.max
    for (place, count) in counts.enumerated().reversed() {
      if filled > bucketCount - count {
        members.append([])
        filled = 0
      }
      members[members.count - 1].append(place)
      filled += count
    }
    buckets = members.map { Bucket(members: $0, missingCount: $0.count) }
    var bucketOf = [Int](repeating: 0, count: counts.count)
    for (number, bucket) in buckets.enumerated() {
      for place in bucket.members { bucketOf[place] = number }
    }
    self.bucketOf = bucketOf
    gradients = Array(repeating: nil, count: counts.count)
    isThere = Array(repeating: false, count: counts.count)
  }

  /// Takes over one parameter's gradient of this process.
  func add(_ gradient: Tensor?, of place: Int) {
    precondition(!isThere[place], "parameter \(place) is complete once")
    isThere[place] = true
    gradients[place] = gradient
    buckets[bucketOf[place]].missingCount -= 1
    while sentCount < buckets.count, buckets[sentCount].missingCount == 0 {
      send(sentCount)
      sentCount += 1
    }
  }

  /// The sums over all processes, once all of them are here.
  ///
  /// - Parameter rest: All parameters; of those that were not added, the gradients are taken from
  ///   here.
  /// - Throws: What communication throws.
  func finish(rest: [Tensor]) throws -> [Tensor?] {
    for (place, parameter) in rest.enumerated() where !isThere[place] {
      add(parameter.gradient, of: place)
      parameter.gradient = nil
    }
    try sender.wait()
    var sums = [Tensor?](repeating: nil, count: counts.count)
    for number in buckets.indices {
      guard let content = buckets[number].content else { continue }
      let members = buckets[number].members
      var at = members.count
      for (place, reached) in zip(members, rows(content, 0..<at).values) {
        if reached > 0 { sums[place] = rows(content, at..<at + counts[place]) }
        at += counts[place]
      }
      buckets[number].content = nil
    }
    return sums
  }

  private func send(_ number: Int) {
    let members = buckets[number].members
    let flags = Tensor(members.map { gradients[$0] == nil ? 0 : 1 }, shape: [members.count])
    let content = concatenated(
      [flags]
        + members.map { place in
          gradients[place]?.reshaped(to: [counts[place]]) ?? Tensor(zeros: [counts[place]])
        })
    for place in members { gradients[place] = nil }
    buckets[number].content = content
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
