import CommandLine
import Foundation
import Harness

/// Trains and scores a linear classifier and kNN on frozen features, and compares backbones.
@main
struct BenchLinear {
  static func main() {
    let arguments = LinearBenchmark.resolved(Array(Swift.CommandLine.arguments.dropFirst()))
    Command.run(LinearOptions.self, arguments: arguments) { try LinearBenchmark.run($0) }
  }
}
