import Evaluation
import Foundation
import TestSupport
import Testing

/// What PyTorch makes of the same numbers, by `Tests/References/classification.py`.
private struct Reference: Decodable {
  struct Accuracy: Decodable {
    let top1, top5: Int, predictions: [[Int]], losses: [Double]
  }
  struct Vote: Decodable {
    let top1, top5: Int, votes: [[Double]], winners: [Int], rows: [[Int32]]
  }
  let accuracy: Accuracy
  let nearest: [String: Vote]

  static func load() throws -> Reference {
    let path = SourceTree.fixture("Evaluation/classification.json")
    return try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private let classCount = 12
private let queryCount = 40
private let rowCount = 500
private let width = 16

private func labels(_ name: String, _ count: Int) -> [Int] {
  DeterministicFill.values(name, count: count).map { Int((Double($0) + 1) * 0.5 * 12) }
}

private func record(_ scores: [Float], label: Int, areLogits: Bool = false) -> ClassificationRecord
{
  scores.withUnsafeBufferPointer {
    ClassificationRecord(index: 0, label: label, scores: $0, areLogits: areLogits)
  }
}

@Suite("Classification scores", .timeLimit(.minutes(5)))
struct ClassificationScoreTests {
  private func records() -> [ClassificationRecord] {
    let logits = DeterministicFill.values("logits", count: queryCount * classCount, bound: 4)
    return labels("labels.test", queryCount).enumerated().map { index, label in
      Array(logits[index * classCount..<(index + 1) * classCount]).withUnsafeBufferPointer {
        ClassificationRecord(index: index, label: label, scores: $0, areLogits: true)
      }
    }
  }

  @Test("Accuracy, the five best classes and the loss are those of PyTorch")
  func reference() throws {
    let reference = try Reference.load().accuracy
    var score = ClassificationScore(classCount: classCount)
    for (own, (predictions, loss)) in zip(records(), zip(reference.predictions, reference.losses)) {
      #expect(own.predictions == predictions)
      #expect(abs((own.loss ?? .nan) - loss) < 1e-9)
      #expect(own.predictionScores == own.predictionScores.sorted(by: >))
      score.add(own)
    }
    #expect(score.top1Count == reference.top1)
    #expect(score.count(within: 5) == reference.top5)
    let meanLoss = reference.losses.reduce(0, +) / Double(queryCount)
    #expect(abs(score.meanLoss - meanLoss) < 1e-12)
  }

  @Test("Two halves merged score as the whole")
  func merging() {
    let all = records()
    var whole = ClassificationScore(classCount: classCount)
    var halves = [whole, whole]
    for (number, record) in all.enumerated() {
      whole.add(record)
      halves[number % 2].add(record)
    }
    halves[0].merge(halves[1])
    #expect(
      halves[0].top1Count == whole.top1Count && halves[0].count(within: 5) == whole.count(within: 5)
    )
    #expect(halves[0].confusionMatrix == whole.confusionMatrix)
    #expect(abs(halves[0].meanLoss - whole.meanLoss) < 1e-12)
  }

  @Test("The confusion matrix holds every image once, and its most confused pairs come in order")
  func confusions() {
    var score = ClassificationScore(classCount: 3)
    for (label, prediction, times) in [(0, 0, 4), (1, 0, 2), (2, 0, 2), (0, 2, 3), (1, 1, 1)] {
      for _ in 0..<times {
        score.add(
          ClassificationRecord(
            index: 0, label: label, predictions: [prediction], rank: label == prediction ? 0 : 1))
      }
    }
    #expect(score.confusionMatrix == [[4, 0, 3], [2, 1, 0], [2, 0, 0]])
    #expect(
      score.mostConfused(5).map { [$0.pair.label, $0.pair.prediction, $0.count] }
        == [[0, 2, 3], [1, 0, 2], [2, 0, 2]])
    #expect(score.classAccuracies[0] == 4.0 / 7)
    #expect(score.meanClassAccuracy == (4.0 / 7 + 1.0 / 3 + 0) / 3)
    #expect(score.meanLoss.isNaN)
  }

  @Test("Of equal scores the lower class comes first, for rank and predictions alike")
  func ties() {
    let tied = record([1, 2, 2, 2, 0, -1, 2], label: 3)
    #expect(tied.rank == 2)
    #expect(tied.predictions == [1, 2, 3, 6, 0])
    #expect(record([Float](repeating: 0, count: 8), label: 6).rank == 6)
  }

  @Test("A NaN never makes a prediction right", arguments: 0..<4)
  func notANumber(label: Int) {
    let broken = record([.nan, .nan, .nan, .nan], label: label)
    #expect(broken.rank == 4)
    var score = ClassificationScore(classCount: 4)
    score.add(broken)
    #expect(
      score.top1 == 0 && score.count(within: 5) == 1
        && score.mostConfused(3).allSatisfy {
          $0.pair.label != $0.pair.prediction
        })
    let partly = record([1, .nan, 5, 2], label: 2)
    #expect(partly.rank == 1 && partly.predictions == [1, 2, 3, 0])
  }

  @Test("Fewer than five classes give fewer predictions")
  func fewClasses() {
    #expect(record([1, 3], label: 0).predictions == [1, 0])
    #expect(ClassificationScore(classCount: 2).top1.isNaN)
  }

  @Test("Huge logits keep a finite loss")
  func hugeLogits() {
    #expect(record([1e30, -1e30], label: 0, areLogits: true).loss == 0)
    #expect(record([1000, 0], label: 1, areLogits: true).loss == 1000)
  }
}

