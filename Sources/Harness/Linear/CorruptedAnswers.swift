import CommandLine
import CounterRandom
import Evaluation
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Runs
import TensorCore
import Threads
import VisionData

/// What classifiers say of images that are corrupted on the way: every image is decoded once, corrupted in
/// every way, and forgotten.
///
/// One checksummed line an image goes to the end of a file; a killed run goes on after the last whole line.
struct CorruptedAnswers {
  let made: MadeCorruptions
  let folder: ImageFolder
  let transform: EvaluationTransform
  /// Of one kind of pixels all of them.
  let answering: [ShiftMeasurement.Answering]
  let policy: BadImagePolicy

  /// The file of lines: `{"index":7,"wrong":["0110…"]}`, of each classifier a digit a part.
  static let file = "corrupted.jsonl"

  private var classifierCount: Int { answering.reduce(0) { $0 + $1.classifiers.count } }

  /// Which images were decoded, and of each classifier and corruption in how many strengths each was wrong.
  ///
  /// - Throws: What loading and writing throw, `InterruptedError` when the user asks to stop.
  func wrong(
    _ order: [Int], in run: RunDirectory, label: String
  ) throws -> (images: [Int], wrong: [[String: [Int]]], skipped: [String]) {
    let rows = try ImageRows(run: run, name: Self.file).lines(
      order, label: label, reading: { $0["index"]?.intValue }
    ) { .init(line: try row($0)) }
    let skipped = zip(order, rows).filter { $1["skipped"] != nil }.map(\.0)
    let answers = zip(order, rows).filter { $1["skipped"] == nil }
    let images = answers.map(\.0)
    let none = Dictionary(
      uniqueKeysWithValues: made.corruptions.map {
        ($0.rawValue, [Int](repeating: 0, count: images.count))
      })
    var wrong = [[String: [Int]]](repeating: none, count: classifierCount)
    for (place, (_, answer)) in answers.enumerated() {
      let texts = answer["wrong"]?.arrayValue?.compactMap(\.stringValue) ?? []
      guard texts.count == wrong.count,
        texts.allSatisfy({ $0.utf8.count == made.parts.count })
      else {
        throw FileError(
          path: run.path + "/" + Self.file, problem: "holds a line that is no list of answers",
          remedy: "move the file away and run again", exitCode: .badData)
      }
      for (classifier, text) in texts.enumerated() {
        for (part, digit) in zip(made.parts, text.utf8) where digit == UInt8(ascii: "1") {
          wrong[classifier][part.corruption.rawValue]?[place] += 1
        }
      }
    }
    return (images, wrong, skipped.map { folder.relativePath($0) })
  }

  /// The line of an image.
  private func row(_ index: Int) throws -> JSONValue {
    let image: RGBImage
    do throws(ImageError) {
      image = try folder.image(index)
    } catch {
      guard policy == .skip else { throw error.skippable }
      Console.error("skipped \(error.name): \(error.problem)")
      return .object(["index": .integer(index), "skipped": .bool(true)])
    }
    let crop = made.cropped(image)
    let parts = made.parts
    var wrong = [String](repeating: "", count: classifierCount)
    for start in stride(from: 0, to: parts.count, by: RunContext.featureBatch) {
      let some = Array(parts[start..<min(parts.count, start + RunContext.featureBatch)])
      let batch = try seen(crop, some, index)
      var place = 0
      for answering in answering {
        let features = try FeaturePass.features(of: batch, by: answering.network) { _ in
          folder.path(index)
        }
        for classifier in answering.classifiers {
          wrong[place] += digits(withoutGradients { classifier.layer(features) }, index)
          place += 1
        }
      }
    }
    return .object(["index": .integer(index), "wrong": .array(wrong.map { .string($0) })])
  }

  /// Of each row of logits whether the image's class is not the first, `[parts, K]`.
  private func digits(_ logits: Tensor, _ index: Int) -> String {
    (0..<logits.shape[0]).map { row in
      logits.withRow(row) { scores in
        ClassificationRecord(index: index, label: Int(folder.labels[index]), scores: scores).rank
          > 0 ? "1" : "0"
      }
    }.joined()
  }

  /// A crop in some corruptions as the network sees them, `[parts, 3, S, S]`.
  private func seen(
    _ crop: RGBImage, _ parts: [MadeCorruptions.Part], _ index: Int
  ) throws -> Tensor {
    let side = transform.size
    let normalization = answering.first?.backbone.normalization ?? .imageNet
    let batch = BatchBuffer(shape: [parts.count, 3, side, side])
    let failures = threadMap(parts.count) { place -> ImageError? in
      do throws(ImageError) {
        let image = try made.image(crop, parts[place], image: index)
        // Nothing is drawn of it.
        var stream = RandomStream(seed: 0, purpose: .augmentation)
        batch.withRow(place) {
          transform.write(image, normalization: normalization, stream: &stream, to: $0)
        }
        return nil
      } catch {
        return error
      }
    }
    if let failure = failures.compactMap({ $0 }).first { throw failure }
    return batch.tensor
  }
}

extension ShiftedSet {
  /// About how long corrupting takes, without the networks that look at it, by the first image.
  ///
  /// - Throws: What decoding throws.
  func makingSeconds() throws -> Double {
    guard case .made(let made, let folder, let order) = truth, let first = order.first else {
      return 0
    }
    let crop = made.cropped(try folder.image(first))
    let watch = Stopwatch()
    _ = threadMap(made.parts.count) { place in
      (try? made.file(crop, made.parts[place], image: first))?.count
    }
    return watch.seconds * Double(order.count)
  }
}
