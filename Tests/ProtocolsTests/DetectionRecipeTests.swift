import CommandLine
import Layers
import Models
import Reporting
import TensorCore
import Testing
import VisionData

@testable import Protocols

/// The numbers that the Swin detection configurations publish, one by one.
@Suite("Detection recipes")
struct DetectionRecipeTests {
  @Test(
    "Epochs, milestones and drop path are those of each published configuration",
    arguments: [
      (DetectionRecipe.Name.maskRCNN1x, 12, [8, 11], Float(0.1), 1),
      (.maskRCNN3x, 36, [27, 33], 0.2, 1), (.cascade1x, 12, [8, 11], 0, 3),
      (.cascade3x, 36, [27, 33], 0.2, 3),
    ])
  func schedules(
    name: DetectionRecipe.Name, epochs: Int, milestones: [Int], dropPath: Float, stages: Int
  ) {
    let recipe = DetectionRecipe(name)
    #expect(recipe.epochs == epochs && recipe.milestones == milestones)
    #expect(recipe.dropPathRate == dropPath && recipe.detector.stages.count == stages)
    // All four share the optimiser, the warm-up and the sizes.
    #expect(recipe.learningRate == 1e-4 && recipe.weightDecay == 0.05)
    #expect(recipe.warmupSteps == 500 && recipe.warmupRatio == 0.001)
    #expect(recipe.batchSize == 16 && recipe.imagesPerPass == 2)
    #expect(recipe.testSize.short == 800 && recipe.testSize.long == 1333)
    let seen = recipe.augmentation
    #expect(seen.shortSides == [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800])
    #expect(seen.longSide == 1333 && seen.flipProbability == 0.5)
    #expect(seen.cropShortSides == [400, 500, 600] && seen.cropSides == 384...600)
    #expect(recipe.schedule(stepsPerEpoch: 10).factor == 0.1)
  }

  @Test("Every difference from the published recipe is listed, and nothing else")
  func deviations() {
    let own = DetectionRecipe(.maskRCNN1x).deviations(of: .maskRCNN).lines
    #expect(own == ["single precision instead of mixed"])
    // The source's norms see sixteen images, a pass here two.
    let cascade = DetectionRecipe(.cascade3x).deviations(of: .cascadeMaskRCNN).lines
    #expect(
      cascade == [
        "batch norms of the box heads over images 2 instead of 16",
        "single precision instead of mixed",
      ])
    var recipe = DetectionRecipe(.maskRCNN1x)
    (recipe.batchSize, recipe.learningRate, recipe.length) = (4, 2e-4, 6)
    recipe.scaleImages(by: 0.5)
    let changed = recipe.deviations(of: .maskRCNN).lines.joined(separator: "; ")
    for words in [
      "batch size 4 instead of 16", "learning rate 0.0002 instead of 0.0001",
      "epochs 6 instead of 12", "milestones [4, 6] instead of [8, 11]",
      "test size short side 400, long side 667 instead of short side 800, long side 1333",
      "augmentation flip 0.5, short side 240/",
    ] { #expect(changed.contains(words), "\(changed)") }
    #expect(DetectionRecipe(.maskRCNN1x).testDeviations.lines.isEmpty)
    #expect(recipe.testDeviations.lines.count == 1)
    var plain = DetectionRecipe(.maskRCNN1x)
    plain.dropAugmentation()
    #expect(plain.deviations(of: .maskRCNN).lines.count == 2)
    let mini = DetectionRecipe(.maskRCNN1x, preset: .mini)
    let small = mini.deviations(of: mini.detector).lines
    #expect(small.contains("detector Mask R-CNN (mini) instead of Mask R-CNN"))
    #expect(small.contains("backbone Swin-mini instead of Swin-T"))
  }

  @Test("Both networks share classes, widths, anchors, samplers and test limits")
  func shared() {
    for detector in [DetectorConfiguration.maskRCNN, .cascadeMaskRCNN] {
      #expect(detector.backbone == .swin(.tiny) && detector.classCount == 80)
      #expect(detector.channels == 256 && detector.hiddenSize == 1024)
      #expect(detector.anchors.strides == [4, 8, 16, 32, 64])
      #expect(detector.anchors.scale == 8 && detector.anchors.ratios == [0.5, 1, 2])
      #expect(
        detector.anchorAssigner
          == MaxIoUAssigner(
            positive: 0.7, negative: 0.3, minimumPositive: 0.3, matchesLowQuality: true))
      #expect(detector.anchorSampler == RandomSampler(count: 256, positiveLimit: 128))
      #expect(detector.regionSampler == RandomSampler(count: 512, positiveLimit: 128))
      #expect(detector.trainingProposals.perLevel == 2000)
      #expect(detector.trainingProposals.threshold == 0.7)
      #expect(detector.testProposals.perLevel == 1000 && detector.testProposals.perImage == 1000)
      #expect(detector.testProposals.threshold == 0.7)
      #expect(detector.scoreThreshold == 0.05 && detector.overlapThreshold == 0.5)
      #expect(detector.detectionLimit == 100)
    }
  }

  @Test("Mask R-CNN has its head, its losses and its limits")
  func maskRCNN() throws {
    let detector = DetectorConfiguration.maskRCNN
    #expect(detector.boxHead == .twoLinear && detector.boxLoss == .absolute)
    // Anchors may leave the image, and their regression is L1.
    #expect(detector.anchorBorder < 0 && detector.anchorBeta == 0)
    #expect(detector.trainingProposals.perImage == 1000)
    let stage = try #require(detector.stages.first)
    #expect(detector.stages.count == 1 && stage.lossWeight == 1)
    #expect(stage.coder.deviations == SIMD4(0.1, 0.1, 0.2, 0.2))
    #expect(
      stage.assigner
        == MaxIoUAssigner(
          positive: 0.5, negative: 0.5, minimumPositive: 0.5, matchesLowQuality: true))
  }

  @Test("The cascade has its three stages, its losses and its limits")
  func cascade() {
    let detector = DetectorConfiguration.cascadeMaskRCNN
    #expect(detector.boxHead == .fourConvolutions)
    #expect(detector.boxLoss == .generalizedIoU(weight: 10))
    // Anchors stay inside the image, and their regression is smooth L1 of 1/9.
    #expect(detector.anchorBorder == 0 && detector.anchorBeta == 1 / 9)
    #expect(detector.trainingProposals.perImage == 2000)
    #expect(detector.stages.map(\.lossWeight) == [1, 0.5, 0.25])
    #expect(
      detector.stages.map(\.coder.deviations) == [
        SIMD4(0.1, 0.1, 0.2, 0.2), SIMD4(0.05, 0.05, 0.1, 0.1), SIMD4(0.033, 0.033, 0.067, 0.067),
      ])
    #expect(
      detector.stages.map(\.assigner)
        == [0.5, 0.6, 0.7].map {
          MaxIoUAssigner(positive: $0, negative: $0, minimumPositive: $0, matchesLowQuality: false)
        })
  }
}
