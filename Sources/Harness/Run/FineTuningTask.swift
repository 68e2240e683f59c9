import Evaluation
import Layers
import Models
import Reporting
import Training

/// What scoring one network gave, image by image.
protocol FineTuningRecords {
  /// The numbers that have intervals, for any multiset of the images.
  var resampled: any ResampledMetric { get }
}

/// A network around a backbone that is trained and scored: what is special in one task.
protocol FineTuningTask {
  /// The network that is trained.
  associatedtype Network: Module
  /// What scoring one network gave, image by image.
  associatedtype Records: FineTuningRecords

  /// The task as reports know it, and what its network is called.
  static var description: TaskDescription { get }
  static var networkName: String { get }
  /// The files that `score` leaves in a run beside the records of the description.
  static var otherFiles: [String] { get }

  /// The data: name, hashes, counts.
  var dataIdentity: [String: String] { get }
  /// Settings of a training of a network, and of a test alone.
  func trainingSettings(_ network: Network) -> [String: String]
  func testSettings(_ network: Network) -> [String: String]
  /// What differs from the published recipe; of a network that is only tested, from its test.
  func deviations(_ network: Network, isTrained: Bool) -> Deviations
  /// Where the test images lie.
  var images: RunImages { get }

  /// A network with fresh weights, and the name of its backbone's architecture.
  func makeNetwork(seed: Int) -> Network
  var architectureName: String { get }
  /// Puts a checkpoint's weights into the backbone and says how.
  func load(backbone path: String, into network: Network) throws -> LoadReport
  /// Reads a whole network.
  func load(network path: String) throws -> (network: Network, report: LoadReport)

  /// The training of a network; nil where there are no training images.
  func training(_ network: Network, seed: Int, label: String) -> (any Trainee)?
  /// Writes a trained network, and reads it again.
  func write(_ network: Network, to path: String) throws
  func restore(_ network: Network, from path: String) throws

  /// Scores a network; images that were scored before are not done again.
  func score(_ network: Network, in run: RunDirectory, label: String) throws -> Records
  /// Reads what `score` left.
  func records(in run: RunDirectory) throws -> Records
  /// The numbers of one network by name.
  func metrics(_ records: Records) -> [String: MetricValue]
  /// Adds classes and what else a report needs.
  func describe(_ records: Records, into result: inout RunResult) throws
}
