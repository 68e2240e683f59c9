import CounterRandom
import Foundation
import Geometry
import TensorCore
import TestSupport
import Testing
import VisionData

@testable import Models

/// The expected values of `Tests/References/detection_ops.py`.
private struct Reference: Decodable {
  struct Slope: Decodable {
    let loss: Double
    let slope: [[Double]]
  }
  let base: [[[Double]]]
  let anchorCount: Int
  let anchorSums: [Double]
  let inside: [Int]
  let assign: [[Int32]]
  let encoded, decoded, clipped: [[Double]]
  let kept: [Int]
  let proposals: [[Double]]
  let levels: [Int]
  let maskTargets: [String]
  let pasted: [[Int]]
  let giou: Slope

  static func load() throws -> Reference {
    let path = SourceTree.fixture("Models/detection_ops.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(
      Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private func numbers(_ name: String, _ count: Int) -> [Float] {
  DeterministicFill.values(name, count: count, bound: 0.5, centre: 0.5)
}

private func boxes(_ name: String, _ count: Int) -> [CornerBox] {
  let v = numbers(name, count * 4)
  return (0..<count).map { i in
    let (x, y) = (v[4 * i] * 192, v[4 * i + 1] * 192)
    return CornerBox(x, y, x + (v[4 * i + 2] * 96 + 1), y + (v[4 * i + 3] * 96 + 1))
  }
}

private func corners(_ box: CornerBox) -> [Float] { [box.x1, box.y1, box.x2, box.y2] }

private func expectBoxes(
  _ actual: [CornerBox], _ expected: [[Double]], _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  expectClose(
    actual.flatMap(corners), expected.flatMap { $0 }, relative: 1e-5, absolute: 1e-4, what,
    sourceLocation: sourceLocation)
}

@Suite("Box and mask arithmetic of detectors against torch")
struct DetectionArithmeticTests {
  private let maps = [(200, 336), (100, 168), (50, 84), (25, 42), (13, 21)]

  @Test("Anchors have the reference's shapes, count, places and borders")
  func anchors() throws {
    let reference = try Reference.load()
    let generator = AnchorGenerator()
    for level in 0..<5 {
      expectBoxes(
        generator.baseAnchors(level: level), reference.base[level], "base \(level)")
    }
    var count = 0
    for (level, map) in maps.enumerated() {
      let anchors = generator.anchors(level: level, height: map.0, width: map.1)
      count += anchors.count
      let sum = anchors.reduce(0.0) { total, box in
        total + corners(box).reduce(0.0) { $0 + Double($1) }
      }
      #expect(abs(sum - reference.anchorSums[level]) <= 1e-6 * abs(sum))
      func admissible(_ border: Int, padded: (Int, Int)) -> Int {
        generator.admissible(
          level: level, map: map, padded: padded, size: (800, 1333), border: border
        ).count { $0 }
      }
      #expect(admissible(0, padded: (800, 1344)) == reference.inside[level])
      #expect(admissible(-1, padded: (800, 1344)) == anchors.count)
      // Cells that only a larger image of the batch needs take no part.
      let stride = generator.strides[level]
      let own = ((640 + stride - 1) / stride) * ((480 + stride - 1) / stride) * 3
      #expect(admissible(-1, padded: (640, 480)) == own)
    }
    #expect(count == reference.anchorCount && count == 268_569)
  }

  @Test("Assignment follows the thresholds, the ties and the low-quality rule")
  func assignment() throws {
    let reference = try Reference.load()
    var objects = boxes("objects", 12)
    var candidates = boxes("candidates", 400)
    let seventh = candidates[7]
    objects += [objects[3], CornerBox(10, 10, 12, 250)]
    candidates += [objects[0], objects[1], seventh]
    let rules = [
      MaxIoUAssigner(positive: 0.7, negative: 0.3, minimumPositive: 0.3, matchesLowQuality: true),
      MaxIoUAssigner(positive: 0.5, negative: 0.5, minimumPositive: 0.5, matchesLowQuality: true),
      MaxIoUAssigner(positive: 0.6, negative: 0.6, minimumPositive: 0.6, matchesLowQuality: false),
    ]
    for (rule, expected) in paired(rules, reference.assign) {
      #expect(rule.assign(candidates, objects: objects) == expected)
    }
    #expect(rules[0].assign(candidates, objects: []).allSatisfy { $0 == 0 })
    #expect(rules[0].assign([], objects: objects).isEmpty)
  }

  @Test("A later object takes the box that an earlier one matches better")
  func lowQualityOverwrites() {
    let rule = MaxIoUAssigner(
      positive: 0.7, negative: 0.3, minimumPositive: 0.3, matchesLowQuality: true)
    let box = CornerBox(0, 0, 10, 10)
    // The second object's best box is the first one's, at a lower overlap.
    let objects = [box, CornerBox(0, 0, 10, 4)]
    #expect(rule.assign([box], objects: objects) == [2])
  }

  @Test("Deltas encode and decode as the reference's, with limits and clipping")
  func coding() throws {
    let reference = try Reference.load()
    let (from, to) = (boxes("from", 24), boxes("to", 24))
    let coder = BoxCoder(deviations: SIMD4(0.1, 0.1, 0.2, 0.2))
    let encoded = zip(from, to).map { coder.encode($1, relativeTo: $0) }
    expectClose(
      encoded.flatMap { [$0.x, $0.y, $0.z, $0.w] }, reference.encoded.flatMap { $0 },
      relative: 1e-4, absolute: 1e-4, "encoded")
    let strong = DeterministicFill.values("deltas", count: 96, bound: 40)
    func decoded(_ size: (height: Int, width: Int)?) -> [CornerBox] {
      strong.withUnsafeBufferPointer { strong in
        from.enumerated().map { i, box in
          coder.decode(strong, at: i, relativeTo: box, within: size)
        }
      }
    }
    expectBoxes(decoded(nil), reference.decoded, "decoded")
    expectBoxes(decoded((200, 240)), reference.clipped, "clipped")
    for (index, box) in from.enumerated() {
      let back = CornerBox(
        corners: coder.decoded(proposal: box.corners, deltas: encoded[index]))
      expectClose(
        corners(back), corners(to[index]).map(Double.init), relative: 1e-5, absolute: 1e-3,
        "round trip")
    }
  }

  @Test("Suppression keeps the reference's boxes in its order")
  func suppression() throws {
    let reference = try Reference.load()
    var scores = numbers("scores", 400)
    scores[11] = scores[10]
    let labels = numbers("labels", 400).map { Int($0 * 5) }
    let candidates = boxes("candidates", 400)
    func kept(_ limit: Int) -> [Int] {
      suppressed(candidates, scores: scores, classes: labels, threshold: 0.5, limit: limit)
    }
    #expect(kept(.max) == reference.kept)
    #expect(kept(10) == Array(reference.kept.prefix(10)))
    // Boxes of no area never suppress each other, and an overlap at the threshold stays.
    let point = CornerBox(3, 3, 3, 3)
    let halves = [CornerBox(0, 0, 2, 1), CornerBox(0, 0, 1, 1)]
    #expect(
      suppressed(
        [point, point] + halves, scores: [1, 1, 1, 1], classes: [0, 0, 0, 0], threshold: 0.5,
        limit: 9) == [0, 1, 2, 3])
  }

  @Test("Scores sort from high to low with signs, ties and NaN")
  func order() {
    #expect(fallingOrder([-1, 2, .nan, 0, -0, 2, -.infinity]) == [1, 5, 3, 4, 0, 6, 2])
  }

  @Test("Proposals are the reference's, level by level and over all levels")
  func proposals() throws {
    let reference = try Reference.load()
    var generator = AnchorGenerator()
    generator.strides = [4, 8, 16]
    let sides = [24, 12, 6]
    let anchors = sides.enumerated().map { level, side in
      generator.anchors(level: level, height: side, width: side)
    }
    let logits = anchors.enumerated().map { level, anchors in
      Tensor(
        DeterministicFill.values("logits\(level)", count: anchors.count, bound: 4),
        shape: [anchors.count])
    }
    let deltas = anchors.enumerated().map { level, anchors in
      DeterministicFill.tensor("deltas\(level)", [anchors.count, 4])
    }
    let selection = ProposalSelection(perLevel: 200, perImage: 150)
    let found = selection.proposals(
      anchors.indices.map { level in
        ProposalSelection.Level(
          logits: logits[level], deltas: deltas[level], anchors: anchors[level])
      }, within: (90, 96))
    expectBoxes(found, reference.proposals, "proposals")
  }

  @Test("Proposals without area stay, as in mmdet 2.11, or go before the limit, as in mmdet 3")
  func emptyProposals() {
    // Every second anchor lies beyond the image: clipped to it, nothing is left.
    let anchors = (0..<8).map { at in
      let left: Float = at % 2 == 0 ? Float(at) * 10 : 200
      return CornerBox(left, 0, left + 8, 8)
    }
    let logits = Tensor((0..<8).map { Float(8 - $0) }, shape: [8])
    let level = ProposalSelection.Level(
      logits: logits, deltas: Tensor([Float](repeating: 0, count: 32), shape: [8, 4]),
      anchors: anchors)
    var selection = ProposalSelection(perLevel: 8, perImage: 4)
    let kept = selection.proposals([level], within: (100, 100))
    #expect(kept.map(\.x1) == [0, 100, 20, 100])
    selection.dropsEmptyBoxes = true
    let dropped = selection.proposals([level], within: (100, 100))
    #expect(dropped.map(\.x1) == [0, 20, 40, 60])
  }

  @Test("Regions go to the reference's pyramid levels")
  func levels() throws {
    let sides: [Float] = [1, 111.9, 112, 113, 223.9, 224, 300, 447.9, 448, 900, 0]
    let found = sides.map { RegionLevels().level(of: CornerBox(3, 5, 3 + $0, 5 + $0)) }
    #expect(found == (try Reference.load()).levels)
  }

  @Test("Sampling fills up with negatives, keeps order and repeats with its stream")
  func sampling() {
    let assigned = (0..<1000).map { Int32($0 % 3 - 1) }
    let sampler = RandomSampler(count: 256, positiveLimit: 64)
    func sample(_ epoch: Int) -> RandomSampler.Sample {
      var stream = RandomStream(seed: 4, purpose: .sampling, epoch: epoch)
      return sampler.sample(assigned, stream: &stream)
    }
    let first = sample(0)
    #expect(first.positives.count == 64 && first.negatives.count == 192)
    #expect(first.positives.allSatisfy { assigned[$0] > 0 })
    #expect(first.negatives.allSatisfy { assigned[$0] == 0 })
    for list in [first.positives, first.negatives] { #expect(list == Set(list).sorted()) }
    #expect(first == sample(0))
    #expect(first != sample(1))
    var few = [Int32](repeating: 0, count: 300)
    few[7] = 2
    var stream = RandomStream(seed: 1, purpose: .sampling)
    let second = sampler.sample(few, stream: &stream)
    #expect(second.positives == [7] && second.negatives.count == 255)
  }

  @Test("The generalised IoU loss and its gradient equal torch's")
  func generalizedIoU() throws {
    let reference = try Reference.load().giou
    let deltas = DeterministicFill.tensor("deltas", [24, 4], bound: 4)
    deltas.requiresGradient = true
    let coder = BoxCoder(deviations: SIMD4(0.1, 0.1, 0.2, 0.2))
    let loss = generalizedIoULoss(
      coder.decoded(proposals: boxes("from", 24).map(\.corners), deltas: deltas),
      targets: boxes("to", 24).map(\.corners), normalizer: 1)
    expectClose([loss.item], [reference.loss], relative: 1e-5, absolute: 0, "loss")
    loss.backward()
    expectClose(
      try #require(deltas.gradient).values, reference.slope.flatMap { $0 }, relative: 1e-3,
      absolute: 1e-5, "slope")
  }
}

@Suite("Masks of detectors against torch")
struct DetectionMaskTests {
  private func mask() -> LabelMap {
    var labels: [UInt8] = []
    for y in 0..<60 {
      for x in 0..<80 {
        let (dx, dy) = (x - 33, y - 27)
        let distance = dx * dx * 4 + dy * dy * 9
        let isLine = (x + 2 * y) % 11 == 0
        labels.append(distance < 4900 && !isLine ? 1 : 0)
      }
    }
    return LabelMap(width: 80, height: 60, labels: labels)
  }

  @Test("Mask targets equal region pooling of the padded bitmap, cut at one half")
  func targets() throws {
    let reference = try Reference.load()
    var regions = boxes("regions", 12).map {
      CornerBox($0.x1 * 0.3 - 4, $0.y1 * 0.3 - 4, $0.x2 * 0.3 - 4, $0.y2 * 0.3 - 4)
    }
    regions += [
      CornerBox(-5, -5, 90, 70), CornerBox(20, 20, 20, 30), CornerBox(70, 50, 79.5, 59.5),
      CornerBox(30, 25, 30.6, 25.4),
    ]
    for (region, expected) in paired(regions, reference.maskTargets) {
      let out = Tensor(uninitialized: [28, 28])
      MaskTargets().write(mask(), region: region, padded: (64, 96), to: out.pointer)
      #expect(out.values.map { $0 == 1 ? "1" : "0" }.joined() == expected, "\(region)")
    }
  }

  @Test("Pasted masks equal the reference's run lengths")
  func pasting() throws {
    let reference = try Reference.load()
    var places = boxes("places", 6).map { $0.scaled(x: 0.25, y: 0.25) }
    places += [CornerBox(-8, -3, 30.5, 70), CornerBox(3, 4, 3.5, 4.5)]
    for (index, place) in places.enumerated() {
      let coarse = numbers("grid\(index)", 25)
      let grid = (0..<784).map { place -> Float in
        let (row, column) = (place / 28 * 5 / 28, place % 28 * 5 / 28)
        return coarse[row * 5 + column]
      }
      let runs = grid.withUnsafeBufferPointer {
        MaskPasting.paste($0, size: 28, box: place, height: 48, width: 64)
      }
      #expect(runs.runs.map(Int.init) == reference.pasted[index], "\(place)")
    }
  }

  @Test("A full grid fills whole edges and rounds the corners; a flat box gives nothing")
  func fullGrid() throws {
    let expected = try #require(Reference.load().pasted.last)
    let ones = Tensor(repeating: 1, shape: [28, 28])
    func pasted(_ box: CornerBox, height: Int, width: Int) -> RunLengthMask {
      ones.withValues { MaskPasting.paste($0, size: 28, box: box, height: height, width: width) }
    }
    let runs = pasted(CornerBox(4.3, 5.1, 40.2, 33.9), height: 48, width: 64)
    #expect(runs.runs.map(Int.init) == expected)
    #expect(runs.runs.reduce(0, +) == 48 * 64)
    let flat = pasted(CornerBox(4, 5, 4, 9), height: 8, width: 9)
    #expect(flat.runs == [72] && flat.area == 0)
  }
}
