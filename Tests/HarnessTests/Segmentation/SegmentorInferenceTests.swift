import FileSupport
import Foundation
import Geometry
import Layers
import Models
import Runs
import TensorCore
import TestSupport
import Testing
import Training
import VisionData

@testable import Harness

/// The ways of showing an image, against slow and obvious ones.
@Suite("Testing a segmentor", .serialized, .timeLimit(.minutes(5)))
struct SegmentorInferenceTests {
  private static let classCount = 5

  private let segmentor: Segmentor = {
    var configuration = SegmentorConfiguration(
      backbone: .swin(
        SwinConfiguration(
          embeddingSize: 8, depths: [1, 1, 2, 1], headCounts: [1, 2, 2, 4], windowSize: 4)),
      classCount: Self.classCount)
    configuration.channels = 16
    let segmentor = Segmentor(configuration, initializer: Initializer(seed: 3))
    // Classifiers start with small weights; larger ones make maps of all classes.
    for (key, tensor) in segmentor.parameters where key == "decode_head.conv_seg.weight" {
      for i in 0..<tensor.elementCount { tensor.pointer[i] *= 100 }
    }
    segmentor.setTraining(false)
    return segmentor
  }()

  private func image(width: Int, height: Int) -> RGBImage {
    RGBImage(
      width: width, height: height,
      pixels: SegmentationScenes.picture("shown", width: width, height: height))
  }

  private func inference(_ mode: SegmentationMode, window: Int) -> SegmentorInference {
    var testing: SegmentationTesting = mode == .multiScale ? .multiScale : .singleScale
    testing.limit = ResizeLimit(long: 400, short: 48)
    return SegmentorInference(
      segmentor: segmentor, testing: testing, mode: mode, windowSize: window)
  }

  private func input(_ image: RGBImage) -> Tensor {
    Tensor(shape: [1, 3, image.height, image.width]) {
      ByteNormalization.imageNet.write(image, to: $0)
    }
  }

  @Test("One window that holds the whole image gives what the whole image gives")
  func oneWindow() {
    let image = image(width: 70, height: 48)
    let whole = inference(.whole, window: 48).classes(image)
    #expect(Set(whole.labels).count > 1)
    #expect(inference(.slide, window: 96).classes(image) == whole)
  }

  @Test(
    "A segmentor that says no numbers stops the test by the image's name",
    arguments: [SegmentationMode.whole, .slide, .multiScale])
  func broken(mode: SegmentationMode) throws {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(
      try ImageFile.png(image(width: 60, height: 50)), to: folder.file("images/validation/a.png"))
    try AtomicFile.write(
      try ImageFile.png(LabelMap(width: 60, height: 50, labels: .init(repeating: 1, count: 3000))),
      to: folder.file("annotations/validation/a.png"))
    let data = try SegmentationFolder(root: folder.path, split: .validation)
    func records(_ name: String) throws -> Int {
      try inference(mode, window: 48).records(
        data, encoding: LabelEncoding(.reduceZero, classCount: Self.classCount), count: 1,
        in: RunDirectory(path: folder.file(name)), label: "test"
      ).count
    }
    #expect(try records("sound") == 1)
    // Behind this come convolutions with norms and rectifiers, in which NaN could be lost.
    let (_, gain) = try #require(segmentor.parameters.first { $0.key == "backbone.norm3.weight" })
    gain.assign(gain.values.map { _ in .nan })
    let error = #expect(throws: TrainingError.self) { try records("broken") }
    #expect(error?.description.contains("images/validation/a.png are not numbers") == true)
    #expect(error?.exitCode == .gateFailed)
  }

  @Test("Logits of overlapping windows are averaged pixel by pixel")
  func windows() {
    let (width, height, window) = (70, 48, 36)
    let image = image(width: width, height: height)
    let input = input(image)
    var sums = [[Float]](
      repeating: [Float](repeating: 0, count: Self.classCount), count: width * height)
    var counts = [Float](repeating: 0, count: width * height)
    // Stride 24: the last window of a row or column ends at the edge.
    for top in [0, 12] {
      for left in [0, 24, 34] {
        let part = Tensor(uninitialized: [1, 3, window, window])
        for channel in 0..<3 {
          for y in 0..<window {
            for x in 0..<window {
              part.pointer[(channel * window + y) * window + x] =
                input.pointer[(channel * height + top + y) * width + left + x]
            }
          }
        }
        let logits = withoutGradients {
          bilinearResized(segmentor.logits(part), height: window, width: window)
        }
        for y in 0..<window {
          for x in 0..<window {
            let at = (top + y) * width + left + x
            for c in 0..<Self.classCount {
              sums[at][c] += logits.pointer[(y * window + x) * Self.classCount + c]
            }
            counts[at] += 1
          }
        }
      }
    }
    let found = inference(.slide, window: window).classes(image)
    #expect(counts.contains(1) && counts.contains(4))
    var unclear = 0
    for at in sums.indices {
      let ranked = sums[at].map { $0 / counts[at] }.enumerated().sorted { $0.element > $1.element }
      if ranked[0].element - ranked[1].element < 1e-4 {
        unclear += 1
      } else {
        #expect(Int(found.labels[at]) == ranked[0].offset)
      }
    }
    #expect(unclear < 20)
    #expect(found != inference(.whole, window: window).classes(image))
  }

  @Test("Logits of windows are those of mmsegmentation's slide_inference")
  func slideReference() throws {
    struct Sampled: Decodable { let values: [Double] }
    struct Reference: Decodable { let logits: [String: Sampled] }
    let url = URL(fileURLWithPath: SourceTree.fixture("Models/segmentor.json"))
    let reference = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: url))
    let expected = try #require(reference.logits["slide"]).values
    // The twin of `Tests/References/mmsegmentation.py`.
    var configuration = segmentor.configuration
    configuration.auxiliaryChannels = 8
    let twin = Segmentor(configuration, initializer: .blank)
    DeterministicFill.fill(twin.parameters + twin.buffers)
    twin.setTraining(false)
    let logits = withoutGradients {
      twin.logits(DeterministicFill.tensor("odd", [1, 3, 52, 76], bound: 2), windowSize: 36)
    }
    #expect(logits.shape == [1, 52, 76, Self.classCount])
    let values = logits.values
    expectClose(
      expected.indices.map { values[($0 * 7919 + 13) % values.count] }, expected, relative: 1e-5,
      absolute: 1e-6, "logits")
  }

  @Test("Twelve passes give the mirrored map of a mirrored image")
  func mirrored() {
    let image = image(width: 64, height: 48)
    let inference = inference(.multiScale, window: 48)
    #expect(inference.testing.passes.count == 12)
    let map = inference.classes(image)
    let mirrored = inference.classes(image.flippedHorizontally())
    let back = (0..<48).flatMap { y in (0..<64).map { mirrored.labels[y * 64 + 63 - $0] } }
    let differing = zip(map.labels, back).count { $0 != $1 }
    // Sums in another order may decide a tie otherwise.
    #expect(differing < 5 && Set(map.labels).count > 1)
  }
}
