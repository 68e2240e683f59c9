/// What the sample set contains.
public struct SampleSettings: Codable, Equatable, Sendable {
  /// The seed of everything; other seeds give other pictures of the same kinds.
  public var seed: UInt64 = 1
  /// Training images of each class.
  public var trainingImagesPerClass = 60
  /// Validation images of each class.
  public var validationImagesPerClass = 200
  /// The shorter side of a classification image, in pixels; single images vary around it.
  public var imageSize = 96
  /// The shorter side of a scene of several objects, in pixels; single scenes vary around it.
  public var sceneSize = 192
  /// Training and validation scenes with instances, in COCO's format.
  public var instanceScenes = Split(training: 48, validation: 100)
  /// Training and validation scenes with a label for every pixel, in ADE20K's format.
  public var segmentationScenes = Split(training: 48, validation: 100)
  /// How strongly pictures of one class differ in size, place, turn, clutter and noise, 0...1; the
  /// larger, the more pictures it takes to learn the classes.
  public var variety = 0.4
  /// Quality of the JPEG files, 1...100.
  public var jpegQuality = 90

  /// How many scenes for training and for validation.
  public struct Split: Codable, Equatable, Sendable {
    /// Scenes for training.
    public var training: Int
    /// Scenes for validation.
    public var validation: Int

    /// Makes a pair of counts.
    public init(training: Int, validation: Int) {
      self.training = training
      self.validation = validation
    }
  }

  /// The default set: 2,600 classification images and 148 scenes of each kind.
  ///
  /// A hundred validation scenes are the fewest that give an interval of AP and mIoU; two thousand
  /// validation images tell backbones apart whose top-1 differs by four points.
  public init() {}

  /// Pictures of another seed for training without labels: many, as such data are.
  ///
  /// They lie in folders of classes as all do; whoever trains without labels does not look at them.
  /// The one validation image of each class is there because a data set has two parts.
  public static var pool: SampleSettings {
    var settings = SampleSettings()
    settings.seed = 7
    (settings.trainingImagesPerClass, settings.validationImagesPerClass) = (800, 1)
    settings.instanceScenes = Split(training: 0, validation: 0)
    settings.segmentationScenes = settings.instanceScenes
    return settings
  }

  /// The largest count of images that one field may ask for.
  static let largestCount = 100_000

  /// Checks every field.
  func validate() throws(SampleSetError) {
    func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(SampleSetError) {
      guard range.contains(value) else {
        throw .badSetting(
          name: name, value: Double(value),
          range: Double(range.lowerBound)...Double(range.upperBound))
      }
    }
    guard (0...1).contains(variety) else {
      throw .badSetting(name: "variety", value: variety, range: 0...1)
    }
    let counts = 0...Self.largestCount
    try check("trainingImagesPerClass", trainingImagesPerClass, counts)
    try check("validationImagesPerClass", validationImagesPerClass, counts)
    try check("instanceScenes.training", instanceScenes.training, counts)
    try check("instanceScenes.validation", instanceScenes.validation, counts)
    try check("segmentationScenes.training", segmentationScenes.training, counts)
    try check("segmentationScenes.validation", segmentationScenes.validation, counts)
    try check("imageSize", imageSize, 32...1024)
    try check("sceneSize", sceneSize, 64...1024)
    try check("jpegQuality", jpegQuality, 1...100)
  }
}

/// Why a sample set could not be made.
public enum SampleSetError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A setting is outside its range.
  case badSetting(name: String, value: Double, range: ClosedRange<Double>)
  /// The folder holds data that this generator did not make.
  case occupied(path: String, entry: String)
  /// A file or folder cannot be written, moved or removed; `reason` is the system's.
  case unwritable(path: String, reason: String)

  /// One sentence: what is wrong, where, and what helps.
  public var description: String {
    switch self {
    case .badSetting(let name, let value, let range):
      let (low, high) = (range.lowerBound, range.upperBound)
      return "Sample set: \(name) is \(value); it must be in \(low)...\(high)."
    case .occupied(let path, let entry):
      return "Sample set: '\(path)' already holds '\(entry)' and no \(SampleManifest.fileName), so "
        + "it may be other data; name another folder, or move it away."
    case .unwritable(let path, let reason):
      return "Sample set: cannot write '\(path)': \(reason); check permissions and free space."
    }
  }
}
