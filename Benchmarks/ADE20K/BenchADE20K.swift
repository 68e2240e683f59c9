import Foundation
import Harness

/// Measures backbones by semantic segmentation, and scores predictions made elsewhere.
@main
struct BenchADE20K {
  static func main() {
    SegmentationCommands.run(Array(Swift.CommandLine.arguments.dropFirst()))
  }
}
