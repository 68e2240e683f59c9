import CounterRandom
import Geometry
import Models
import Testing
import VisionData

/// Colours from the whole cube, no two neighbours alike.
private func colourful(_ width: Int, _ height: Int) -> RGBImage {
  RGBImage(
    width: width, height: height,
    pixels: (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 * 53 + $0 / 7) })
}

private func planes(_ transform: any ImageTransform, _ image: RGBImage, _ sample: Int) -> [Float] {
  var result = [Float](repeating: .nan, count: 3 * transform.size * transform.size)
  var stream = stream(sample)
  result.withUnsafeMutableBufferPointer {
    transform.write(image, normalization: .imageNet, stream: &stream, to: $0)
  }
  return result
}

@Suite("Pipelines of real numbers and of the supervised recipe")
struct PipelineLawTests {
  private let image = colourful(50, 40)

  @Test("The test view is resized to int(256 / 224 · size) first, as Swin's and DeiT's code does")
  func testView() {
    let sizes = [(224, 256), (384, 438), (256, 292), (192, 219), (448, 512), (32, 36)]
    for (size, resized) in sizes {
      #expect(EvaluationTransform(inputSize: size).resizeSize == resized, "\(size)")
      #expect(resized == Int(256.0 / 224.0 * Double(size)))
    }
  }

  @Test("A sample's draws are its own and repeatable")
  func determinism() {
    let transforms: [any ImageTransform] = [
      SupervisedTransform(size: 32), BYOLView(size: 32, isSecond: false),
      BYOLView(size: 32, isSecond: true), ContrastiveView(size: 32),
    ]
    for transform in transforms {
      let first = planes(transform, image, 3)
      #expect(first == planes(transform, image, 3), "\(transform.summary)")
      #expect(first != planes(transform, image, 4), "\(transform.summary)")
      #expect(first.allSatisfy { $0.isFinite }, "\(transform.summary)")
    }
  }

  @Test("The supervised pipeline normalises first and erases last")
  func supervisedOrder() {
    var transform = SupervisedTransform(size: 24, erasing: RandomErasing(probability: 1))
    let erased = planes(transform, image, 11)
    transform.erasing = nil
    let whole = planes(transform, image, 11)
    let changed = zip(erased, whole).count { $0 != $1 }
    // One rectangle of at most a third of the area, in three channels; sides are rounded.
    let most = 24 * 24 + 3 * 48
    #expect(changed > 0 && changed <= most)
    var stream = stream(11)
    var expected = [Float](repeating: 0, count: whole.count)
    expected.withUnsafeMutableBufferPointer {
      PixelNormalization.imageNet.write(transform(image, stream: &stream), to: $0)
    }
    #expect(whole == expected)
  }

  @Test("Without random operations the supervised pipeline is a bicubic crop and flip")
  func supervisedPlain() {
    let plain = SupervisedTransform(size: 24, randAugment: nil, erasing: nil)
    let box = plain.crop
    var flips = 0
    for sample in 0..<400 {
      var (drawing, used) = (stream(sample), stream(sample))
      let view = image.resized(
        width: 24, height: 24, filter: .bicubic,
        box: box.box(width: image.width, height: image.height, stream: &drawing))
      let result = plain(image, stream: &used)
      if result != view {
        #expect(result == view.flippedHorizontally())
        flips += 1
      }
    }
    expectCount(flips, of: 400, probability: 0.5, "flips")
  }

  @Test("BYOL's boxes are drawn once and cut to the image")
  func byolBoxes() {
    let view = BYOLView(size: 32, isSecond: false)
    var wide = 0
    for sample in 0..<4000 {
      var stream = stream(sample)
      let box = view.box(width: 300, height: 60, stream: &stream)
      #expect(box.left >= 0 && box.left + box.width <= 300 && box.width > 0)
      #expect(box.top >= 0 && box.top + box.height <= 60 && box.height > 0)
      if box.height == 60 { wide += 1 }
    }
    // Both sides follow √(A·r): a height of 60 needs A/r ≥ 59.5², which is frequent at 300x60.
    #expect(wide > 2000)
  }

