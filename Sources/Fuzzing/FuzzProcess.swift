import CommandLine
import FileSupport
import Foundation
import Threads

/// The inputs of one driver in this process, one after the other.
///
/// A trap ends the process; the journal then names the input.
struct FuzzProcess {
  let driver: any FuzzDriver.Type
  let inputs: Range<UInt64>
  let folder: String
  /// Bytes of address space that the process may take; more ends it.
  let memory: Int
  /// Whether every refusal is printed.
  let says: Bool

  /// Reads the inputs.
  ///
  /// - Parameters:
  ///   - journal: Where the numbers go.
  ///   - fault: Told the number and the complaint of every input that did not end as it should.
  /// - Throws: What setting the driver up throws.
  func run(_ journal: FuzzJournal, fault: (UInt64, String) throws -> Void) throws {
    var limit = rlimit(rlim_cur: rlim_t(memory), rlim_max: rlim_t(memory))
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    // A core file a trap would fill the disk.
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    ThreadPool.shared.threadCount = 1
    ProgressReporter.silence()
    var trial = try FuzzTrial(driver, folder: folder)
    journal[.isSetUp] = 1
    for number in inputs {
      journal[.current] = Int(number)
      let outcome = trial.run(number)
      switch outcome.verdict {
      case .value: journal[.values] += 1
      case .refused(let sentence):
        journal[.refused] += 1
        if says { Console.output("\(driver.name) \(number): \(sentence)") }
      case .fault(let complaint): try fault(number, complaint)
      }
      let microseconds = Int(outcome.seconds * 1e6)
      if microseconds > journal[.slowest] {
        (journal[.slowest], journal[.slowestInput]) = (microseconds, Int(number))
      }
      let bytes = Self.peakBytes
      if bytes > journal[.peak] {
        // The inputs before it made the rest of it: only a step is worth a name.
        if bytes > journal[.peak] + 16 << 20 { journal[.peakInput] = Int(number) }
        journal[.peak] = bytes
      }
      journal[.done] += 1
    }
  }

  private static var peakBytes: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss << 10
  }
}
