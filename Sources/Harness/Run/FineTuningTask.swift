import CounterRandom
import Evaluation
import Layers
import Models
import Reporting
import Runs
import Training

/// What scoring one network gave, image by image.
protocol FineTuningRecords {
  /// The numbers that have intervals, for any multiset of the images.
  var resampled: any ResampledMetric { get }
}

/// A network around a backbone that is trained and scored: what is special in one task.
protocol FineTuningTask {
  /// The network that is trained.
  associatedtype Network: TaskNetwork
  /// What scoring one network gave, image by image.
  associatedtype Records: FineTuningRecords

  /// The task as reports know it.
  static var description: TaskDescription { get }
  /// The files that `score` leaves in a run beside the records of the description.
  static var otherFiles: [String] { get }

  /// The data: name, hashes, counts.
  var dataIdentity: [String: String] { get }
  /// What else decides what is kept of a run, and is no number of it: parts of its key.
  var keyParts: [String: [String: String]] { get }
  /// Settings of a training of a network, and of a test alone.
  func trainingSettings(_ network: Network) -> [String: String]
  func testSettings(_ network: Network) -> [String: String]
  /// What differs from the published recipe; of a network that is only tested, from its test.
  func deviations(_ network: Network, isTrained: Bool) -> Deviations
  /// Where the test images lie.
  var images: RunImages { get }

  /// The network that is trained, and what its recipe is called.
  var configuration: Network.Configuration { get }
  var recipeTitle: String { get }
  /// Whose numbers a training is compared with.
  var published: String { get }
  /// The classes by label, and the file or folder that says so.
  var classes: (names: [String], source: String) { get }

  /// Loads a whole network that tells the data's classes apart.
  ///
  /// - Throws: As `TaskNetwork.load`.
  func load(_ path: String, allowsPartial: Bool) throws -> LoadedNetwork<Network>
  /// Makes sure that a whole network is one that this task goes on with.
  ///
  /// - Throws: `CheckpointError` that names the recipe that would.
  func accept(_ network: Network, from path: String) throws
  /// Says what a training of a network will take, before the first of a candidate.
  ///
  /// - Parameter folder: The run's.
  /// - Throws: `UsageError` or `FileError` where it does not fit.
  func foresee(_ network: Network, in folder: String) throws
  /// The training of a network; nil where there are no training images.
  func training(_ network: Network, seed: Int, label: String) throws -> (any Trainee)?

  /// What the length of its trainings is counted in.
  static var lengthUnit: LengthUnit { get }
  /// The same task that trains on a part of its training images and is scored on the rest.
  ///
  /// - Parameter part: How many of all are scored, 0 to 1.
  /// - Returns: The task and how many images are scored; nil where one side would have none.
  func holdingOut(_ part: Double) throws -> (task: Self, count: Int)?
  /// The same task at another learning rate.
  func learning(at rate: Double) -> Self

  /// Scores a network; images that were scored before are not done again.
  func score(_ network: Network, in run: RunDirectory, label: String) throws -> Records
  /// Reads what `score` left.
  func records(in run: RunDirectory) throws -> Records
  /// The numbers of one network by name.
  func metrics(_ records: Records) -> [String: MetricValue]
  /// Adds classes and what else a report needs.
  func describe(_ records: Records, into result: inout RunResult) throws
}

extension FineTuningTask {
  /// Images that are held out of so many, the same in every run: a part of them in a shuffled order.
  static func heldOut(_ part: Double, of count: Int) -> Set<Int>? {
    let held = Int((Double(count) * part).rounded())
    guard held > 0, held < count else { return nil }
    var stream = RandomStream(seed: 0, purpose: .sampling)
    return Set(stream.permutation(count).prefix(held))
  }

  var keyParts: [String: [String: String]] { [:] }

  var published: String { "the published recipe" }

  func load(_ path: String, allowsPartial: Bool) throws -> LoadedNetwork<Network> {
    try Network.load(path: path, allowsPartial: allowsPartial)
  }
  func accept(_ network: Network, from path: String) throws {}
  func foresee(_ network: Network, in folder: String) throws {}
}
