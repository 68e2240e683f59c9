import Layers

/// A way of making a backbone as programs see it: everything but its networks.
///
/// Each stands in the file of its method; `allCases`, in `MethodTable.swift`, lists them.
public struct MethodDescription: Sendable, Hashable, RawRepresentable, CaseIterable {
  /// The name on the command line, and in tables.
  public let rawValue, title: String
  /// The options that set numbers which not every method has.
  public let options: [MethodOption]
  private let published: @Sendable (Architecture) -> PretrainingRecipe
  private let transformer: (@Sendable (Architecture) -> PretrainingRecipe)?

  /// Describes a method.
  ///
  /// - Parameters:
  ///   - published: The numbers of its own paper.
  ///   - transformer: The same, with an optimiser that transformers learn under, where the paper's
  ///     is for convolutional networks.
  init(
    _ name: String, title: String, options: [MethodOption],
    published: @escaping @Sendable (Architecture) -> PretrainingRecipe,
    transformer: (@Sendable (Architecture) -> PretrainingRecipe)? = nil
  ) {
    rawValue = name
    self.title = title
    self.options = options
    self.published = published
    self.transformer = transformer
  }

  /// The method of that name.
  public init?(rawValue: String) {
    guard let known = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = known
  }

  /// The numbers that a training starts from.
  ///
  /// - Parameter forTransformers: Whether an optimiser for transformers takes the place of one for
  ///   convolutional networks.
  public func recipe(
    for architecture: Architecture, forTransformers: Bool = false
  ) -> PretrainingRecipe {
    var recipe =
      forTransformers ? (transformer ?? published)(architecture) : published(architecture)
    recipe.method = self
    return recipe
  }

  public static func == (a: Self, b: Self) -> Bool { a.rawValue == b.rawValue }
  public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// The numbers that one method has and others have not, and what follows from them.
public protocol MethodSettings: Sendable {
  /// How the views of an image are made, `inputSize` pixels a side but for smaller crops.
  func views(inputSize: Int) -> [ViewDescription]
  /// Which views go through the encoder that gradients train, and which through the target.
  var onlineViews: [Int] { get }
  var targetViews: [Int] { get }
  /// How labels become targets; nil for methods that do not look at them.
  var labels: LabelMixing? { get }
  /// What a protocol says beside the options' values.
  var facts: [String: String] { get }
  /// Highest learning rate of a small network, for a batch of 256.
  var smallLearningRate: Double { get }
  /// Takes sizes in proportion to a small network and a few thousand images.
  mutating func shrink(to size: SmallSize)
  /// Scales lengths that are counted in epochs.
  mutating func scaleEpochs(_ scaled: (Int) -> Int)
  /// Takes the nearest sizes that go with a batch.
  mutating func fit(batchSize: Int)
  /// Why a batch does not go with these sizes; nil when it does.
  func problem(batchSize: Int) -> String?
  /// Numbers in heads, queues and centres, to be counted before they are made.
  func headSize(featureCount: Int, classCount: Int) -> HeadSize
  /// Builds the networks; targets start as copies of the online ones.
  ///
  /// - Parameters:
  ///   - totalSteps: Steps of the whole run, for the momentum's schedule.
  ///   - classCount: Classes, for supervised training.
  ///   - makeEncoder: Builds an encoder; called once for each network that needs one.
  func makeMethod(
    totalSteps: Int, classCount: Int, seed: UInt64, makeEncoder: () -> any Backbone
  ) -> any PretrainingMethod
}

extension MethodSettings {
  public var onlineViews: [Int] { [0, 1] }
  public var targetViews: [Int] { [0, 1] }
  public var labels: LabelMixing? { nil }
  public var facts: [String: String] { [:] }
  public var smallLearningRate: Double { 2e-3 }
  public mutating func scaleEpochs(_ scaled: (Int) -> Int) {}
  public mutating func fit(batchSize: Int) {}
  public func problem(batchSize: Int) -> String? { nil }
}

/// How many numbers stand beside the encoders of a method.
///
/// In floating point, as options may make them larger than any whole number.
public struct HeadSize: Sendable {
  /// Those that are trained, and those that are only kept: targets, queues, centres.
  public var trained = 0.0, kept = 0.0

  /// The weights of linear layers from one width to the next.
  static func layers(_ widths: Int...) -> Double { layers(widths) }

  static func layers(_ widths: [Int]) -> Double {
    zip(widths, widths.dropFirst()).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }
}

/// Sizes of heads, queues and crops for small networks.
public struct SmallSize: Sendable {
  let hidden, output, queue, prototypes, localViews, localSide: Int

  /// For runs of minutes and of seconds.
  public static let mini = SmallSize(
    hidden: 512, output: 128, queue: 1024, prototypes: 2048, localViews: 4, localSide: 32)
  public static let smoke = SmallSize(
    hidden: 64, output: 32, queue: 64, prototypes: 128, localViews: 2, localSide: 16)

  /// The smallest part of an image that a crop may show.
  func cropScale(_ published: ClosedRange<Double>) -> ClosedRange<Double> {
    published.lowerBound < 0.2 ? 0.2...1 : published
  }
}

/// How labels become targets: smoothing, and the parameters of mixup and cutmix (0 is off).
public struct LabelMixing: Sendable, Equatable {
  /// Label smoothing ε, and the α of both mixtures.
  public var smoothing = 0.1, mixup = 0.8, cutmix = 1.0

  /// The numbers of Swin and DeiT.
  public init() {}
}

/// A queue's part in how large a batch may be.
enum QueueSize {
  static func problem(_ size: Int, batchSize: Int) -> String? {
    size % batchSize == 0
      ? nil
      : "--batch-size \(batchSize) does not divide the queue of \(size) keys; choose a divisor, or "
        + "another --queue-size."
  }

  static func fitting(_ size: Int, batchSize: Int) -> Int {
    max(batchSize, size / batchSize * batchSize)
  }
}