@Suite("Nearest neighbours", .timeLimit(.minutes(5)))
struct NearestNeighboursTests {
  private func features(_ name: String, _ labels: [Int]) -> [Float] {
    let centres = DeterministicFill.values("knn.centres", count: classCount * width)
    let noise = DeterministicFill.values(name, count: labels.count * width)
    var rows = noise
    for (row, label) in labels.enumerated() {
      for column in 0..<width {
        rows[row * width + column] += centres[label * width + column] * 0.5
      }
      let own = row * width..<(row + 1) * width
      let norm = rows[own].reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      for at in own { rows[at] = Float(Double(rows[at]) / norm) }
    }
    return rows
  }

  private func similarities() -> [[Float]] {
    let train = features("knn.train", labels("labels.train", rowCount))
    let test = features("knn.test", labels("labels.test", queryCount))
    return (0..<queryCount).map { query in
      (0..<rowCount).map { row in
        Float(
          (0..<width).reduce(0.0) {
            $0 + Double(test[query * width + $1]) * Double(train[row * width + $1])
          })
      }
    }
  }

  private func nearest(
    _ values: [Float], limit: Int, shards: [Range<Int>]? = nil
  ) -> NearestNeighbours {
    var list = NearestNeighbours(limit: limit)
    for shard in shards ?? [0..<values.count] {
      values[shard].withUnsafeBufferPointer { list.offer($0, firstRow: shard.lowerBound) }
    }
    return list
  }

  @Test("Neighbours, votes and accuracy are those of PyTorch for 10, 20, 100 and 200 neighbours")
  func reference() throws {
    let reference = try Reference.load().nearest
    let trainLabels = labels("labels.train", rowCount).map(Int32.init)
    let testLabels = labels("labels.test", queryCount)
    let ks = [10, 20, 100, 200]
    var scores = ks.map { _ in ClassificationScore(classCount: classCount) }
    for (query, values) in similarities().enumerated() {
      let list = nearest(values, limit: 200)
      let votes = list.votes(
        ks: ks, temperature: 0.07, labels: trainLabels, classCount: classCount)
      for (position, k) in ks.enumerated() {
        let expected = try #require(reference[String(k)])
        if query < expected.rows.count {
          #expect(Array(list.rows.prefix(10)) == expected.rows[query])
        }
        if query < expected.votes.count {
          expectClose(
            votes[position], expected.votes[query], relative: 2e-5, absolute: 1e-3,
            "votes of query \(query), k \(k)")
        }
        let record = votes[position].withUnsafeBufferPointer {
          ClassificationRecord(index: query, label: testLabels[query], scores: $0)
        }
        #expect(record.predictions.first == expected.winners[query], "query \(query), k \(k)")
        scores[position].add(record)
      }
    }
    for (score, k) in paired(scores, ks) {
      #expect(score.top1Count == reference[String(k)]?.top1, "k \(k)")
      #expect(score.count(within: 5) == reference[String(k)]?.top5, "k \(k)")
    }
  }

  @Test("Several numbers of neighbours in one pass vote as each does alone")
  func onePass() {
    let trainLabels = labels("labels.train", rowCount).map(Int32.init)
    let list = nearest(similarities()[0], limit: 50)
    let ks = [20, 1, 50, 400, 7]
    let together = list.votes(
      ks: ks, temperature: 0.07, labels: trainLabels, classCount: classCount)
    for (votes, k) in paired(together, ks) {
      #expect(
        votes == list.vote(k: k, temperature: 0.07, labels: trainLabels, classCount: classCount))
    }
  }

  @Test("The result does not depend on shards, and equals a full sort", arguments: [1, 5, 64, 700])
  func shards(limit: Int) {
    // Coarse values, so that many are equal.
    let values = similarities()[3].map { ($0 * 8).rounded() / 8 }
    let sorted = values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }.prefix(limit)
    let whole = nearest(values, limit: limit)
    #expect(whole.rows.map(Int.init) == Array(sorted))
    #expect(whole.similarities == sorted.map { values[$0] })
    let pieces = nearest(values, limit: limit, shards: [0..<1, 1..<130, 130..<499, 499..<500])
    #expect(pieces.rows == whole.rows)
    // Filled side by side, joined in any order.
    var late = NearestNeighbours(limit: limit)
    values[200...].withUnsafeBufferPointer { late.offer($0, firstRow: 200) }
    var early = NearestNeighbours(limit: limit)
    values[..<200].withUnsafeBufferPointer { early.offer($0, firstRow: 0) }
    late.merge(early)
    #expect(late.rows == whole.rows)
    #expect(late.similarities == whole.similarities)
  }

  @Test("A NaN is nobody's neighbour, and less than infinity is somebody's")
  func notANumber() {
    let list = nearest([.nan, 0.5, .nan, -.infinity, 0.7], limit: 4)
    #expect(list.rows == [4, 1, 3])
    #expect(nearest([.nan, .nan], limit: 2).rows.isEmpty)
  }
}
