import Evaluation
import FileSupport
import Foundation
import Geometry
import Reporting
import TestSupport
import Testing
import VisionData

@testable import Scoring

private func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch { return "\(error)" }
}

@Suite("Scoring predictions of others", .timeLimit(.minutes(5)))
struct SegmentationEvaluationTests {
  private let classes = SegmentationClasses(names: ["a", "b", "c", "d"])

  private func write(_ labels: [UInt8], width: Int = 4, to path: String) throws {
    let map = LabelMap(width: width, height: labels.count / width, labels: labels)
    try AtomicFile.write(try ImageFile.png(map), to: path)
  }

  private func scorer(_ values: PredictionValues = .ids) -> PredictionScorer {
    PredictionScorer(classes: classes, values: values)
  }

  @Test("Ids and indices of the same prediction score the same")
  func values() throws {
    let folder = try TemporaryDirectory()
    let (truth, ids, indices) = (folder.file("t.png"), folder.file("p.png"), folder.file("i.png"))
    try write([0, 1, 2, 3, 4, 4, 1, 1], to: truth)
    // Whatever is predicted where nothing is labelled does not count.
    try write([200, 1, 2, 3, 4, 1, 1, 2], to: ids)
    try write([200, 0, 1, 2, 3, 0, 0, 1], to: indices)
    let first = try scorer().score(index: 0, truth: truth, prediction: ids)
    let second = try scorer(.indices).score(index: 0, truth: truth, prediction: indices)
    #expect(first.record == second.record)
    #expect(first.record.intersections == [2, 1, 1, 1])
    #expect(first.record.labelled == [3, 1, 1, 2])
    #expect(first.agreement[0] == 5)
  }

