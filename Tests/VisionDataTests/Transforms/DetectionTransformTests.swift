import CounterRandom
import Geometry
import Testing

@testable import VisionData

@Suite("Transforms of detection samples")
struct DetectionTransformTests {
  /// A picture in which every object's mask is exactly its box.
  private func sample(width: Int = 64, height: Int = 40) -> DetectionSample {
    var image = RGBImage(width: width, height: height)
    for i in 0..<width * height { image.pixels[3 * i] = UInt8(i * 7 % 251) }
    let boxes = [CornerBox(8, 4, 24, 20), CornerBox(30, 10, 60, 36)]
    return DetectionSample(
      image: image,
      target: DetectionTarget(
        boxes: boxes, labels: [3, 5], masks: boxes.map { mask($0, width, height) }))
  }

  private func mask(_ box: CornerBox, _ width: Int, _ height: Int) -> LabelMap {
    var labels = [UInt8](repeating: 0, count: width * height)
    for y in Int(box.y1)..<Int(box.y2) {
      for x in Int(box.x1)..<Int(box.x2) { labels[y * width + x] = 1 }
    }
    return LabelMap(width: width, height: height, labels: labels)
  }

  @Test("Sizes keep the ratio under both bounds and round as the reference does")
  func sizes() {
    func size(_ width: Int, _ height: Int, _ short: Int = 800) -> [Int] {
      let size = ResizeLimit(long: 1333, short: short).size(width: width, height: height)
      return [size.width, size.height]
    }
    #expect(size(640, 480) == [1067, 800])
    #expect(size(480, 640) == [800, 1067])
    #expect(size(640, 200) == [1333, 417])
    #expect(size(1333, 800) == [1333, 800])
    #expect(ResizeLimit(long: 800, short: 1333) == ResizeLimit(long: 1333, short: 800))
  }

  @Test("Two flips give the sample back, and one moves boxes with their masks")
  func flips() {
    let sample = sample()
    let flipped = sample.flippedHorizontally()
    #expect(flipped.flippedHorizontally() == sample)
    #expect(flipped.target.boxes[0] == CornerBox(40, 4, 56, 20))
    #expect(flipped.target.masks[0] == mask(flipped.target.boxes[0], 64, 40))
  }

  @Test("A crop clips boxes and masks alike and drops what is outside")
  func crops() {
    let cut = sample().cropped(to: PixelBox(left: 26, top: 6, width: 20, height: 20))
    #expect(cut.image.width == 20 && cut.image.height == 20)
    #expect(cut.target.labels == [5])
    #expect(cut.target.boxes == [CornerBox(4, 4, 20, 20)])
    #expect(cut.target.masks == [mask(cut.target.boxes[0], 20, 20)])
  }

  @Test("A resize scales boxes by the ratio of the sides and masks by the nearest pixel")
  func resizes() {
    let doubled = sample().resized(to: ResizeLimit(long: 1333, short: 80))
    #expect(doubled.image.width == 128 && doubled.image.height == 80)
    #expect(doubled.target.boxes[1] == CornerBox(60, 20, 120, 72))
    #expect(doubled.target.masks[1] == mask(doubled.target.boxes[1], 128, 80))
  }

  @Test("Augmentation follows its stream, takes both ways and stays inside its sizes")
  func augmentation() {
    let augmentation = DetectionAugmentation().scaled(by: 0.1)
    let sample = sample()
    func seen(_ index: Int) -> DetectionSample {
      var stream = RandomStream(seed: 9, purpose: .augmentation, epoch: 2, sample: index)
      return augmentation(sample, stream: &stream)
    }
    var ratios: Set<Int> = []
    for index in 0..<60 {
      let one = seen(index)
      #expect(one == seen(index))
      let (width, height) = (one.image.width, one.image.height)
      #expect(max(width, height) <= augmentation.longSide)
      #expect(min(width, height) <= 80)
      for (box, mask) in zip(one.target.boxes, one.target.masks) {
        #expect(mask?.width == width && mask?.height == height)
        #expect(box.x1 >= 0 && box.y1 >= 0 && box.width > 0 && box.height > 0)
        #expect(box.x2 <= Float(width) && box.y2 <= Float(height))
      }
      ratios.insert(width * 100 / height)
    }
    // The whole image has one ratio; crops have many.
    #expect(ratios.count > 5)
    var plain = augmentation
    (plain.cropShortSides, plain.flipProbability) = ([], 0)
    var stream = RandomStream(seed: 1, purpose: .augmentation)
    let whole = plain(sample, stream: &stream)
    #expect(whole.target.count == 2)
  }

  @Test("Batches hold one kind of ratio, all images, and follow seed and epoch")
  func batches() {
    let sizes = (0..<23).map { $0 % 3 == 0 ? (width: 40, height: 60) : (width: 60, height: 40) }
    let sampler = AspectRatioBatches(sizes: sizes, batchSize: 2, groupMultiple: 8, seed: 6)
    let batches = sampler.batches(epoch: 1)
    // 8 tall images fill 8 places, 15 wide ones 16.
    #expect(batches.count == 12 && sampler.batchCount == 12)
    for batch in batches {
      #expect(batch.count == 2)
      #expect(Set(batch.map { sizes[$0].width > sizes[$0].height }).count == 1)
    }
    #expect(Set(batches.flatMap { $0 }) == Set(0..<23))
    #expect(sampler.batches(epoch: 1) == batches)
    #expect(sampler.batches(epoch: 2) != batches)
    #expect(AspectRatioBatches(sizes: sizes, batchSize: 2, seed: 7).batches(epoch: 1) != batches)
  }

  @Test("An overlay colours the mask's pixels and leaves the others")
  func overlay() throws {
    let sample = sample()
    let item = DetectionOverlay.Item(
      box: CornerBox(30, 22, 60, 36), mask: sample.target.masks[1], caption: "cup",
      label: 2)
    let drawn = DetectionOverlay().image(sample.image, items: [item])
    func pixel(_ image: RGBImage, _ x: Int, _ y: Int) -> [UInt8] {
      Array(image.pixels[(y * 64 + x) * 3..<(y * 64 + x) * 3 + 3])
    }
    #expect(pixel(drawn, 2, 2) == pixel(sample.image, 2, 2))
    #expect(pixel(drawn, 45, 30) != pixel(sample.image, 45, 30))
    #expect(pixel(drawn, 30, 30) == DetectionOverlay.color(2))
  }
}
