import Foundation
import Harness

/// Trains and scores a linear classifier and kNN on frozen features, and compares backbones.
@main
struct BenchLinear {
  static func main() {
    LinearCommand.run(Array(Swift.CommandLine.arguments.dropFirst()))
  }
}
