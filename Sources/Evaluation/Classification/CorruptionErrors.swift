import FileSupport

/// How often a classifier errs on images that were corrupted in several ways, each in five strengths.
///
///     CE = Σ_s error(c, s) / Σ_s errorₐ(c, s);   mCE = the mean of CE over corruptions
///
/// errorₐ is AlexNet's, so that hard corruptions weigh no more than easy ones. mCE is a mean over images.
///
/// Source: Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and
/// Perturbations, 2019.
public struct CorruptionErrors: Sendable, Equatable {
  /// The fifteen corruptions, by their kinds, as folders are named.
  public static let kinds: [(kind: String, names: [String])] = [
    ("noise", ["gaussian_noise", "shot_noise", "impulse_noise"]),
    ("blur", ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur"]),
    ("weather", ["snow", "frost", "fog", "brightness"]),
    ("digital", ["contrast", "elastic_transform", "pixelate", "jpeg_compression"]),
  ]
  /// Corruptions that the benchmark's authors keep apart, for choosing what the fifteen then judge.
  public static let extra = ["speckle_noise", "gaussian_blur", "spatter", "saturate"]
  /// Strengths of each.
  public static let severityCount = 5

  /// The images and their classes.
  public let images: [Int], labels: [Int]
  /// Of each corruption how many of its strengths each image was wrong in.
  public let wrong: [String: [Int]]
  /// How many strengths of each were tried; without all there is no mCE.
  public let strengths: Int

  /// Wraps counts.
  ///
  /// - Precondition: there is one of each an image.
  public init(
    images: [Int], labels: [Int], wrong: [String: [Int]], strengths: Int = severityCount
  ) {
    precondition(
      labels.count == images.count && wrong.values.allSatisfy { $0.count == images.count },
      "counts of other than \(images.count) images")
    self.images = images
    self.labels = labels
    self.wrong = wrong
    self.strengths = strengths
  }

  /// The corruptions that numbers over several are of: those of the benchmark, or where there are none
  /// the extra ones.
  public var counted: [String] {
    let own = Self.kinds.flatMap(\.names).filter { wrong[$0] != nil }
    return own.isEmpty ? wrong.keys.sorted() : own.sorted()
  }

  /// Whether there are all fifteen of the benchmark in all strengths.
  public var isWhole: Bool {
    strengths == Self.severityCount
      && Self.kinds.allSatisfy { $0.names.allSatisfy { wrong[$0] != nil } }
  }

  /// The top-1 error of a corruption, the mean over its strengths.
  public func error(_ corruption: String) -> Double {
    guard let counts = wrong[corruption], !counts.isEmpty else { return .nan }
    return Double(counts.reduce(0, +)) / Double(strengths * counts.count)
  }

  /// The mean over corruptions of the errors as they are.
  public var meanError: Double {
    wrong.isEmpty ? .nan : counted.reduce(0) { $0 + error($1) } / Double(counted.count)
  }

  /// One number an image, whose mean is the mean error.
  public var errorTerms: [Double] {
    images.indices.map { at in
      Double(counted.reduce(0) { $0 + (wrong[$1]?[at] ?? 0) })
        / Double(strengths * max(1, counted.count))
    }
  }

  /// One number an image, whose mean is the mCE; nil where a corruption has no reference, or a strength is
  /// missing.
  ///
  /// - Parameter reference: AlexNet's error of each corruption.
  public func terms(reference: [String: Double]) -> [Double]? {
    guard !wrong.isEmpty, strengths == Self.severityCount else { return nil }
    var sums = [Double](repeating: 0, count: images.count)
    for corruption in counted {
      guard let base = reference[corruption], base > 0, let counts = wrong[corruption] else {
        return nil
      }
      for (at, count) in counts.enumerated() {
        sums[at] += Double(count) / Double(Self.severityCount) / base / Double(counted.count)
      }
    }
    return sums
  }

  // MARK: Records

  /// The file's name in the folder of a run.
  public static let file = "corruptions.jsonl"

  /// A row an image: `{"index":0,"label":3,"seed":0,"frost":2,…}`; `strengths` is in it where it is not five.
  public func rows(seed: Int) -> [JSONValue] {
    images.indices.map { at in
      var members: [String: JSONValue] = [
        "index": .integer(images[at]), "label": .integer(labels[at]), "seed": .integer(seed),
      ]
      for (corruption, counts) in wrong { members[corruption] = .integer(counts[at]) }
      if strengths != Self.severityCount { members["strengths"] = .integer(strengths) }
      return .object(members)
    }
  }

  /// The rows of a file, one value a seed.
  ///
  /// - Throws: `FileError` when the file is missing or damaged.
  public static func read(_ path: String) throws(FileError) -> [CorruptionErrors] {
    let names = kinds.flatMap(\.names) + extra
    let read = try IntegerColumns(
      path: path, names: ["index", "label", "seed"] + names + ["strengths"]
    ).columns
    return Set(read[2]).sorted().map { seed in
      let rows = read[0].indices.filter { read[2][$0] == seed }
      var wrong: [String: [Int]] = [:]
      for (at, name) in names.enumerated() {
        let counts = rows.map { read[3 + at][$0] }
        if !counts.contains(IntegerColumns.absent) { wrong[name] = counts }
      }
      let strengths = rows.first.map { read[3 + names.count][$0] } ?? severityCount
      return CorruptionErrors(
        images: rows.map { read[0][$0] }, labels: rows.map { read[1][$0] }, wrong: wrong,
        strengths: (1...severityCount).contains(strengths) ? strengths : severityCount)
    }
  }
}
