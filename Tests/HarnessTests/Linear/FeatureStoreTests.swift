import CommandLine
import FileSupport
import Foundation
import Layers
import Loading
import Models
import SampleData
import TensorCore
import TestSupport
import Testing
import VisionData

@testable import Harness

/// Kept features are those of the images, the weights and the view that are asked for, or none.
@Suite("Kept features", .serialized)
struct FeatureStoreTests {
  private func prepare() throws -> (TemporaryDirectory, ImageFolder) {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (2, 1))).generate(at: folder.file("data"))
    return (folder, try ImageFolder(root: folder.file("data/classification/train")))
  }

  private func backbone(_ seed: UInt64) -> SwinTransformer {
    SwinTransformer(.mini, inputSize: 32, initializer: Initializer(seed: seed))
  }

  private func features(
    _ split: ImageFolder, in folder: TemporaryDirectory, seed: UInt64 = 1,
    policy: BadImagePolicy = .skip, isFresh: Bool = false,
    normalization: PixelNormalization = .imageNet
  ) throws -> [Float] {
    let matrix = try FeatureStore(
      folder: folder.file("features"), backbone: backbone(seed), batchSize: 8, policy: policy,
      normalization: normalization, isFresh: isFresh
    ).features(
      split, order: Array(0..<split.count), manifest: split.manifestHash(),
      transform: EvaluationTransform(resizeSize: 36, cropSize: 32), label: "test")
    return Array(matrix.values)
  }

  private func kept(_ folder: TemporaryDirectory) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.file("features")).sorted()
  }

  @Test("Other weights, other pixels and other images are other features; the same are found")
  func keys() throws {
    let (folder, split) = try prepare()
    let first = try features(split, in: folder)
    #expect(try features(split, in: folder) == first)
    #expect(try kept(folder).count == 1)
    #expect(try features(split, in: folder, seed: 2) != first)
    let grey = PixelNormalization(mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5])
    #expect(try features(split, in: folder, normalization: grey) != first)
    #expect(try kept(folder).count == 3)
  }

  @Test("An image that is repaired at the same size and time is computed again")
  func repaired() throws {
    let (folder, split) = try prepare()
    let path = split.path(0)
    let good = try FileBytes.read(path)
    let bad = Array(good.prefix(300)) + [UInt8](repeating: 0, count: good.count - 300)
    func write(_ bytes: [UInt8]) throws {
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try file.write(contentsOf: Data(bytes))
      try file.close()
      var times = [timeval(tv_sec: 1_000_000, tv_usec: 0), timeval(tv_sec: 1_000_000, tv_usec: 0)]
      #expect(utimes(path, &times) == 0)
    }
    try write(bad)
    let width = backbone(1).featureCount
    #expect(try features(split, in: folder).count == (split.count - 1) * width)
    try write(good)
    #expect(try features(split, in: folder).count == split.count * width)
  }

  @Test("Features that are no numbers are an error that names image and remedy, not class 0")
  func notFinite() throws {
    let (folder, split) = try prepare()
    let network = backbone(1)
    network.visitParameters("") { key, tensor in
      if key == "norm.weight" {
        tensor.assign([Float](repeating: 3e38, count: tensor.elementCount))
      }
      if key == "norm.bias" { tensor.assign([Float](repeating: 3e38, count: tensor.elementCount)) }
    }
    let store = FeatureStore(
      folder: folder.file("features"), backbone: network, batchSize: 8, policy: .fail)
    let error = try #require(throws: DatasetError.self) {
      try store.features(
        split, order: [0, 1], manifest: "m",
        transform: EvaluationTransform(resizeSize: 36, cropSize: 32), label: "test")
    }
    #expect(
      error.description.contains(split.relativePath(0)) && error.description.contains("--std"))
  }

  @Test("A kept file with an altered number is no answer, nor is any when all is to begin again")
  func damaged() throws {
    let (folder, split) = try prepare()
    let first = try features(split, in: folder)
    let path = folder.file("features") + "/" + (try #require(try kept(folder).first))
    var bytes = try FileBytes.read(path)
    bytes[100] ^= 1
    try AtomicFile.write(bytes, to: path)
    #expect(try features(split, in: folder) == first)
    #expect(try FileBytes.read(path)[100] == bytes[100] ^ 1)
    let before = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
    _ = try features(split, in: folder)
    #expect(
      try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int == before)
    _ = try features(split, in: folder, isFresh: true)
    #expect(
      try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int != before)
  }
}
