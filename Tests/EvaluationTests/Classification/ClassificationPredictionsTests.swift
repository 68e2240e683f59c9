import FileSupport
import Foundation
import TestSupport
import Testing

@testable import Evaluation

@Suite("Predictions of classifiers made elsewhere")
struct ClassificationPredictionsTests {
  private func read(_ text: String) throws -> ClassificationPredictions {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(text: text, to: folder.file("p"))
    return try ClassificationPredictions(path: folder.file("p"))
  }

  @Test("Columns hold one class, ranked classes, or a number a class")
  func columns() throws {
    #expect(try read("image,prediction\na.png,cat\n").rows[0].answer == .ranked(["cat"]))
    #expect(
      try read("top1,image,top2\ncat,a.png,dog\n").rows[0].answer == .ranked(["cat", "dog"]))
    let logits = try read("\u{FEFF}image,cat,dog\na.png,1.5,-2\nb.png,0, 1\n")
    #expect(logits.rows.map(\.answer) == [.scores([1.5, -2]), .scores([0, 1])])
    #expect(logits.classNames == ["cat", "dog"] && logits.meaning == .logits)
    let shares = try read("image,0,1\na.png,0.25,0.75\n")
    #expect(shares.classNames == nil && shares.meaning == .probabilities)
    // As rounded numbers sum, and as spreadsheets separate.
    #expect(try read("image,0,1,2\na.png,0.333,0.333,0.333\n").meaning == .probabilities)
    #expect(try read("image; prediction\na.png; cat \n").rows[0].answer == .ranked(["cat"]))
    #expect(try read("image,0,1\na.png,-inf,-3\n").rows[0].answer == .scores([-.infinity, -3]))
  }

  @Test("Numbers that are no probabilities and no logits say nothing of how sure they are")
  func meanings() throws {
    let independent = try read("image,0,1\na,0.9,0.8\nb,0.1,0.2\n")
    #expect(independent.meaning == .scores)
    #expect(try read("image,0,1\na,25,75\nb,99,1\n").meaning == .scores)
    #expect(try read("image,0,1\na,25,3\nb,9,1\n").meaning == .logits)
    // One that does not sum to 1 among those that do is a fault, not another meaning of all.
    let error = #expect(throws: FileError.self) {
      try read("image,0,1\na,0.4,0.6\nb,0.1,0.2\n" + (2..<9).map { "\($0),1,0\n" }.joined())
    }
    #expect(
      error?.problem == "line 3 has probabilities that do not sum to 1, as those of other lines do")
  }

  @Test("Lines of JSON hold the same")
  func lines() throws {
    let read = try read(
      """
      {"image": "a.png", "logits": [1, 2]}

      {"image": "b.png", "logits": [3, -1]}
      """)
    #expect(read.rows.map(\.answer) == [.scores([1, 2]), .scores([3, -1])])
    #expect(read.rows[1].line == 3)
    #expect(
      try self.read(#"{"image": "a", "predictions": [3, "cat"]}"#).rows[0].answer
        == .ranked(["3", "cat"]))
    #expect(try self.read(#"{"image": "a", "probabilities": [1, 0]}"#).meaning == .probabilities)
  }

  @Test(
    "What cannot be read is named with its line",
    arguments: [
      ("image,a,b\nx,1,two\n", "line 2 has 'two' for 'b', which is no number"),
      ("image,a\nx\n", "line 2 has 1 fields, the header 2"),
      ("name,a\nx,1\n", "line 1 is no header with a column 'image'"),
      ("image,a\n", "holds no prediction"), ("", "is empty"), (" \n", "is empty"),
      ("PAR1\u{15}", "is a Parquet table, not plain text"),
      (#"{"image": "x"}"#, "line 1 has no prediction, predictions, logits or probabilities"),
      (
        "{\"image\": \"x\", \"logits\": [1]}\n{\"image\": \"y\", \"logits\": [1, 2]}",
        "line 2 has 2 scores, others have another number"
      ),
      (
        "{\"image\": \"x\", \"logits\": [1]}\n{\"image\": \"y\", \"probabilities\": [1]}",
        "line 2 has probabilities, others have logits"
      ),
      ("image,0,1\nx,1,nan\n", "line 2 has nan among its scores"),
      ("image,0,1\nx,1,2\ny,1e400,0\n", "line 3 has inf among its scores"),
      ("image,0,1\nx,2.8e300,1\n", "line 2 has 2.8e300, which is beyond single precision"),
      (#"{"image": "x", "logits": [2.8e300, 1]}"#, "line 1 has 2.8e+300, which is beyond"),
      (
        #"{"image": "x", "logits": ["1", "2"]}"#,
        "line 1 has 'logits' with what is not a list of numbers"
      ),
      (
        #"{"image": "x", "prediction": true}"#,
        "line 1 has 'prediction' with what is not a class by name or whole number"
      ),
      ("image,0,1\nx,-inf,-inf\n", "line 2 has no score that is finite"),
      ("image,cat,cat,dog\nx,1,2,3\n", "line 1 names the column 'cat' twice"),
      (",image,prediction\n0,x,cat\n", "line 1 has no name for column 1; name it, or leave it out"),
      ("image,prediction,score\nx,cat,0.5\n", "line 1 has the column 'score' beside 'prediction'"),
      ("image,top1,top2\nx,cat,cat\n", "line 2 ranks 'cat' twice"),
      (#"{"image": "x", "probabilities": [50, 50]}"#, "line 1 has probabilities that are not"),
      (#"{"image": "x", "probabilities": [0.2, 0.2]}"#, "line 1 has probabilities that are not"),
      (#"{"image": "x", "logits": [NaN, 1]}"#, "JSON has no NaN and no Infinity"),
      (#"[{"image": "x", "prediction": 1}]"#, "line 1 begins a JSON list, not an object a line"),
    ])
  func faults(text: String, problem: String) {
    #expect { try read(text) } throws: { "\($0)".contains(problem) }
  }

  @Test("The calibration error is that of the obvious computation")
  func calibration() {
    let values = DeterministicFill.values("confidence", count: 500, bound: 0.5, centre: 0.5)
    let rights = DeterministicFill.values("right", count: 500, bound: 0.5, centre: 0.5)
    var calibration = Calibration()
    var slow = 0.0
    for bin in 0..<15 {
      let (low, high) = (Double(bin) / 15, Double(bin + 1) / 15)
      let inside = values.indices.filter { Double(values[$0]) > low && Double(values[$0]) <= high }
      guard !inside.isEmpty else { continue }
      let right = Double(inside.count { rights[$0] < values[$0] }) / Double(inside.count)
      let sure = inside.reduce(0) { $0 + Double(values[$1]) } / Double(inside.count)
      slow += abs(right - sure) * Double(inside.count) / 500
    }
    for (value, right) in zip(values, rights) {
      calibration.add(confidence: Double(value), isRight: right < value)
    }
    #expect(calibration.count == 500 && abs(calibration.expectedError - slow) < 1e-12)
    #expect(abs(Calibration.confidence(logits: [1, 1, 1, 1]) - 0.25) < 1e-15)
    #expect(Calibration.confidence(logits: [1, .nan]).isNaN)
    var edges = Calibration()
    for value in [0.0, 1.0, 1.0000001, .nan] { edges.add(confidence: value, isRight: true) }
    #expect(edges.count == 3 && edges.bins[0].count == 1 && edges.bins[14].count == 2)
  }

  @Test("A confidence on an edge is in the bin of the official code")
  func calibrationEdges() throws {
    // torch.linspace(0, 1, 16, dtype=torch.float64), then gt(lower) and le(upper).
    let official = ["0.2": 2, "0.4": 5, "0.6": 8, "0.8": 11, "1.0": 14, "0.8000000000000002": 12]
    for (text, bin) in official {
      let share = try #require(Double(text))
      let read = try read("image,0,1,2\na,\(text),\(1 - share),0\n")
      guard case .scores(let scores) = read.rows[0].answer else {
        Issue.record("no scores")
        return
      }
      var calibration = Calibration()
      calibration.add(confidence: scores[0], isRight: true)
      #expect(calibration.bins.firstIndex { $0.count == 1 } == bin, "\(text)")
    }
    for count in 1...60 {
      for edge in 1..<count {
        let share = Double(edge) / Double(count)
        var calibration = Calibration(binCount: count)
        calibration.add(confidence: share, isRight: true)
        calibration.add(confidence: share.nextUp, isRight: true)
        #expect(calibration.bins[edge - 1].count == 1 && calibration.bins[edge].count == 1)
      }
    }
  }

  @Test("Numbers keep the precision that they are written in")
  func precision() throws {
    let near = try read("image,0,1\na,0.49999999,0.50000001\n")
    #expect(near.rows[0].answer == .scores([0.49999999, 0.50000001]))
    let small = try read(#"{"image": "a", "probabilities": [1, 1e-50, 1e-46]}"#)
    #expect(small.rows[0].answer == .scores([1, 1e-50, 1e-46]))
    let record = [1, 1e-50, 1e-46].withUnsafeBufferPointer {
      ClassificationRecord(index: 0, label: 2, scores: $0)
    }
    #expect(record.rank == 1 && record.predictions == [0, 2, 1])
  }
}