  @Test("BYOL's steps come in order and with their probabilities")
  func byolSteps() {
    var view = BYOLView(size: 24, isSecond: true)
    view.jitterProbability = 0
    let total = 2000
    var (flips, grays, blurs, solarized) = (0, 0, 0, 0)
    for sample in 0..<total {
      var (drawing, used) = (stream(sample), stream(sample))
      let box = view.box(width: image.width, height: image.height, stream: &drawing)
      var expected = FloatImage(resizing: image, box: box, width: 24, height: 24)
      if drawing.uniformDouble() < 0.5 {
        expected = expected.flippedHorizontally()
        flips += 1
      }
      _ = drawing.uniformDouble()
      if drawing.uniformDouble() < 0.2 {
        expected = expected.grayscaled()
        grays += 1
      }
      if drawing.uniformDouble() < 0.1 {
        expected = expected.gaussianBlurred(deviation: Float(drawing.uniform(0.1, 2)), radius: 1)
        blurs += 1
      }
      if drawing.uniformDouble() < 0.2 {
        expected = expected.solarized()
        solarized += 1
      }
      #expect(view.floatView(image, stream: &used) == expected)
    }
    expectCount(flips, of: total, probability: 0.5, "flips")
    expectCount(grays, of: total, probability: 0.2, "grays")
    expectCount(blurs, of: total, probability: 0.1, "blurs")
    expectCount(solarized, of: total, probability: 0.2, "solarized")
  }

  @Test("BYOL's jitter changes four in five images and stays in 0...1")
  func byolJitter() {
    var view = BYOLView(size: 16, isSecond: true)
    (view.grayProbability, view.blurProbability, view.solarizeProbability) = (0, 0, 0)
    let total = 2000
    var changed = 0
    for sample in 0..<total {
      var (drawing, used) = (stream(sample), stream(sample))
      let box = view.box(width: image.width, height: image.height, stream: &drawing)
      let crop = FloatImage(resizing: image, box: box, width: 16, height: 16)
      let result = view.floatView(image, stream: &used)
      #expect(result.values.allSatisfy { (0...1).contains($0) })
      if result != crop, result != crop.flippedHorizontally() { changed += 1 }
    }
    expectCount(changed, of: total, probability: 0.8, "jittered")
  }

  @Test("Flipping last gives the same picture as flipping first, from other draws")
  func flipOrder() {
    var view = ContrastiveView(size: 24)
    (view.jitterProbability, view.blurProbability) = (0, 0)
    (view.solarizeProbability, view.flipsLast) = (0.2, true)
    let total = 2000
    var flips = 0
    for sample in 0..<total {
      var (drawing, used) = (stream(sample), stream(sample))
      let box = view.crop.box(width: image.width, height: image.height, stream: &drawing)
      var expected = image.resized(width: 24, height: 24, filter: .bilinear, box: box)
      _ = drawing.uniformDouble()
      if drawing.uniformDouble() < 0.2 { expected = expected.grayscaled() }
      _ = drawing.uniformDouble()
      if drawing.uniformDouble() < 0.2 { expected = expected.solarized() }
      if drawing.uniformDouble() < 0.5 {
        expected = expected.flippedHorizontally()
        flips += 1
      }
      #expect(view(image, stream: &used) == expected)
    }
    expectCount(flips, of: total, probability: 0.5, "flips")
  }

  @Test("An epoch of repeated augmentation shows a third of the images three times each")
  func repeatedEpoch() {
    let repeated = RepeatedAugmentation()
    let order = repeated.order(count: 3000, seed: 3, epoch: 2)
    #expect(order.count == 3000 / 256 * 256)
    for start in stride(from: 0, to: order.count - 2, by: 3) {
      #expect(order[start] == order[start + 1] && order[start] == order[start + 2])
    }
    #expect(Set(order).count == (order.count + 2) / 3)
    #expect(order == repeated.order(count: 3000, seed: 3, epoch: 2))
    #expect(order != repeated.order(count: 3000, seed: 3, epoch: 3))
    // Dealt to four processes, the same list comes out in turns.
    let ranks = (0..<4).map { repeated.order(count: 3000, seed: 3, epoch: 2, rank: $0, world: 4) }
    let dealt: [Int] = order.indices.map { ranks[$0 % 4][$0 / 4] }
    #expect(dealt == order)
    #expect(repeated.order([]) == [])
  }
}
