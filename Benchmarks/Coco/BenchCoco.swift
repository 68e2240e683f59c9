import Foundation
import Harness

/// Object detection and instance segmentation on COCO.
@main
struct BenchCoco {
  static func main() {
    CocoCommands.run(Array(Swift.CommandLine.arguments.dropFirst()))
  }
}
