import CommandLine
import Inspection
import Models
import Reporting
import Runs
import SampleData
import VisionData

/// The backbones that a comparison makes where its user names none: fresh weights, a short training
/// on the labels that there are, and a short one without labels.
///
/// On the sample set labels are few and pictures are not, as is usual: what learns without labels
/// learns from the pool. On a user's data all learn from the same images. They are made once for all
/// programs.
struct OwnBackbones {
  /// Images by name.
  typealias Images = (images: ClassificationData, name: String)

  /// One backbone and what it learns from.
  private struct Member {
    let training: ShortPretraining
    let images: ClassificationData
    /// The images' name in records, and in a few words in notes.
    let name, words: String
  }

  private let context: RunContext
  private let members: [Member]

  /// Prepares them; draws the sample set and its pool where they are missing.
  ///
  /// - Parameters:
  ///   - data: What a user's programs learn from; nil is the sample set and its pool.
  ///   - preset: A smoke run takes the sample set alone, and two epochs.
  ///   - configure: Sets their network and size.
  /// - Throws: What making and opening the images throw.
  init(
    _ context: RunContext, data: Images?, preset: Preset,
    configure: (inout ShortPretraining) -> Void
  ) throws {
    let labelled =
      try data ?? (ClassificationData(root: SampleSet.made(\.classificationPath)), "sample")
    let pool: Images? =
      try data == nil && preset != .smoke
      ? (ClassificationData(root: SampleSet.madePool()), SampleSet.poolName) : nil
    self.init(context, labelled: labelled, pool: pool) { own in
      configure(&own)
      if preset == .smoke { own.epochs = min(own.epochs, 2) }
    }
  }

  /// Prepares those of some images.
  ///
  /// - Parameter pool: What is learnt from without labels; nil is the same images.
  init(
    _ context: RunContext, labelled: Images, pool: Images?,
    configure: (inout ShortPretraining) -> Void
  ) {
    self.context = context
    members = ShortPretraining.usual.map { method in
      var training = ShortPretraining(method)
      configure(&training)
      let isFree = method != nil && !training.usesLabels
      if isFree, pool != nil { training.fitPool() }
      let (images, name) = isFree ? pool ?? labelled : labelled
      return Member(
        training: training, images: images, name: name,
        words: "\(images.train.count) images with\(isFree ? "out" : "") labels (\(name))")
    }
  }

  private var folder: String { context.options.cache + "/backbones" }

  /// The candidates; those that are not there are trained.
  ///
  /// - Throws: What training throws.
  func candidates() throws -> [Candidate] {
    try members.map { member in
      let path = try member.training.checkpoint(
        in: folder, data: member.images, dataName: member.name, policy: context.data.onBadImage,
        digests: context.digests, restarts: context.options.restarts)
      return .backbone(
        title: member.training.title, path: path, note: member.training.summary(of: member.words))
    }
  }

  /// Those that are still to be trained: about how many seconds each takes, by its folder.
  ///
  /// - Throws: What measuring a few steps throws.
  func pending() throws -> [String: Double] {
    let pending = try members.compactMap { member in
      try member.training.pending(
        in: folder, data: member.images, dataName: member.name, policy: context.data.onBadImage,
        digests: context.digests, restarts: context.options.restarts)
    }
    return Dictionary(pending.map { ($0.path, $0.seconds) }) { first, _ in first }
  }
}
