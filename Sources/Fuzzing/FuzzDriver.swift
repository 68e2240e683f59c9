import CounterRandom
import FileSupport
import Foundation

/// One kind of input that is made wrong on purpose, and the readers that it is given to.
package protocol FuzzDriver {
  /// What the command line and the figures call it.
  static var name: String { get }
  /// Sets the driver up.
  ///
  /// - Parameter folder: Empty, and the driver's own: what is sound to begin with goes there, and
  ///   so does every input.
  init(folder: String) throws
  /// Makes one input from random draws and hands it to its readers.
  ///
  /// - Throws: What the readers throw; a value and a refusal are both right.
  mutating func read(_ random: inout RandomStream) throws
}

/// Every driver, in the order of the figures.
package enum FuzzDrivers {
  package static var all: [any FuzzDriver.Type] {
    [
      PickleDriver.self, ShapeDriver.self, TensorTableDriver.self, CocoDriver.self,
      SegmentationDriver.self, ImageDriver.self, RunFolderDriver.self, StateDriver.self,
      CacheDriver.self, OptionDriver.self, ArchiveDriver.self, VOCDriver.self,
      PredictionDriver.self,
    ]
  }
}

/// What became of one input.
package struct FuzzOutcome {
  /// How an input ended.
  package enum Verdict: Equatable {
    /// It was read.
    case value
    /// It was refused, in one sentence.
    case refused(String)
    /// What must not be: an error that is no sentence, or one that came too late.
    case fault(String)
  }

  /// How it ended.
  package let verdict: Verdict
  /// Processor seconds that it took.
  package let seconds: Double
}

/// Hands inputs to a driver and judges how they end.
///
/// Input number n of a driver is the same in every process, so a number is all that a report of a
/// fault needs.
package struct FuzzTrial {
  private var driver: any FuzzDriver
  /// Processor seconds after which an input took too long.
  package var limit = 10.0

  /// Sets a driver up in an empty folder.
  package init(_ driver: any FuzzDriver.Type, folder: String) throws {
    try AtomicFile.makeFolder(folder)
    self.driver = try driver.init(folder: folder)
  }

  /// Reads one input.
  package mutating func run(_ number: UInt64) -> FuzzOutcome {
    var random = RandomStream(seed: number, purpose: .test)
    let start = Self.processorSeconds
    var verdict = FuzzOutcome.Verdict.value
    do {
      try driver.read(&random)
    } catch let error as any ReportableError {
      verdict = Self.complaint(about: error).map { .fault($0) } ?? .refused(error.sentence)
    } catch {
      verdict = .fault("\(type(of: error)) is no error for users: \(error)")
    }
    let seconds = Self.processorSeconds - start
    if seconds > limit {
      verdict = .fault("took \(String(format: "%.1f", seconds)) s of the processor")
    }
    return FuzzOutcome(verdict: verdict, seconds: seconds)
  }

  /// What is wrong with an error's text or status; nil when it is one sentence.
  package static func complaint(about error: any ReportableError) -> String? {
    let sentence = error.sentence
    func fault(_ problem: String) -> String { "\(problem): \(sentence)" }
    if error.exitCode == .success { return fault("ends with status 0") }
    if sentence.count < 10 { return fault("says next to nothing") }
    if sentence.count > 2000 { return fault("has \(sentence.count) letters") }
    if sentence.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) {
      return fault("holds control characters")
    }
    guard let last = sentence.last, ".?".contains(last) else { return fault("has no end") }
    for leak in ["Optional(", "nil", "Error Domain"] where sentence.contains(leak) {
      return fault("shows '\(leak)'")
    }
    return nil
  }

  /// Seconds that this process has computed: what another process does on the machine counts not.
  private static var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

extension RandomStream {
  /// One of several.
  mutating func pick<Items: RandomAccessCollection>(_ items: Items) -> Items.Element
  where Items.Index == Int {
    items[items.startIndex + below(items.count)]
  }

  /// Whether something happens that happens once in `count`.
  mutating func once(in count: Int) -> Bool { below(count) == 0 }
}
