import Foundation

/// Makes elements on threads of its own, a few ahead of their use, and hands them out in order.
///
/// An element has parts, such as the images of a batch, which different threads make side by side.
/// What is made depends on the element's number and the part's alone, so neither the number of
/// threads nor their timing shows in it.
public final class OrderedPrefetch<Element>: @unchecked Sendable {
  /// An element all of whose parts are done, and what went wrong with some of them, by part.
  public typealias Made = (element: Element, failures: [(part: Int, error: any Error)])

  private let shared: Shared
  private var upcoming: Int

  /// Starts the threads.
  ///
  /// - Parameters:
  ///   - elements: Numbers of the elements that are wanted, first to last.
  ///   - depth: How many elements are in the making at most, the one waited for included.
  ///   - threadCount: Threads; at least one runs.
  ///   - partCount: How many parts an element has; none is allowed.
  ///   - open: Makes an element's place, in order; runs on one thread at a time.
  ///   - load: Fills one part; runs on any thread, beside others of the same element.
  public init(
    _ elements: Range<Int>, depth: Int, threadCount: Int, partCount: @escaping (Int) -> Int,
    open: @escaping (_ number: Int) -> Element,
    load: @escaping (_ element: Element, _ number: Int, _ part: Int) throws -> Void
  ) {
    upcoming = elements.lowerBound
    shared = Shared(
      elements, depth: max(1, depth), partCount: partCount, open: open, load: load)
    guard !elements.isEmpty else { return }
    for _ in 0..<max(1, threadCount) {
      let thread = Thread { [shared] in shared.work() }
      thread.stackSize = 4 << 20
      thread.start()
    }
  }

  deinit { shared.cancel() }

  /// The next element, or nil at the end.
  ///
  /// Failures come in the order of the parts, whichever thread was first.
  public func next() -> Made? {
    guard upcoming < shared.elements.upperBound else { return nil }
    defer { upcoming += 1 }
    return shared.take(upcoming)
  }

  /// What threads and owner share; it outlives the owner until the last thread has left.
  private final class Shared: @unchecked Sendable {
    private final class Slot {
      let element: Element
      let partCount: Int
      var started = 0
      var remaining: Int
      var failures: [(part: Int, error: any Error)] = []

      init(_ element: Element, partCount: Int) {
        self.element = element
        self.partCount = partCount
        remaining = partCount
      }
    }

    let elements: Range<Int>
    private let depth: Int
    private let partCount: (Int) -> Int
    private let open: (Int) -> Element
    private let load: (Element, Int, Int) throws -> Void
    // Everything below is used under the condition.
    private let condition = NSCondition()
    private var slots: [Int: Slot] = [:]
    private var opened: Int
    private var consumed: Int
    private var isCancelled = false

    init(
      _ elements: Range<Int>, depth: Int, partCount: @escaping (Int) -> Int,
      open: @escaping (Int) -> Element, load: @escaping (Element, Int, Int) throws -> Void
    ) {
      self.elements = elements
      self.depth = depth
      self.partCount = partCount
      self.open = open
      self.load = load
      opened = elements.lowerBound
      consumed = elements.lowerBound
    }

    func cancel() {
      condition.lock()
      isCancelled = true
      condition.broadcast()
      condition.unlock()
    }

    func work() {
      condition.lock()
      defer { condition.unlock() }
      while !isCancelled {
        guard let (slot, number, part) = claim() else {
          if opened == elements.upperBound { return }
          condition.wait()
          continue
        }
        condition.unlock()
        let result = Result { try load(slot.element, number, part) }
        condition.lock()
        if case .failure(let error) = result { slot.failures.append((part, error)) }
        slot.remaining -= 1
        if slot.remaining == 0 { condition.broadcast() }
      }
    }

    /// The first part that nobody works on, opening elements as far as the depth allows.
    private func claim() -> (slot: Slot, number: Int, part: Int)? {
      var number = consumed
      while number < elements.upperBound {
        if number == opened {
          guard opened < consumed + depth else { return nil }
          slots[number] = Slot(open(number), partCount: partCount(number))
          opened += 1
          // Other threads take its other parts; one without parts is done at once.
          condition.broadcast()
        }
        if let slot = slots[number], slot.started < slot.partCount {
          slot.started += 1
          return (slot, number, slot.started - 1)
        }
        number += 1
      }
      return nil
    }

    func take(_ number: Int) -> Made? {
      condition.lock()
      defer { condition.unlock() }
      while (slots[number]?.remaining ?? 1) > 0 { condition.wait() }
      let slot = slots.removeValue(forKey: number)
      consumed = number + 1
      condition.broadcast()
      return slot.map { ($0.element, $0.failures.sorted { $0.part < $1.part }) }
    }
  }
}
