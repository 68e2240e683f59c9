import CounterRandom
import Geometry
import Testing
import VisionData

/// Colours from the whole cube, no two neighbours alike.
private func colourful(_ width: Int, _ height: Int) -> RGBImage {
  RGBImage(
    width: width, height: height,
    pixels: (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 * 53 + $0 / 7) })
}

@Suite("RandAugment's draws")
struct RandAugmentLawTests {
  @Test("Operations, strengths and directions have the published frequencies")
  func frequencies() {
    let augment = RandAugment()
    let images = 20_000
    var counts: [AugmentationOperation: Int] = [:]
    var lengths = [0, 0, 0]
    var negated = 0
    var strengths: [Double] = []
    for image in 0..<images {
      var stream = stream(image)
      let steps = augment.steps(stream: &stream)
      lengths[steps.count] += 1
      for step in steps {
        counts[step.operation, default: 0] += 1
        if step.isNegated { negated += 1 }
        strengths.append(step.magnitude)
      }
    }
    for operation in AugmentationOperation.allCases {
      expectCount(
        counts[operation] ?? 0, of: 2 * images, probability: 0.5 / 15, operation.rawValue)
    }
    expectCount(lengths[0], of: images, probability: 0.25, "no operation")
    expectCount(lengths[2], of: images, probability: 0.25, "two operations")
    expectCount(negated, of: strengths.count, probability: 0.5, "negative direction")
    // N(9, 0.5): Φ(1) below 9.5, and what is beyond 10 = 9 + 2σ is cut off to it.
    expectCount(
      strengths.count { $0 < 9.5 }, of: strengths.count, probability: 0.841_345, "below 9.5")
    expectCount(
      strengths.count { $0 == 10 }, of: strengths.count, probability: 0.022_750, "cut off")
    #expect(strengths.allSatisfy { 6 < $0 && $0 <= 10 })
  }

  @Test("Probability 0 changes nothing, and 1 carries out every operation")
  func extremes() {
    var augment = RandAugment()
    let image = colourful(12, 9)
    var (first, second) = (stream(1), stream(1))
    augment.probability = 0
    #expect(augment(image, stream: &first) == image)
    augment.probability = 1
    #expect(augment.steps(stream: &second).count == 2)
  }
}

@Suite("Random erasing")
struct RandomErasingTests {
  @Test("A quarter of the images lose a rectangle of allowed area and aspect")
  func boxes() {
    let erasing = RandomErasing()
    let total = 20_000
    var boxes: [PixelBox] = []
    for sample in 0..<total {
      var stream = stream(sample)
      if let box = erasing.box(width: 200, height: 160, stream: &stream) { boxes.append(box) }
    }
    // A first try fits but for tall and wide boxes; ten tries fail less than once in 10⁶.
    expectCount(boxes.count, of: total, probability: 0.25, "erased")
    for box in boxes {
      #expect(box.left >= 0 && box.left + box.width <= 200 && box.width < 200)
      #expect(box.top >= 0 && box.top + box.height <= 160 && box.height < 160)
      // The sides are rounded to whole pixels: half a pixel each.
      let (narrow, low) = (Double(box.width) - 0.5, Double(box.height) - 0.5)
      let (wide, high) = (narrow + 1, low + 1)
      #expect(wide * high >= 640)
      #expect(narrow * low <= 32_000.0 / 3)
      #expect(high / narrow >= 0.3)
      #expect(low / wide <= 1 / 0.3)
    }
  }

