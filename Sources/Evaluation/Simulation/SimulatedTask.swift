import CounterRandom
import Foundation

/// A task whose outcomes are drawn from a known distribution, so that what tests say of them can be held
/// against the truth.
///
/// Two methods see the same images. How hard an image and each of its objects are is common to both,
/// which makes their outcomes agree as far as those of real networks do; the second method's scores
/// are noisier, so that the two make other mistakes also where their numbers are equal.
public enum SimulatedTask: String, Sendable, CaseIterable {
  case classification = "top-1"
  case segmentation = "mIoU"
  case detection = "AP"

  /// A method: how good it is, and how its mistakes look.
  public struct Method: Sendable {
    /// How much better than the first method; a part of the spread of the objects' hardness.
    public var skill = 0.0
    /// Whether scores are noisier and false alarms more frequent.
    public var isNoisy = false
    /// What tells one training's chances from another's.
    public var training = 0
  }

  /// The spread of skill between trainings, where several are drawn.
  static let trainingSpread = 0.06

  /// The outcomes of both methods.
  ///
  /// - Parameters:
  ///   - methods: Each sees the same images.
  ///   - images: How many.
  ///   - seed: Of the images; another one is another data set.
  public func outcomes(_ methods: [Method], images: Int, seed: UInt64) -> [any ResampledMetric] {
    switch self {
    case .classification: Self.answers(methods, images, seed)
    case .segmentation: Self.pixels(methods, images, seed)
    case .detection: Self.matches(methods, images, seed)
    }
  }

  /// The name of the number.
  public var metric: String {
    switch self {
    case .classification: "top1"
    case .segmentation: "mIoU"
    case .detection: "bbox/AP"
    }
  }

  private static func stream(_ seed: UInt64, _ image: Int, _ part: Int) -> RandomStream {
    RandomStream(seed: seed, purpose: .simulation, epoch: part, sample: image)
  }

  /// The chances of one method's training on one image.
  private static func own(_ method: Int, _ training: Int) -> Int { 1 + method * 64 + training }

  // MARK: Classification

  /// Three of four images are right; methods disagree on one of seven.
  private static func answers(
    _ methods: [Method], _ images: Int, _ seed: UInt64
  ) -> [any ResampledMetric] {
    methods.enumerated().map { number, method in
      let right = (0..<images).map { image -> Double in
        var common = stream(seed, image, 0)
        var chance = stream(seed, image, own(number, method.training))
        let hardness = 0.9 * common.normal() + 0.44 * chance.normal()
        return hardness < 0.67 + method.skill ? 1 : 0
      }
      return MeanOverImages(right, of: Array(0..<images), named: "top1")
    }
  }

  // MARK: Segmentation

  private static let classCount = 12

  /// Two to five of twelve classes an image, some of them rare.
  private static func pixels(
    _ methods: [Method], _ images: Int, _ seed: UInt64
  ) -> [any ResampledMetric] {
    var all = methods.map { _ in ResampledSegmentation() }
    for image in 0..<images {
      var common = stream(seed, image, 0)
      var present: [Int] = []
      for _ in 0..<2 + common.below(4) {
        // The rarest class is on one image of thirty or so.
        let index = Int(Double(classCount) * pow(common.uniformDouble(), 1.7))
        if !present.contains(index) { present.append(index) }
      }
      present.sort()
      let areas = present.map { _ in 200 + Int(4000 * pow(common.uniformDouble(), 2)) }
      let ease = 0.5 * common.normal()
      let eases = present.map { _ in ease + 0.6 * common.normal() }
      for (number, method) in methods.enumerated() {
        var chance = stream(seed, image, own(number, method.training))
        var both = areas
        var predicted = areas
        for at in present.indices {
          let spread = method.isNoisy ? 0.7 : 0.45
          let quality = eases[at] + 0.9 + method.skill + spread * chance.normal()
          let missed = Int(Double(areas[at]) / (1 + exp(1.3 * quality)))
          both[at] -= missed
          predicted[at] -= missed
          // What is missed is taken for another class of the image.
          predicted[(at + 1 + chance.below(max(1, present.count - 1))) % present.count] += missed
        }
        if present.count == 1 { predicted = areas }
        _ = all[number].add(
          image: image, classes: present, intersections: both, predicted: predicted,
          labelled: areas)
      }
    }
    return all
  }

  // MARK: Detection

  /// Objects of four categories in clusters, found with scores that follow their overlaps, and false
  /// alarms where images are cluttered.
  private static func matches(
    _ methods: [Method], _ images: Int, _ seed: UInt64
  ) -> [any ResampledMetric] {
    var settings = CocoProtocol.standard
    settings.areaRanges = [settings.areaRanges[0]]
    let categories = 4
    var all = methods.map { _ in MatchedImages() }
    struct Found { let score: Double, matched: UInt16 }
    for image in 0..<images {
      var common = stream(seed, image, 0)
      let ease = 0.5 * common.normal()
      let clutter = 0.5 * common.normal()
      var chances = methods.enumerated().map {
        stream(seed, image, own($0.offset, $0.element.training))
      }
      for category in 0..<categories {
        // The first category is on two of three images, the last on one of ten.
        let isThere = common.uniformDouble() < [0.65, 0.4, 0.2, 0.1][category]
        let objects = isThere ? 1 + Int(2.5 * pow(common.uniformDouble(), 2.0)) : 0
        let eases = (0..<objects).map { _ in ease + 0.7 * common.normal() }
        for (number, method) in methods.enumerated() {
          var found: [Found] = []
          for own in eases {
            let quality = own + 0.6 + method.skill + 0.45 * chances[number].normal()
            guard quality > -0.6 else { continue }
            // An overlap of 0.5 at the least quality that is found at all, up to 0.95.
            let overlap = 0.5 + 0.45 / (1 + exp(-(quality - 0.7)))
            var bits: UInt16 = 0
            for (step, threshold) in settings.overlapThresholds.enumerated()
            where overlap - 0.05 >= threshold { bits |= 1 << UInt16(step) }
            let noise = method.isNoisy ? 0.8 : 0.5
            found.append(
              Found(score: quality + noise * chances[number].normal(), matched: bits))
          }
          let alarms = exp(clutter - (method.isNoisy ? 0.4 : 0.7)) * [1, 0.7, 0.5, 0.4][category]
          var left = alarms
          while left > 0 {
            if chances[number].uniformDouble() < left {
              found.append(Found(score: -0.3 + 0.7 * chances[number].normal(), matched: 0))
            }
            left -= 1
          }
          guard objects > 0 || !found.isEmpty else { continue }
          found.sort { $0.score > $1.score }
          all[number].cells.append(
            MatchedImages.Cell(
              category: Int32(category), image: Int32(image), detectionCount: Int32(found.count)))
          all[number].objectCounts.append(Int32(objects))
          all[number].scores += found.map(\.score)
          all[number].matched += found.map(\.matched)
          all[number].ignored += found.map { _ in 0 }
        }
      }
    }
    return all.map {
      ResampledDetection(
        [
          MatchRecords(
            [$0], overlapType: .bbox, settings: settings, imageIDs: Array(0..<images),
            categoryIDs: Array(0..<categories))
        ], numbers: ["AP"])
    }
  }
}
