import Synchronization
import Testing

@testable import CommandLine

/// A clock and a screen that a test holds in its hands.
private final class Desk: Sendable {
  let time = Mutex(0.0)
  let written = Mutex<[String]>([])

  func output(isTerminal: Bool, columnCount: Int? = nil) -> ProgressReporter.Output {
    ProgressReporter.Output(
      isTerminal: isTerminal, columnCount: columnCount, now: { self.time.withLock { $0 } },
      write: { text in self.written.withLock { $0.append(text) } })
  }

  func wait(_ seconds: Double) { time.withLock { $0 += seconds } }
  var lines: [String] { written.withLock { $0 } }
}

@Suite("Progress", .timeLimit(.minutes(5)))
struct ProgressTests {
  private func reporter(
    _ desk: Desk, total: Int, isTerminal: Bool = false, columnCount: Int? = nil,
    resumedAt: Int = 0, isQuiet: Bool = false
  ) -> ProgressReporter {
    ProgressReporter(
      "features", total: total, unit: "images", resumedAt: resumedAt,
      output: desk.output(isTerminal: isTerminal, columnCount: columnCount), isQuiet: isQuiet)
  }

  @Test("Lines are written over on a terminal, not in files or on one that calls itself dumb")
  func terminals() {
    typealias Output = ProgressReporter.Output
    #expect(Output.rewritesLines(isTerminal: true, term: "xterm-256color"))
    #expect(Output.rewritesLines(isTerminal: true, term: nil))
    #expect(!Output.rewritesLines(isTerminal: true, term: "dumb"))
    #expect(!Output.rewritesLines(isTerminal: false, term: "xterm"))
  }

  @Test("In a file a line comes within two seconds, then every ten, and one at the end")
  func file() {
    let desk = Desk()
    let progress = reporter(desk, total: 160)
    // A quarter of a second is exact in binary, so that no line depends on rounding.
    for _ in 0..<160 {
      desk.wait(0.25)
      progress.advance(extra: "loss 1.25")
    }
    progress.finish()
    #expect(
      desk.lines == [
        "features 0/160\n",
        "features 8/160  4.0 images/s  38 s left  loss 1.25\n",
        "features 48/160  4.0 images/s  28 s left  loss 1.25\n",
        "features 88/160  4.0 images/s  18 s left  loss 1.25\n",
        "features 128/160  4.0 images/s  8 s left  loss 1.25\n",
        "features 160/160  4.0 images/s  in 40 s  loss 1.25\n",
      ])
  }

  @Test("On a terminal one line is rewritten and never reaches the edge")
  func terminal() {
    let desk = Desk()
    let progress = reporter(desk, total: 10, isTerminal: true, columnCount: 20)
    desk.wait(1)
    progress.advance(by: 5)
    progress.finish()
    #expect(
      desk.lines == [
        "\r\u{1B}[Kfeatures 0/10", "\r\u{1B}[Kfeatures 5/10  5.0 ",
        "\r\u{1B}[Kfeatures 5/10  5.0 \n",
      ])
  }

  @Test("Resumed work counts as done, but not for the rate")
  func resumed() {
    let desk = Desk()
    let progress = reporter(desk, total: 1000, resumedAt: 900)
    desk.wait(10)
    progress.advance(by: 50)
    #expect(desk.lines.last == "features 950/1000  5.0 images/s  10 s left\n")
  }

  @Test("Work that counts by itself may say how much is done, and never goes back")
  func ownCount() {
    let desk = Desk()
    let progress = reporter(desk, total: 100)
    desk.wait(2)
    progress.advance(to: 40)
    progress.advance(to: 30)
    progress.finish()
    #expect(desk.lines == ["features 0/100\n", "features 40/100  20 images/s  3 s left\n"])
  }

  @Test("Quiet progress says nothing")
  func quiet() {
    let desk = Desk()
    let progress = reporter(desk, total: 2, isQuiet: true)
    desk.wait(20)
    progress.advance()
    progress.finish()
    #expect(desk.lines.isEmpty)
  }

  @Test("Many threads may report; nothing is lost")
  func threads() async {
    let desk = Desk()
    let progress = reporter(desk, total: 800)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 { group.addTask { for _ in 0..<100 { progress.advance() } } }
    }
    desk.wait(1)
    progress.finish()
    #expect(desk.lines.last == "features 800/800  800 images/s  in 1 s\n")
  }

  @Test("The rate follows a slower stretch, and one long pause does not stop it")
  func estimate() throws {
    var estimate = ProgressEstimate(at: 0)
    #expect(estimate.rate == nil)
    var time = 0.0
    for _ in 0..<120 {
      time += 1
      estimate.advance(by: 100, at: time)
    }
    #expect(abs(try #require(estimate.rate) - 100) < 1e-9)
    for _ in 0..<90 {
      time += 1
      estimate.advance(by: 20, at: time)
    }
    // After three times the memory 5 % of the difference is left.
    #expect(abs(try #require(estimate.rate) - 24) < 1)
    time += 3600
    estimate.advance(by: 20, at: time)
    #expect(try #require(estimate.rate) > 10)
    #expect(try #require(estimate.seconds(for: 0)) == 0)
  }

  @Test("Durations read as people say them")
  func durations() {
    #expect(ProgressReporter.duration(42.4) == "42 s")
    #expect(ProgressReporter.duration(185) == "3 min 05 s")
    #expect(ProgressReporter.duration(7800) == "2 h 10 min")
    #expect(ProgressReporter.duration(.infinity) == "a very long time")
  }
}
