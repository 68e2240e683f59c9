import Models
import Reporting
import Testing
import VisionData

@testable import Protocols

/// The numbers that the Swin segmentation configuration publishes, one by one.
@Suite("Segmentation recipes")
struct SegmentationRecipeTests {
  @Test("Batch, optimiser, drop path and warm-up are the published ones")
  func optimiser() {
    let lengths: [(SegmentationRecipe.Name, Int)] = [
      (.upernet160k, 160_000), (.upernet80k, 80_000), (.upernet40k, 40_000),
    ]
    for (name, iterations) in lengths {
      let recipe = SegmentationRecipe(name)
      #expect(recipe.stepCount == iterations && recipe.batchSize == 16)
      #expect(recipe.learningRate == 6e-5 && recipe.weightDecay == 0.01)
      #expect(recipe.dropPathRate == 0.3 && recipe.warmupSteps == 1500)
      #expect(recipe.cropSize == 512)
    }
  }

  @Test(
    "The rate falls to 0 in a line, times a warm-up from a millionth",
    arguments: [
      (0, 6.0e-11), (1, 4.005971e-8), (750, 2.985940e-5), (1499, 5.939825e-5),
      (1500, 5.943750e-5), (16_000, 5.4e-5), (80_000, 3.0e-5), (159_999, 3.75e-10),
    ])
  func rates(step: Int, expected: Double) {
    let rate = SegmentationRecipe(.upernet160k).learningRate(step: step)
    #expect(abs(rate - expected) < 1e-6 * expected, "\(rate)")
  }

  @Test("Every difference from the published recipe is listed, and nothing else")
  func deviations() {
    var recipe = SegmentationRecipe(.upernet160k)
    #expect(recipe.deviations(of: .ade20k).lines.isEmpty && recipe.testDeviations.lines.isEmpty)
    (recipe.batchSize, recipe.length, recipe.augments) = (4, 80_000, false)
    #expect(
      recipe.deviations(of: .ade20k).lines == [
        "iterations 80000 instead of 160000", "batch size 4 instead of 16",
        "learning rate not scaled with the batch", "batch norms over crops 4 instead of 16",
        "drop path 0.0 instead of 0.3",
        "warm-up iterations 750 instead of 1500",
        "training images as they are instead of resized, flipped and coloured",
      ])
    recipe.cropSize = 256
    #expect(recipe.testDeviations.lines.count == 1)
    #expect(
      recipe.deviations(of: .miniature(classCount: 150)).lines.contains(
        "segmentor UPerNet Swin-mini instead of UPerNet Swin-T"))
  }

  @Test("A batch in passes keeps its size and names the norms' share; the rate scales on demand")
  func passes() {
    var recipe = SegmentationRecipe(.upernet160k)
    recipe.pass(4)
    #expect(recipe.batchSize == 16 && recipe.imagesPerPass == 4)
    #expect(recipe.settings["images-per-pass"] == "4")
    #expect(
      recipe.deviations(of: .ade20k).lines == ["batch norms over crops 4 instead of 16"])
    recipe.batchSize = 8
    recipe.scaleRate()
    #expect(recipe.learningRate == 3e-5)
    #expect(
      recipe.deviations(of: .ade20k).lines.contains("learning rate 3e-05 instead of 6e-05"))
    #expect(SegmentationRecipe(.upernet160k).settings["images-per-pass"] == nil)
  }

  @Test("The network has the published widths, classes and loss weights")
  func network() {
    let network = SegmentationRecipe(.upernet160k).configuration(classCount: 150)
    #expect(network == .ade20k && network.backbone == .swin(.tiny) && network.classCount == 150)
    #expect(network.channels == 512 && network.auxiliaryChannels == 256)
    #expect(network.poolSizes == [1, 2, 3, 6])
    #expect(network.dropoutRate == 0.1 && network.auxiliaryWeight == 0.4)
  }

  @Test("Training and test images are seen as published")
  func views() {
    let recipe = SegmentationRecipe(.upernet160k)
    let seen = recipe.training
    #expect(seen.limit == ResizeLimit(long: 2048, short: 512) && seen.ratioRange == 0.5...2)
    #expect(seen.crop == CategoryLimitedCrop(size: 512, maximumShare: 0.75))
    #expect(seen.crop.tryCount == 10 && seen.flipProbability == 0.5)
    let distortion = seen.distortion
    #expect(distortion?.brightnessDelta == 32 && distortion?.hueDelta == 18)
    #expect(distortion?.contrast == 0.5...1.5 && distortion?.saturation == 0.5...1.5)
    #expect(recipe.testLimit == ResizeLimit(long: 2048, short: 512))
    #expect(SegmentationTesting.singleScale.passes == [TestPass(ratio: 1, isFlipped: false)])
    #expect(SegmentationTesting.multiScale.ratios == [0.5, 0.75, 1, 1.25, 1.5, 1.75])
    #expect(SegmentationTesting.multiScale.flips)
    #expect(ByteNormalization.imageNet.mean == [123.675, 116.28, 103.53])
    #expect(ByteNormalization.imageNet.deviation == [58.395, 57.12, 57.375])
  }
}
