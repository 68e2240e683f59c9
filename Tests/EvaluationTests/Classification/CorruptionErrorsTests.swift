import Evaluation
import FileSupport
import Foundation
import Reporting
import TestSupport
import Testing
import VisionData

@Suite("Errors on corrupted images")
struct CorruptionErrorsTests {
  private let errors = CorruptionErrors(
    images: [4, 7, 9], labels: [0, 1, 1],
    wrong: ["frost": [5, 0, 1], "fog": [2, 2, 0]])

  @Test("mCE is the mean of errors by AlexNet's, and a mean over images")
  func mean() throws {
    #expect(abs(errors.error("frost") - 6.0 / 15) < 1e-15)
    #expect(abs(errors.meanError - (6.0 / 15 + 4.0 / 15) / 2) < 1e-15)
    let terms = try #require(errors.terms(reference: ["frost": 0.8, "fog": 0.5]))
    let expected = (6.0 / 15 / 0.8 + 4.0 / 15 / 0.5) / 2
    #expect(abs(terms.reduce(0, +) / 3 - expected) < 1e-15)
    #expect(errors.terms(reference: ["frost": 0.8]) == nil)
    #expect(CorruptionErrors(images: [], labels: [], wrong: [:]).terms(reference: [:]) == nil)
  }

  @Test("The reference has all fifteen corruptions, and AlexNet's own errors give 1")
  func reference() throws {
    let path = SourceTree.path("reports/reference/imagenet_c.json")
    let known = CorruptionErrors.reference(try PublishedFigures(path: path))
    let names = CorruptionErrors.kinds.flatMap(\.names)
    #expect(names.count == 15 && Set(known.keys) == Set(names))
    // 250,000 answers with as many errors as AlexNet: the mean of ratios is 1.
    let count = 50_000
    let wrong = known.mapValues { error -> [Int] in
      let all = Int((error * Double(5 * count)).rounded())
      return (0..<count).map { all / count + ($0 < all % count ? 1 : 0) }
    }
    let alexNet = CorruptionErrors(
      images: Array(0..<count), labels: [Int](repeating: 0, count: count), wrong: wrong)
    let terms = try #require(alexNet.terms(reference: known))
    #expect(abs(terms.reduce(0, +) / Double(count) - 1) < 1e-6)
  }

  @Test("The extra corruptions are no part of mCE; without every strength there is none")
  func parts() throws {
    var wrong = errors.wrong
    wrong["spatter"] = [5, 5, 5]
    let more = CorruptionErrors(images: errors.images, labels: errors.labels, wrong: wrong)
    let reference = ["frost": 0.8, "fog": 0.5]
    #expect(more.terms(reference: reference) == errors.terms(reference: reference))
    #expect(more.meanError == errors.meanError && more.error("spatter") == 1)
    #expect(!more.isWhole)
    let extra = CorruptionErrors(images: [1], labels: [0], wrong: ["spatter": [2]])
    #expect(extra.terms(reference: reference) == nil && extra.meanError == 0.4)
    let part = CorruptionErrors(
      images: errors.images, labels: errors.labels, wrong: ["fog": [2, 0, 1]], strengths: 2)
    #expect(part.terms(reference: reference) == nil)
    #expect(part.error("fog") == 0.5 && part.errorTerms == [1, 0, 0.5])
  }

  @Test("The names are those that corruptions are made under")
  func names() {
    #expect(CorruptionErrors.kinds.flatMap(\.names) == Corruption.benchmark.map(\.rawValue))
    #expect(CorruptionErrors.extra == Corruption.extra.map(\.rawValue))
  }

  @Test("Rows are read back, a seed at a time")
  func rows() throws {
    let folder = try TemporaryDirectory()
    let part = CorruptionErrors(
      images: errors.images, labels: errors.labels,
      wrong: ["fog": [2, 0, 1], "spatter": [1, 1, 0]],
      strengths: 2)
    for (number, kept) in [errors, part].enumerated() {
      let path = folder.file("rows\(number).jsonl")
      let lines = (kept.rows(seed: 3) + kept.rows(seed: 1)).map(RecordLines.line).joined()
      try AtomicFile.write(text: lines, to: path)
      #expect(try CorruptionErrors.read(path) == [kept, kept])
    }
  }
}