  @Test("Sizes, values and files that do not fit are told with the remedy")
  func faults() throws {
    let folder = try TemporaryDirectory()
    let (truth, prediction) = (folder.file("t.png"), folder.file("p.png"))
    try write([0, 1, 2, 3, 4, 4, 1, 1], to: truth)
    func fault(_ labels: [UInt8], width: Int = 4, _ values: PredictionValues = .ids) throws
      -> String
    {
      try write(labels, width: width, to: prediction)
      return message {
        _ = try scorer(values).score(index: 0, truth: truth, prediction: prediction)
      }
    }
    #expect(try fault([0, 1, 2, 3, 4, 4, 1, 1], width: 2).contains("is 2x4, its ground truth 4x2"))
    let zero = try fault([0, 0, 1, 2, 3, 3, 0, 0])
    #expect(zero.contains("predicts 0 on 3 counted pixels"), "\(zero)")
    #expect(zero.contains("add --prediction-values indices"))
    let high = try fault([4, 1, 2, 3, 4, 4, 1, 1], .indices)
    #expect(high.contains("predicts 4 on 2 counted pixels"), "\(high)")
    #expect(high.contains("use --prediction-values ids"))
    #expect(try fault([1, 1, 2, 3, 7, 8, 1, 1]).contains("predicts 7, 8 on 2 counted"))
    #expect(
      message { _ = try scorer().score(index: 0, truth: truth, prediction: folder.file("no.png")) }
        .contains("does not exist"))
  }

  @Test("Predictions that are all shifted by one are suspect; others are not")
  func shift() throws {
    let folder = try TemporaryDirectory()
    let truth = folder.file("t.png")
    try write([1, 1, 2, 2, 3, 3, 1, 2], to: truth)
    func scored(_ labels: [UInt8]) throws -> ScoredPredictions {
      try write(labels, to: folder.file("p.png"))
      let outcome = try scorer().score(index: 0, truth: truth, prediction: folder.file("p.png"))
      return ScoredPredictions(folder: "p", outcomes: [outcome], classCount: 4)
    }
    let shifted = try scored([2, 2, 3, 3, 4, 4, 2, 3])
    #expect(shifted.isShifted)
    #expect(shifted.notes[0].contains("100.00 % of the pixels agree after subtracting 1, 0.00 %"))
    let low = try scored([1, 1, 1, 1, 2, 2, 1, 1])
    #expect(!low.isShifted)
    #expect(!(try scored([1, 1, 2, 2, 3, 3, 1, 1])).isShifted)
    #expect(!(try scored([4, 4, 4, 4, 4, 4, 4, 4])).isShifted)
  }

  @Test("Folders are read by name, and the class table is found beside the data set")
  func folders() throws {
    let folder = try TemporaryDirectory()
    #expect(message { _ = try SegmentationTruth(folder.path) }.contains("holds no PNG"))
    try write([1, 2, 2, 2], to: folder.file("annotations/validation/town/b.png"))
    try write([1, 2, 2, 2], to: folder.file("annotations/validation/a.png"))
    try AtomicFile.write(text: #"["x", "y"]"#, to: folder.file("classes.json"))
    for path in [folder.path, folder.file("annotations/validation")] {
      let maps = try SegmentationTruth(path)
      #expect(maps.names == ["a", "town/b"])
      #expect(maps.path("town/b")?.hasSuffix("validation/town/b.png") == true)
      #expect(maps.path("c") == nil)
      #expect(try maps.classes("", labels: nil).names == ["x", "y"])
      #expect(try maps.classes("", labels: .direct).encoding.kind == .direct)
      #expect(try maps.classes("ade20k", labels: nil).count == 150)
    }
  }

  @Test("Cityscapes' ids are scored by its 19 classes, by the name of a folder")
  func cityscapes() throws {
    let folder = try TemporaryDirectory()
    // Road, car, ego vehicle, sidewalk.
    let stem = "val/ulm/ulm_1_gtFine_"
    try write([7, 26, 1, 8], to: folder.file("gtFine/\(stem)labelIds.png"))
    try write([90, 91, 92, 93], to: folder.file("gtFine/\(stem)color.png"))
    try write([7, 26, 33, 7], to: folder.file("ids/ulm_1_leftImg8bit.png"))
    try write([0, 13, 18, 0], to: folder.file("train-ids/ulm/ulm_1.png"))
    for (out, values) in [("ids", "ids"), ("train-ids", "indices")] {
      let outcome = try ChildProgram.run(
        "bench-ade20k",
        [
          "evaluate", "--ground-truth", "gtFine/val", "--predictions", out, "--prediction-values",
          values, "--resamples", "0", "--json", "--quiet",
        ], in: folder.path)
      #expect(outcome.status == 0, "\(outcome.errors)")
      // Two of three pixels; road 1 of 2, car 1 of 1, sidewalk 0 of 1.
      let numbers = outcome.output.matches(of: /[0-9]+\.[0-9]+/).compactMap { Double($0.output) }
      #expect(numbers.contains { abs($0 - 2.0 / 3) < 1e-9 || abs($0 - 66.67) < 0.01 }, "\(numbers)")
      #expect(numbers.contains { abs($0 - 0.5) < 1e-9 || abs($0 - 50) < 0.01 }, "\(numbers)")
    }
  }

  @Test("Maps beside their pictures are found by what follows the pictures' names")
  func labelSuffix() throws {
    let folder = try TemporaryDirectory()
    try write([9, 9, 9, 9], to: folder.file("crops/a.png"))
    try write([1, 2, 0, 1], to: folder.file("crops/a_mask.png"))
    try write([1, 2, 2, 2], to: folder.file("out/a.png"))
    try AtomicFile.write(text: #"["x", "y"]"#, to: folder.file("classes.json"))
    func evaluate(_ suffix: String) throws -> (status: Int32, output: String, errors: String) {
      let outcome = try ChildProgram.run(
        "bench-ade20k",
        [
          "evaluate", "--ground-truth", "crops", "--predictions", "out", "--classes",
          "classes.json", "--label-suffix", suffix, "--resamples", "0", "--records", "records",
          "--quiet",
        ], in: folder.path)
      return (outcome.status, outcome.output, outcome.errors)
    }
    let found = try evaluate("_mask")
    #expect(found.status == 0 && found.output.contains("66.67"), "\(found)")
    let records = try FileBytes.read(folder.file("records"))
    #expect(String(decoding: records, as: UTF8.self).contains("\"a\""))
    #expect(try evaluate("_gt").errors.contains("holds no label map (*_gt.png)"))
    #expect(try evaluate("_mask.png").status == 64)
  }

  @Test("Maps without a labelled pixel, and outputs over inputs, are refused and nothing is lost")
  func nothingToScore() throws {
    let folder = try TemporaryDirectory()
    try write([255, 255, 255, 255], to: folder.file("gt/a.png"))
    try write([0, 1, 0, 1], to: folder.file("out/a.png"))
    try AtomicFile.write(text: #"["x", "y"]"#, to: folder.file("c.json"))
    func evaluate(_ arguments: String, status: Int32) throws -> String {
      let outcome = try ChildProgram.run(
        "bench-ade20k",
        [
          "evaluate", "--ground-truth", "gt", "--predictions", "out", "--classes", "c.json",
          "--labels", "direct", "--quiet",
        ] + arguments.split(separator: " ").map(String.init), in: folder.path)
      #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
      return outcome.errors
    }
    #expect(try evaluate("", status: 65).contains("ignores 100 % of all pixels (255)"))
    let prediction = try FileBytes.read(folder.file("out/a.png"))
    for option in ["--records out/a.png", "--output out/a.png", "--output c.json"] {
      #expect(try evaluate(option, status: 73).contains("is to be written and is"))
    }
    #expect(try FileBytes.read(folder.file("out/a.png")) == prediction)
    #expect(try evaluate("--records x --output ./x", status: 64).contains("for two things"))
    #expect(try evaluate("--resamples 0 --seed 1", status: 64).contains("--resamples 0 makes none"))
    #expect(try evaluate("--resamples 0 --name x", status: 64).contains("leave --resamples 0 out"))
  }

  @Test("Ground truth and predictions of 0 and 255 are told as what they are, and keep no run")
  func binaryMasks() throws {
    func evaluate(
      _ truth: [[UInt8]], _ predictions: [[UInt8]], status: Int32, _ options: [String] = []
    ) throws -> String {
      let folder = try TemporaryDirectory()
      for (at, name) in ["a", "b"].enumerated() {
        try write(truth[at], to: folder.file("gt/\(name).png"))
        try write(predictions[at], to: folder.file("out/\(name).png"))
      }
      try AtomicFile.write(
        text: #"[{"id": 0, "name": "ground"}, {"id": 1, "name": "crop"}]"#,
        to: folder.file("c.json"))
      let outcome = try ChildProgram.run(
        "bench-ade20k",
        [
          "evaluate", "--ground-truth", "gt", "--predictions", "out", "--classes", "c.json",
          "--labels", "direct", "--resamples", "2", "--name", "z", "--runs", "runs", "--quiet",
        ] + options, in: folder.path)
      #expect(outcome.status == status, "\(outcome.errors)")
      #expect(FileTree.isFolder(folder.file("runs")) == (status == 0))
      return outcome.errors
    }
    let (masks, indices): ([UInt8], [UInt8]) = ([0, 0, 255, 255], [0, 0, 1, 1])
    for predictions in [indices, masks, [0, 0, 0, 0], [255, 0, 255, 0]] {
      let told = try evaluate([masks, masks], [predictions, predictions], status: 65)
      #expect(
        told.contains("none of class 'crop': these are probably masks of 0 and 255"), "\(told)")
    }
    let some = try evaluate([masks, indices], [indices, indices], status: 65)
    #expect(some.contains("beside maps of 0 and 1: gt/a.png"), "\(some)")
    let predicted = try evaluate([indices, indices], [masks, masks], status: 65)
    #expect(
      predicted.contains("these are probably masks of 0 and 255; store class"), "\(predicted)")
    let sound = try evaluate([[0, 1, 255, 0], indices], [indices, indices], status: 0)
    #expect(!sound.contains("255"), "\(sound)")
    let one = try evaluate([[1, 1, 255, 1], [1, 1, 1, 1]], [indices, indices], status: 0)
    #expect(one.contains("warning: gt: ignores 12 % of all pixels (255) and has none"), "\(one)")
    // Maps of one class whose rest is ignored look the same; whoever says so is believed.
    let refused = try evaluate([masks, masks], [indices, indices], status: 65)
    #expect(refused.contains("or give --trust-labels where it is no class"), "\(refused)")
    for truth in [[masks, masks], [masks, indices]] {
      let told = try evaluate(truth, [indices, indices], status: 0, ["--trust-labels"])
      #expect(told.contains("warning: gt: ") && told.contains("as --trust-labels asks"), "\(told)")
    }
  }

  @Test("Records survive a file, a torn last line is left out and damage is an error")
  func records() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("records.jsonl")
    let first = SegmentationRecord(
      index: 0, classes: [0, 3], intersections: [5, 0], predicted: [6, 2], labelled: [7, 1])
    let second = SegmentationRecord(
      index: 1, classes: [2], intersections: [9], predicted: [9], labelled: [9])
    let lines = [
      SegmentationRecordFile.line(first, name: "ADE_val_00000001"),
      SegmentationRecordFile.line(second, name: "ADE_val_00000002"),
    ]
    try AtomicFile.write(text: lines.joined(), to: path)
    let whole = try SegmentationRecordFile.read(path, classCount: 4)
    #expect(whole.records.map(\.record) == [first, second])
    #expect(whole.records.map(\.name) == ["ADE_val_00000001", "ADE_val_00000002"])
    #expect(whole.length == lines.joined().utf8.count)
    try AtomicFile.write(text: lines[0] + lines[1].dropLast(9), to: path)
    let torn = try SegmentationRecordFile.read(path, classCount: 4)
    #expect(torn.records.map(\.record) == [first])
    #expect(torn.length == lines[0].utf8.count)
    #expect(message { _ = try SegmentationRecordFile.read(path, classCount: 3) }.contains("line 1"))
    try AtomicFile.write(text: lines[0].replacing("5", with: "6") + lines[1], to: path)
    #expect(
      message { _ = try SegmentationRecordFile.read(path, classCount: 4) }.contains("damaged"))
    #expect(try SegmentationRecordFile.read(folder.file("none"), classCount: 4).records.isEmpty)
  }

  @Test("Tables give both conventions, absent classes and the difference of two folders")
  func tables() throws {
    func scored(_ name: String, _ right: Int) -> ScoredPredictions {
      let outcomes = (0..<120).map { index in
        ScoredPredictions.Image(
          record: SegmentationRecord(
            index: index, classes: [0, 1], intersections: [right, 0],
            predicted: [right, 10 - right], labelled: [10, 0]), agreement: [right, 0, 0])
      }
      return ScoredPredictions(folder: name, outcomes: outcomes, classCount: 4)
    }
    func tables(_ convention: SegmentationConvention) -> SegmentationTables {
      SegmentationTables(
        classes: ["a", "b", "c", "d"].enumerated().map { (name: $1, storedValue: $0 + 1) },
        labels: "reduce-zero", scored: [scored("one", 8), scored("two", 6)],
        convention: convention, resampleCount: 20, seed: 1)
    }
    func row(_ table: Table, _ titles: [String]) -> [String?] {
      titles.map { title in
        table.columns.firstIndex { $0.title == title }.map { table.rows[0][$0] }
      }
    }
    let titles = ["predictions", "mIoU", "95 %", "mAcc", "aAcc", "classes in mIoU"]
    let published = tables(.mmseg).means
    #expect(row(published, titles) == ["one", "40.00", "[38.79, 41.82]", "80.00", "80.00", "2"])
    #expect(published.columns.count == SegmentationScore.numbers.filter(\.isShown).count + 3)
    #expect(published.notes.contains { $0.contains("+10.00 [+10.00, +10.00], p 0.00100, better") })
    #expect(published.notes.contains { $0.hasPrefix("3 classes have no labelled pixel") })
    let kit = tables(.devKit).means
    #expect(
      row(kit, titles + ["score"]) == ["one", "20.00", "-", "20.00", "80.00", "4", "50.00"])
    let perClass = tables(.mmseg).perClass
    #expect(perClass.rows[0] == ["1", "a", "1200", "80.00", "80.00", "60.00", "60.00"])
    #expect(perClass.rows[1] == ["2", "b", "0", "0.00", "-", "0.00", "-"])
    #expect(perClass.rows[2] == ["3", "c", "0", "-", "-", "-", "-"])
    let json = tables(.mmseg).json
    #expect(json["results"]?.arrayValue?[1]["mIoU"]?.doubleValue == 0.3)
    #expect(json["mIoUDifference"]?["value"]?.doubleValue.map { abs($0 - 0.1) < 1e-12 } == true)
    let absent = json["results"]?.arrayValue?[0]["classes"]?.arrayValue?[2]
    #expect(absent?["IoU"]?.text() == "null")
  }

  @Test("Of one image the difference of two folders is given, and said not to be tested")
  func oneImage() throws {
    let scored = [8, 6].map { right in
      ScoredPredictions(
        folder: "\(right)",
        outcomes: [
          ScoredPredictions.Image(
            record: SegmentationRecord(
              index: 0, classes: [0, 1], intersections: [right, 0],
              predicted: [right, 10 - right], labelled: [10, 0]), agreement: [right, 0, 0])
        ], classCount: 2)
    }
    let tables = SegmentationTables(
      classes: ["a", "b"].enumerated().map { (name: $1, storedValue: $0 + 1) },
      labels: "reduce-zero", scored: scored, convention: .mmseg, resampleCount: 20, seed: 1)
    #expect(
      tables.means.notes.contains {
        $0 == "mIoU of the first minus the second: +10.00 points, not tested (one image alone "
          + "cannot be tested)"
      }, "\(tables.means.notes)")
    let difference = try #require(tables.json["mIoUDifference"])
    #expect(difference["value"]?.doubleValue.map { abs($0 - 0.1) < 1e-12 } == true)
    #expect(difference["untested"]?.stringValue == "one image alone cannot be tested")
  }

  @Test("Percentages have two decimals")
  func rounding() {
    #expect(twoDecimals(0.445_07) == "44.51")
    #expect(twoDecimals(1) == "100.00")
    #expect(twoDecimals(0.000_04) == "0.00")
    #expect(twoDecimals(-0.031) == "-3.10")
    #expect(twoDecimals(.nan) == "-")
    #expect(twoDecimals(0.031_25 / 100) == "0.03")
  }
}
