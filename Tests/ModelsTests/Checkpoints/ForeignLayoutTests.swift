import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// Files of other programs against the features that those programs compute
/// (`Tests/References/layouts.py`).
@Suite("Checkpoints of other programs")
struct ForeignLayoutTests {
  private struct Sample: Sendable, CustomTestStringConvertible {
    let name: String
    let ending: String
    let layout: CheckpointLayout
    var heads: Int?
    var size = 32
    var images = "images"
    var testDescription: String { name }
  }

  private static let samples = [
    Sample(name: "hf-swin", ending: "safetensors", layout: .huggingFace),
    Sample(name: "hf-swin-v5", ending: "pth", layout: .huggingFace),
    Sample(name: "hf-vit", ending: "safetensors", layout: .huggingFace, heads: 4),
    Sample(name: "hf-deit", ending: "safetensors", layout: .huggingFace, heads: 4),
    Sample(name: "hf-dinov2", ending: "safetensors", layout: .huggingFace, heads: 4),
    Sample(name: "torchvision-swin", ending: "pth", layout: .torchvision),
    Sample(name: "torchvision-vit", ending: "pth", layout: .torchvision, heads: 4),
    Sample(name: "timm-swin", ending: "pth", layout: .timm),
    Sample(name: "timm-windows", ending: "pth", layout: .timm, size: 64, images: "large images"),
    Sample(name: "timm-dinov2", ending: "pth", layout: .official, heads: 4),
    Sample(name: "deit3", ending: "pth", layout: .official, heads: 4),
  ]

  private static func path(_ sample: Sample) -> String {
    SourceTree.fixture("Checkpoints/Layouts/\(sample.name).\(sample.ending)")
  }

  @Test("A file of each program gives the features that the program computes", arguments: samples)
  private func features(_ sample: Sample) throws {
    let loaded = try BackboneLoader.load(
      path: Self.path(sample), inputSize: sample.size, claim: NetworkClaim(headCount: sample.heads))
    #expect(loaded.report.layout == sample.layout.rawValue)
    #expect(loaded.report.isComplete && loaded.report.reshaped.isEmpty)
    let images = Tensor(
      DeterministicFill.values(
        sample.images, count: 2 * 3 * sample.size * sample.size, bound: 2),
      shape: [2, 3, sample.size, sample.size])
    let found = withoutGradients { loaded.backbone.features(images) }
    let expected = try SafetensorsFixture("Checkpoints/Layouts/features.safetensors")
      .values(sample.name)
    expectClose(found.values, expected, relative: 2e-4, absolute: 2e-4, sample.name)
  }

  @Test("Heads change the features of such a file, so they are no matter of taste")
  func heads() throws {
    let sample = Self.samples[6]
    let images = DeterministicFill.tensor("images", [2, 3, 32, 32], bound: 2)
    let answers = try [1, 4].map { heads in
      let loaded = try BackboneLoader.load(
        path: Self.path(sample), inputSize: 32, claim: NetworkClaim(headCount: heads))
      return withoutGradients { loaded.backbone.features(images) }.values
    }
    #expect(zip(answers[0], answers[1]).contains { abs($0 - $1) > 0.01 })
  }

  @Test("One window a stage is read from its own tables, and named")
  func windows() throws {
    let loaded = try BackboneLoader.load(path: Self.path(Self.samples[8]), inputSize: 64)
    #expect(loaded.report.architecture.contains("windows 4-2-4"))
    guard case .swin(let swin) = loaded.backbone.architecture else {
      Issue.record("no Swin")
      return
    }
    #expect(swin.windowSizes == [4, 2, 4])
  }

  @Test("Windows that maps clamped are told from windows that were chosen")
  func clampedWindows() {
    #expect(SwinConfiguration.clampedWindow([7, 7, 7, 7]) == 7)
    #expect(SwinConfiguration.clampedWindow([4, 4, 4, 2]) == 4)
    #expect(SwinConfiguration.clampedWindow([7, 7, 4, 2]) == 7)
    #expect(SwinConfiguration.clampedWindow([14, 14, 14, 7]) == 14)
    #expect(SwinConfiguration.clampedWindow([7, 7, 14, 7]) == nil)
    #expect(SwinConfiguration.clampedWindow([7, 4, 4, 4]) == nil)
    #expect(SwinConfiguration.clampedWindow([]) == nil)
  }

  @Test("The classifiers of other programs are found")
  func classifiers() throws {
    for name in ["hf-swin", "torchvision-swin", "torchvision-vit", "timm-swin"] {
      let sample = try #require(Self.samples.first { $0.name == name })
      let loaded = try BackboneLoader.load(
        path: Self.path(sample), inputSize: 32, claim: NetworkClaim(headCount: sample.heads))
      #expect(loaded.head?.classCount == 3, "\(name)")
    }
  }
}