  @Test("Only the rectangle changes, and to standard normal noise")
  func noise() throws {
    let erasing = RandomErasing(probability: 1)
    var (drawing, erased) = (stream(5), stream(5))
    let box = try #require(erasing.box(width: 90, height: 120, stream: &drawing))
    var values = [Float](repeating: 100, count: 3 * 90 * 120)
    values.withUnsafeMutableBufferPointer {
      erasing($0, width: 90, height: 120, stream: &erased)
    }
    var noise: [Double] = []
    for (at, value) in values.enumerated() {
      let (x, y) = (at % 90, at / 90 % 120)
      let isInside =
        box.left..<box.left + box.width ~= x && box.top..<box.top + box.height ~= y
      #expect((value != 100) == isInside)
      if isInside { noise.append(Double(value)) }
    }
    let count = Double(noise.count)
    #expect(noise.count == 3 * box.width * box.height)
    let mean = noise.reduce(0, +) / count
    let variance = noise.reduce(0) { $0 + $1 * $1 } / count
    #expect(abs(mean) < 5 / count.squareRoot())
    let error = (2 / count).squareRoot()
    #expect(abs(variance - 1) < 5 * error)
  }
}

@Suite("Mixup and CutMix")
struct MixupCutmixTests {
  @Test("Half of the batches are pasted, and shares follow their Beta distributions")
  func frequencies() {
    let mixing = MixupCutmix()
    let total = 20_000
    var (pasted, blends, centred) = (0, [Double](), 0)
    for sample in 0..<total {
      var stream = stream(sample)
      switch mixing.draw(width: 64, height: 48, stream: &stream) {
      case .none: Issue.record("batch \(sample) is not mixed")
      case .blend(let share): blends.append(share)
      case .paste(let box):
        pasted += 1
        #expect(box.left >= 0 && box.left + box.width <= 64)
        #expect(box.top >= 0 && box.top + box.height <= 48)
        if box.width > 32 { centred += 1 }
      }
    }
    expectCount(pasted, of: total, probability: 0.5, "pasted")
    #expect(centred > 0)
    // Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1)).
    let (count, variance) = (Double(blends.count), 1 / (4 * 2.6))
    let mean = blends.reduce(0, +) / count
    let spread = blends.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / count
    let meanError = (variance / count).squareRoot()
    #expect(abs(mean - 0.5) < 5 * meanError)
    // The fourth central moment is at most a quarter of the variance.
    #expect(abs(spread - variance) < 2.5 * meanError)
  }

  @Test("Each method can be switched off")
  func switches() {
    var mixing = MixupCutmix()
    mixing.cutmixAlpha = 0
    for sample in 0..<50 {
      var stream = stream(sample)
      guard case .blend = mixing.draw(width: 8, height: 8, stream: &stream) else {
        Issue.record("only mixup is on")
        continue
      }
    }
    mixing.mixupAlpha = 0
    var first = stream(0)
    #expect(mixing.draw(width: 8, height: 8, stream: &first) == .none)
    mixing.cutmixAlpha = 1
    for sample in 0..<50 {
      var stream = stream(sample)
      guard case .paste = mixing.draw(width: 8, height: 8, stream: &stream) else {
        Issue.record("only CutMix is on")
        continue
      }
    }
    mixing.probability = 0
    var second = stream(0)
    #expect(mixing.draw(width: 8, height: 8, stream: &second) == .none)
  }

  @Test("An odd batch's middle image is its own partner; targets sum to 1")
  func oddBatch() {
    var images = (0..<3 * 3 * 4).map { Float($0) }
    let before = images
    images.withUnsafeMutableBufferPointer {
      MixupCutmix.apply(.blend(share: 0.25), to: $0, count: 3, height: 2, width: 2)
    }
    #expect(Array(images[12..<24]) == Array(before[12..<24]))
    let mixed: [Float] = [
      0.25 * before[0] + 0.75 * before[24], 0.25 * before[24] + 0.75 * before[0],
    ]
    #expect([images[0], images[24]] == mixed)
    let targets = MixupCutmix().targets([4, 0, 2], classCount: 6, share: 0.25)
    for row in 0..<3 {
      let sum: Float = targets[row * 6..<row * 6 + 6].reduce(0, +)
      #expect(abs(sum - 1) < 1e-6)
    }
    let own: Float = 0.9 + 0.1 / 6
    #expect(abs(targets[6] - own) < 1e-6)
    #expect(MixupCutmix.Mix.none.share(width: 2, height: 2) == 1)
  }
}
