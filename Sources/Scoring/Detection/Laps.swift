import CommandLine
import Foundation

/// Says on stderr how long each step took.
final class Laps {
  private var watch = Stopwatch()
  private let isQuiet: Bool

  init(isQuiet: Bool) { self.isQuiet = isQuiet }

  func lap(_ step: String) {
    if !isQuiet { Console.error("\(step): \(String(format: "%.2f", watch.seconds)) s") }
    watch = Stopwatch()
  }
}
