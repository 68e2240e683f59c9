import CommandLine
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Processes
import Protocols
import Runs
import SampleData
import TensorCore
import TestSupport
import Testing
import Training
import VisionData

@testable import Harness

/// Trainings that ranks share, each rank a thread: they must end in the bits of one rank.
@Suite("Trainings that processes share", .serialized, .timeLimit(.minutes(5)))
struct SharedTrainingTests {
  /// Trains on every rank, in folders of their own.
  ///
  /// - Returns: All state and every line of each rank.
  private func traces(
    _ size: Int, in folder: TemporaryDirectory, _ make: @escaping @Sendable () throws -> any Trainee
  ) async throws -> [(state: [[UInt32]], lines: String)] {
    let place = folder.path
    return try await ThreadRanks(size).run { ranks in
      try Processes.$standIn.withValue(ranks) {
        let run = try RunDirectory(path: "\(place)/\(size) ranks, \(ranks.rank)")
        var loop = TrainingLoop(run: run, state: nil)
        loop.isQuiet = true
        let trainee = try make()
        _ = try loop.train(trainee)
        return (
          trainee.state.map { $0.values.map(\.bitPattern) },
          try run.rows("events.jsonl").map { $0.text() }.joined(separator: "\n")
        )
      }
    }
  }

  private func expectSame(
    _ sizes: [Int], in folder: TemporaryDirectory,
    _ make: @escaping @Sendable () throws -> any Trainee
  ) async throws {
    let alone = try await traces(1, in: folder, make)[0]
    #expect(!alone.state.isEmpty)
    for size in sizes {
      for (rank, trace) in try await traces(size, in: folder, make).enumerated() {
        #expect(trace.state == alone.state, "rank \(rank) of \(size)")
        #expect(trace.lines == alone.lines, "rank \(rank) of \(size)")
      }
    }
  }

  @Test("A detector, pass by pass")
  func detector() async throws {
    let folder = try TemporaryDirectory()
    let path = try smallDetectionData(folder)
    try await expectSame([2, 4], in: folder) {
      var recipe = smallDetectionRecipe()
      (recipe.imagesPerPass, recipe.passesPerStep, recipe.dropPathRate) = (1, 4, 0.3)
      return DetectorTraining(
        recipe: recipe,
        detector: Detector(recipe.detector, initializer: Initializer(seed: 2)),
        dataset: try DetectionDataset(
          DetectionLayout.expect(path).part(.training), use: .training),
        seed: 2, label: "test", groups: try .shared(batchSize: 4, count: 4))
    }
  }

  @Test("A segmentor, whose batch norms see every image")
  func segmentor() async throws {
    let folder = try TemporaryDirectory()
    let images = try makeSegmentationSet(in: folder)
    try await expectSame([2, 4], in: folder) {
      var recipe = SegmentationRecipe(.upernet160k, preset: .smoke)
      recipe.length = 4
      (recipe.batchSize, recipe.dropPathRate) = (4, 0.3)
      recipe.backbone = .swin(
        SwinConfiguration(
          embeddingSize: 8, depths: [1, 1, 1, 1], headCounts: [1, 1, 2, 2], windowSize: 4))
      return SegmentorTraining(
        recipe: recipe,
        segmentor: Segmentor(
          recipe.configuration(classCount: 4), initializer: Initializer(seed: 3)),
        folder: images, encoding: LabelEncoding(.reduceZero, classCount: 4), seed: 3,
        label: "test", groups: try .shared(batchSize: 4, count: 4))
    }
  }

  @Test("A batch in groups is the batch", arguments: [2, 4])
  func groups(count: Int) throws {
    let folder = try TemporaryDirectory()
    let images = try makeSegmentationSet(in: folder)
    func losses(_ count: Int) throws -> [Double] {
      var recipe = SegmentationRecipe(.upernet160k, preset: .smoke)
      recipe.length = 3
      recipe.batchSize = 4
      let run = try RunDirectory(path: folder.file("in \(count)"))
      var loop = TrainingLoop(run: run, state: nil)
      loop.isQuiet = true
      _ = try loop.train(
        SegmentorTraining(
          recipe: recipe,
          segmentor: Segmentor(
            recipe.configuration(classCount: 4), initializer: Initializer(seed: 3)),
          folder: images, encoding: LabelEncoding(.reduceZero, classCount: 4), seed: 3,
          label: "test", groups: ImageGroups(batchSize: 4, count: count)))
      return try run.rows("events.jsonl").compactMap { $0["loss"]?.doubleValue }
    }
    expectClose(
      try losses(count).map(Float.init), try losses(1), relative: 2e-4, absolute: 0, "losses")
  }

  @Test("A count that the groups do not go into is refused with those that do")
  func refused() async throws {
    let problems = try await ThreadRanks(2).run { ranks in
      Processes.$standIn.withValue(ranks) {
        [1, 6].map { (count: Int) -> String in
          do {
            _ = try ImageGroups.shared(batchSize: 6, count: count)
            return ""
          } catch {
            return "\(error)"
          }
        }
      }
    }
    for problem in problems.joined() { #expect(problem.contains("--groups"), "\(problem)") }
  }
}
