import Models
import Reporting

extension Deviations {
  /// Notes that batch norms of a backbone learn no statistics in fine-tuning of a few images a pass.
  mutating func addFrozenNorms(of backbone: Architecture) {
    if backbone.hasBatchNorms { add("batch norms of the backbone keep their running statistics") }
  }
}
