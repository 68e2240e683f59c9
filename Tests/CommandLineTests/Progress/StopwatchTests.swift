import CommandLine
import Foundation
import Testing

@Suite("Stopwatches")
struct StopwatchTests {
  @Test("Seconds are those that pass")
  func passes() {
    let watch = Stopwatch()
    let first = watch.seconds
    Thread.sleep(forTimeInterval: 0.02)
    let second = watch.seconds
    #expect(first >= 0 && second - first >= 0.019)
    #expect(Stopwatch().seconds < second)
  }
}
