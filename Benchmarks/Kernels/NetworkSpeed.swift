import Foundation
import Processes

/// Times messages between processes: what one costs by itself, and how many bytes pass in a second.
struct NetworkSpeed {
  private let ranks: any Communicator

  init(_ ranks: any Communicator) { self.ranks = ranks }

  /// Measures swaps by size between the first process and its neighbour, and between the first and
  /// the last, which launchers put on another machine if there is one; then what all do together.
  func measure(floats: Int) throws {
    if ranks.size > 1 {
      for partner in Set([1, ranks.size - 1]).sorted() {
        for size in [3, 8, 11, 14, 17, 20, 23, 26].map({ 1 << $0 }) {
          try swaps(with: partner, size)
        }
      }
      try together("barrier", 0) { try ranks.barrier() }
    }
    guard ranks.size.nonzeroBitCount == 1 else { return }
    var numbers = [Float](repeating: 1, count: floats)
    for count in [1, 1000, floats] where count <= floats {
      try together("sum", count * 4) {
        numbers.withUnsafeMutableBufferPointer {
          UnsafeMutableBufferPointer(rebasing: $0[..<count]).update(repeating: 1)
        }
      } _: {
        try numbers.withUnsafeMutableBufferPointer {
          try ranks.sum(.init(rebasing: $0[..<count]))
        }
      }
    }
  }

  /// Both ways at once between rank 0 and a partner, while the others wait.
  private func swaps(with partner: Int, _ size: Int) throws {
    let own = [UInt8](repeating: 1, count: size)
    var received = [UInt8](repeating: 0, count: size)
    let isPart = ranks.rank == 0 || ranks.rank == partner
    let other = ranks.rank == 0 ? partner : 0
    let seconds = try best(0.5) {
      guard isPart else { return }
      try own.withUnsafeBytes { bytes in
        try received.withUnsafeMutableBytes { try ranks.swap(bytes, into: $0, with: other) }
      }
    }
    report(
      "swap", size, seconds, extra: ["with": partner, "MBps": Double(size) / seconds / 1e6])
  }

  private func together(
    _ what: String, _ size: Int, prepare: () -> Void = {}, _ body: () throws -> Void
  ) throws {
    report(what, size, try best(1, prepare: prepare, body))
  }

  /// Seconds of one call: the best of five rounds, as the slowest process saw them.
  ///
  /// - Parameter budget: About how many seconds all rounds may take.
  private func best(_ budget: Double, prepare: () -> Void = {}, _ body: () throws -> Void) throws
    -> Double
  {
    func round(_ count: Int) throws -> Double {
      var total = 0.0
      try ranks.barrier()
      for _ in 0..<count {
        prepare()
        let start = DispatchTime.now().uptimeNanoseconds
        try body()
        total += Double(DispatchTime.now().uptimeNanoseconds - start)
      }
      // Those who only wait have no say.
      return Double(try ranks.gather([Float(total)]).max() ?? 0) / 1e9 / Double(count)
    }
    let first = try round(3)
    let count = max(1, min(2000, Int(budget / 5 / max(first, 1e-7))))
    return try (0..<5).reduce(first) { shortest, _ in min(shortest, try round(count)) }
  }

  private func report(_ what: String, _ size: Int, _ seconds: Double, extra: [String: Any] = [:]) {
    guard ranks.isRoot else { return }
    BenchKernels.report(
      [
        "part": "network", "what": what, "bytes": size, "microseconds": seconds * 1e6,
        "processes": ranks.size, "onThisMachine": ranks.localSize,
        "library": Processes.versionOfMPI ?? "none",
      ].merging(extra) { $1 })
  }
}
