import Evaluation
import FileSupport
import Foundation
import Reporting
import TestSupport
import Testing

/// The options of `bench-coco evaluate` beside COCO's own numbers.
@Suite("Scores of detections made elsewhere", .serialized, .timeLimit(.minutes(5)))
struct EvaluateDetectionsTests {
  private let folder: TemporaryDirectory
  private let expected: JSONValue

  init() throws {
    folder = try TemporaryDirectory()
    expected = try #require(
      JSONValue(
        parsing: try FileBytes.read(
          SourceTree.fixture("Evaluation/detection/expected.json"))))
  }

  private func fixture(_ name: String) -> String { SourceTree.fixture("Evaluation/\(name).json") }

  private func evaluate(
    _ truth: String, _ results: String, _ arguments: String, status: Int32 = 0
  ) throws -> ChildProgram.Outcome {
    let outcome = try ChildProgram.run(
      "bench-coco",
      [
        "evaluate", "--ground-truth", fixture(truth), "--detections", fixture(results), "--quiet",
      ] + arguments.split(separator: " ").map(String.init), in: folder.path)
    #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
    return outcome
  }

  private func scored(
    _ truth: String, _ results: String, _ arguments: String
  ) throws -> JSONValue {
    _ = try evaluate(truth, results, arguments + " --output out.json")
    return try #require(JSONValue(parsing: try FileBytes.read(folder.file("out.json"))))
  }

  private func expectEqual(
    _ own: JSONValue?, _ value: JSONValue?, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    guard let own = own?.doubleValue, let value = value?.doubleValue else {
      Issue.record("no number: \(own as Any), \(value as Any)", sourceLocation: sourceLocation)
      return
    }
    #expect(abs(own - value) < 1e-9, sourceLocation: sourceLocation)
  }

  @Test("Details are written as the field computes them, and printed as tables")
  func details() throws {
    let outcome = try evaluate(
      "coco/truth", "coco/results",
      "--iou-type bbox --best-f1 --curves --calibration --confusion --output out.json")
    for caption in [
      "bbox best F1 at overlap 0.5", "bbox precision over recall", "bbox calibration",
      "bbox confusions at overlap 0.5",
    ] { #expect(outcome.output.contains(caption)) }
    let out = try #require(JSONValue(parsing: try FileBytes.read(folder.file("out.json"))))
    let own = try #require(out["results"]?["bbox"]?["details"])
    let reference = try #require(expected["bbox"])
    let f1 = reference["f1"]?.arrayValue ?? []
    for (name, value) in paired(["F1", "F1_50", "F1_75"], f1) {
      expectEqual(own["f1"]?[name], value)
    }
    let best = reference["best"]?.arrayValue ?? []
    for (name, value) in paired(["f1", "score", "precision", "recall"], best) {
      expectEqual(own["best"]?[name], value)
    }
    expectEqual(own["calibration"]?["expectedError"], reference["calibration"]?["ece"])
    let curves = try #require(out["results"]?["bbox"]?["curves"])
    let whole = try #require(curves["classes"]?.arrayValue?.first?["precision"]?.arrayValue)
    #expect(whole.count == 10 && curves["classes"]?.arrayValue?.count == 6)
    let known = try #require(reference["curves"]?["precision"]?.arrayValue)
    for (value, other) in paired(whole[0].arrayValue ?? [], known.prefix(101)) {
      expectEqual(value, other)
    }
    let read = try #require(DetectionDetails(own, overlapType: .bbox))
    #expect(
      read.confusion?.counts == reference["confusion"]?.arrayValue?.compactMap(\.intValue))
    #expect(read.json.text() == own.text())
  }

  @Test("Other overlaps, sizes, classes and images are scored, and said in the JSON")
  func subsets() throws {
    let thresholds = try scored(
      "coco/truth", "coco/results", "--iou-type bbox --iou-thresholds 0.9,0.3,0.6")
    expectEqual(
      thresholds["results"]?["bbox"]?["metrics"]?["AP"], expected["bbox"]?["thresholds"]?["AP"])
    #expect(thresholds["settings"]?["iou-thresholds"]?.stringValue == "0.3,0.6,0.9")
    let ranges = try scored(
      "coco/truth", "coco/results", "--iou-type bbox --area-ranges tiny:0-400,middling:400-2500")
    let byRange = expected["bbox"]?["ranges"]?["byRange"]?.arrayValue ?? []
    for (name, value) in paired(["AP", "AP(tiny)", "AP(middling)"], byRange) {
      expectEqual(ranges["results"]?["bbox"]?["metrics"]?[name], value)
    }
    let truth = try #require(JSONValue(parsing: try FileBytes.read(fixture("coco/truth"))))
    let images = try #require(truth["images"]?.arrayValue)
      .sorted { ($0["id"]?.intValue ?? 0) < ($1["id"]?.intValue ?? 0) }
    let chosen = stride(from: 0, to: images.count, by: 3).map { images[$0] }
    // By file name and by id alike.
    try AtomicFile.write(
      text: chosen.enumerated().map { at, image in
        at % 2 == 0 ? image["file_name"]?.stringValue ?? "" : "\(image["id"]?.intValue ?? 0)"
      }.joined(separator: "\n"), to: folder.file("some.txt"))
    let some = try scored(
      "coco/truth", "coco/results", "--iou-type bbox --classes 2,5,13 --images some.txt")
    expectEqual(some["results"]?["bbox"]?["metrics"]?["AP"], expected["bbox"]?["some"]?["AP"])
    #expect(some["images"]?.intValue == chosen.count)
  }

  @Test("Boundaries, keypoints and LVIS are scored as the field does")
  func protocols() throws {
    let people = try scored(
      "detection/keypoints_truth", "detection/keypoints_results", "")
    let points = expected["keypoints"]?["metrics"]?.arrayValue ?? []
    let names = ["AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"]
    for (name, value) in paired(names, points) {
      expectEqual(people["results"]?["keypoints"]?["metrics"]?[name], value)
    }
    let boundary = try scored("coco/truth", "coco/results", "--iou-type boundary")
    expectEqual(
      boundary["results"]?["boundary"]?["metrics"]?["AP"], expected["boundary"]?["AP"])
    let federated = try scored(
      "detection/lvis_truth", "detection/lvis_results",
      "--protocol lvis --iou-type bbox,boundary --errors --confusion")
    for name in ["AP", "APr", "APc", "APf", "AR300"] {
      expectEqual(
        federated["results"]?["boundary"]?["metrics"]?[name],
        expected["lvis"]?["boundary"]?["metrics"]?[name])
    }
    for type in ["bbox", "boundary"] {
      #expect(federated["results"]?[type]?["errors"]?["background"] != nil)
      #expect(federated["results"]?[type]?["details"]?["confusion"]?["counts"] != nil)
    }
    guard case .object(let metrics)? = expected["lvis"]?["bbox"]?["metrics"] else {
      Issue.record("no expected numbers of LVIS")
      return
    }
    for (name, value) in metrics {
      expectEqual(federated["results"]?["bbox"]?["metrics"]?[name], value)
    }
  }

  @Test("What LVIS's rules leave out, and groups that no class has, are told")
  func federatedWarnings() throws {
    let told = try evaluate(
      "detection/lvis_empty_truth", "detection/lvis_empty_results", "--protocol lvis")
    for what in ["truth.json: 7 objects", "results.json: 14 detections"] {
      #expect(
        told.errors.contains("lvis_empty_\(what) have no area; left out, as lvis-api does"),
        "\(told.errors)")
    }
    #expect(!told.errors.contains("how frequent"))
    let text = String(
      decoding: try FileBytes.read(fixture("detection/lvis_truth")), as: UTF8.self)
    try AtomicFile.write(
      text: text.replacing(/,"frequency":"."/, with: ""), to: folder.file("truth.json"))
    let outcome = try ChildProgram.run(
      "bench-coco",
      [
        "evaluate", "--ground-truth", "truth.json", "--detections",
        fixture("detection/lvis_results"), "--protocol", "lvis", "--iou-type", "bbox", "--quiet",
      ], in: folder.path)
    #expect(
      outcome.errors.contains(
        "truth.json: says of no class how frequent it is, so that APr, APc and APf are -1"),
      "\(outcome.errors)")
    #expect(outcome.status == 0 && !outcome.errors.contains("no area"))
  }

  @Test("Of LVIS's classes the table has every number but those of groups of classes")
  func federatedClasses() throws {
    let told = try evaluate(
      "detection/lvis_truth", "detection/lvis_results", "--protocol lvis --per-class")
    let header = try #require(
      told.output.split(separator: "\n").first { $0.contains("| class") }, "\(told.errors)")
    let titles = header.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    #expect(titles.filter { $0.hasPrefix("AP") } == ["AP", "AP50", "AP75", "APs", "APm", "APl"])
  }

  @Test("The difference of two detectors on one image is given, and said not to be tested")
  func oneImage() throws {
    _ = try evaluateOne(
      image: #","width":90,"height":80"#, object: #","area":81"#, detection: "", "", status: 0)
    try AtomicFile.write(
      text: #"[{"image_id":1,"category_id":1,"bbox":[1,1,9,6],"score":0.5}]"#,
      to: folder.file("other.json"))
    let outcome = try ChildProgram.run(
      "bench-coco",
      [
        "evaluate", "--ground-truth", "gt.json", "--detections", "dt.json", "--versus",
        "other.json", "--output", "out.json", "--quiet",
      ], in: folder.path)
    // Two thirds of the object are right at 0.5, 0.55, 0.6 and 0.65, four of ten overlaps.
    #expect(
      outcome.output.contains(
        "AP minus that of other.json: +60.00 points, not tested (one image alone cannot be tested)"),
      "\(outcome.output)")
    let out = try #require(JSONValue(parsing: try FileBytes.read(folder.file("out.json"))))
    let versus = try #require(out["results"]?["bbox"]?["versus"])
    #expect(versus["APDifference"]?.doubleValue.map { abs($0 - 0.6) < 1e-12 } == true)
    #expect(versus["untested"]?.stringValue == "one image alone cannot be tested")
  }

  @Test("A kept run has every class, curves, the best score, calibration and confusions")
  func kept() throws {
    _ = try evaluate(
      "coco/truth", "coco/results", "--name Mine --runs runs --resamples 20 --iou-type bbox,segm")
    let run = try #require(try RunCatalogue(paths: [folder.file("runs")]).runs.first)
    let details = try #require(run.result.detection["bbox"])
    #expect(Set(run.result.detection.keys) == ["bbox", "segm"])
    #expect(details.curves["AP50"]?.count == 101 && details.categories.count == 6)
    #expect(details.best != nil && details.confusion?.side == 8)
    // Thirty-six images are too few for an interval.
    #expect(run.result.classes.allSatisfy { $0.measurement.interval == nil })
    #expect(
      try RunResult(path: run.path + "/result.json").json.text() == run.result.json.text())
    let report = try ChildProgram.run(
      "bench-report",
      ["--runs", "runs", "--references", "none", "--output", "report", "--quiet"], in: folder.path)
    #expect(report.status == 0, "\(report.errors)")
    let page = String(
      decoding: try FileBytes.read(folder.file("report/report.html")), as: UTF8.self)
    for title in [
      "Mine: box precision against recall", "Mine: mask scores against how often they are right",
      "Mine: box objects and what they are taken for", "Mine: every class by mask",
    ] { #expect(page.contains(title), "\(title)") }
    // What is kept depends on what is asked for: the same name is another run.
    _ = try evaluate(
      "coco/truth", "coco/results",
      "--name Mine --runs runs --resamples 20 --iou-type boundary")
    #expect(try RunCatalogue(paths: [folder.file("runs")]).runs.count == 2)
    let people = try evaluate(
      "detection/keypoints_truth", "detection/keypoints_results", "--name People --runs people")
    #expect(people.errors.contains("kept as"))
    let other = try #require(try RunCatalogue(paths: [folder.file("people")]).runs.first)
    #expect(other.result.files["keypoints.matches"] != nil)
    #expect(other.result.metrics["keypoints/AP"] != nil)
  }

  @Test(
    "What cannot be honoured is refused",
    arguments: [
      ("--protocol lvis", 65, "does not say which classes are absent: image"),
      ("--iou-type keypoints", 65, "has no keypoints, so they cannot be scored"),
      ("--classes zebra", 65, "has no class 'zebra', neither by name nor by id"),
      ("--protocol lvis --iou-type keypoints", 64, "LVIS has no keypoints"),
      ("--protocol lvis --class-agnostic", 64, "--class-agnostic is for COCO's rules"),
      ("--protocol lvis --max-detections 1,10", 64, "LVIS has one limit"),
      ("--iou-type keypoints --errors", 64, "--errors and --confusion are of boxes and masks"),
      ("--iou-thresholds 0.5,0.5", 64, "--iou-thresholds takes up to 16 different numbers"),
      ("--iou-thresholds 1.5", 64, "iou-thresholds"),
      ("--resamples 5", 64, "--resamples is of differences and intervals"),
      ("--seed 5", 64, "--seed is of differences and intervals"),
      ("--confusion-score 0.5", 64, "--confusion-score is of confusions"),
      ("--iou-type bbox --keypoint-sigmas 1", 64, "--keypoint-sigmas are of keypoints"),
      ("--iou-type bbox --detection-sizes mask", 64, "--detection-sizes mask is of masks"),
      ("--iou-type bbox --detection-sizes box", 64, "--detection-sizes box is of masks"),
      ("--output same.json --records same.json", 64, "is named for two things to write"),
      ("--detections other.json", 64, "--detections is given twice"),
      ("--intervals --class-agnostic", 64, "--intervals are of every class"),
      ("--runs elsewhere", 64, "--runs is where a run is kept"),
      ("--area-ranges tiny", 64, "a name and two sizes"),
      ("--area-ranges all:0-5", 64, "none of them all"),
      ("--corrected --detection-sizes box", 64, "--corrected takes the sizes of masks"),
    ])
  func refusals(arguments: String, status: Int32, problem: String) throws {
    let outcome = try evaluate("coco/truth", "coco/results", arguments, status: status)
    #expect(outcome.errors.contains(problem), "\(outcome.errors)")
  }

  @Test(
    "Names that may mean two things, scores that are no probabilities and lacking masks are told")
  func ambiguities() throws {
    let boxes = #""bbox":[1,1,9,9],"area":81,"iscrowd":0"#
    try AtomicFile.write(
      text: #"{"images":[{"id":1,"file_name":"a.jpg","width":90,"height":80},"#
        + #"{"id":2,"file_name":"a.jpg","width":90,"height":80},"#
        + #"{"id":3,"file_name":"2","width":90,"height":80}],"#
        + #""categories":[{"id":1,"name":"cat"},{"id":2,"name":"cat"}],"annotations":["#
        + #"{"id":1,"image_id":1,"category_id":1,"#
        + #""segmentation":[[1,1,10,1,10,10,1,10]],\#(boxes)}]}"#, to: folder.file("gt.json"))
    let found = #"{"image_id":1,"category_id":1,"bbox":[1,1,9,9]"#
    try AtomicFile.write(
      text: "[\(found),\"score\":85}, \(found),\"score\":0.5,"
        + #""segmentation":[[1,1,10,1,10,10,1,10]]}]"#, to: folder.file("dt.json"))
    #expect(
      try run("--classes cat", status: 65).contains("has 2 classes called 'cat', of ids 1, 2"))
    for (line, ids) in [("a.jpg", "1 or 2"), ("2", "2 or 3")] {
      try AtomicFile.write(text: line + "\n", to: folder.file("list.txt"))
      let errors = try run("--images list.txt", status: 65)
      #expect(errors.contains("may be the image of id \(ids)"), "\(errors)")
    }
    #expect(
      try run("--iou-type bbox --calibration", status: 65)
        .contains("has scores beyond 0 to 1, such as 85.0"))
    #expect(
      try run("--iou-type segm", status: 0)
        .contains("1 of 2 detections have no mask; their boxes are taken for masks"))
  }

  /// Scores one object of one image, of which a detection is known.
  private func evaluateOne(
    image: String, object: String, detection: String, _ arguments: String, status: Int32
  ) throws -> String {
    try AtomicFile.write(
      text: #"{"images":[{"id":1,"file_name":"a.jpg"\#(image)}],"#
        + #""categories":[{"id":1,"name":"cat"}],"annotations":[{"id":1,"image_id":1,"#
        + #""category_id":1,"bbox":[1,1,9,9],"iscrowd":0\#(object)}]}"#, to: folder.file("gt.json"))
    try AtomicFile.write(
      text: #"[{"image_id":1,"category_id":1,"bbox":[1,1,9,9],"score":0.5\#(detection)}]"#,
      to: folder.file("dt.json"))
    try AtomicFile.write(text: "[]", to: folder.file("none.json"))
    return try run(arguments, status: status)
  }

  /// Scores `dt.json` against `gt.json` and gives back what was said beside the numbers.
  private func run(_ arguments: String, status: Int32) throws -> String {
    let outcome = try ChildProgram.run(
      "bench-coco",
      ["evaluate", "--ground-truth", "gt.json", "--detections", "dt.json", "--quiet"]
        + arguments.split(separator: " ").map(String.init), in: folder.path)
    #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
    return outcome.errors
  }

  @Test("Masks in images without a size are not scored as missed; boxes are scored")
  func unsized() throws {
    let square = #","segmentation":[[1,1,10,1,10,10,1,10]]"#
    let runs = #","segmentation":{"size":[20,20],"counts":[0,9,391]}"#
    func run(_ object: String, _ detection: String, _ arguments: String, _ status: Int32)
      throws -> String
    {
      try evaluateOne(
        image: #","height":80"#, object: #","area":81"# + object, detection: detection, arguments,
        status: status)
    }
    let objects = try run(square, runs, "", 65)
    #expect(
      objects.contains(
        "gt.json: does not say how large image 1 is, so masks of 1 object cannot be drawn"),
      "\(objects)")
    #expect(objects.contains("image 1 has no width;"))
    #expect(try run(runs, "", "--iou-type segm", 65).contains("masks of 1 detection cannot"))
    _ = try run(runs, runs, "--iou-type segm", 0)
    #expect(!(try run(square, runs, "--iou-type bbox", 0).contains("how large")))
    // What is wrong with a size is said once, and nothing follows from it.
    let fraction = try evaluateOne(
      image: #","width":"100","height":80"#, object: #","area":81"#, detection: "", "", status: 1)
    #expect(fraction.contains("has the text '100' as its width"), "\(fraction)")
    #expect(!fraction.contains("lacks"))
  }

  @Test("Areas beyond all ranges, empty files to compare with and folders as files are told")
  func causes() throws {
    let size = #","width":90,"height":80"#
    let area = try evaluateOne(
      image: size, object: #","area":-5"#, detection: "", "", status: 65)
    #expect(area.contains("the first: annotation 1 has an area of -5.0; correct the records"))
    let sound = #","area":81"#
    let versus = try evaluateOne(
      image: size, object: sound, detection: "", "--versus none.json", status: 0)
    #expect(versus.contains("none.json: holds no detections"), "\(versus)")
    let output = try evaluateOne(
      image: size, object: sound, detection: "", "--output .", status: 73)
    #expect(output.contains(".: is a folder, not a file"), "\(output)")
    let points = try evaluateOne(
      image: size, object: sound + #","keypoints":[1,2],"num_keypoints":1"#, detection: "",
      "--iou-type keypoints", status: 65)
    #expect(
      points.contains("has no keypoints without errors; the first: annotation 1 has keypoints of 2")
    )
  }

  @Test("Images that the annotations lack, and sigmas of another number, are named")
  func faults() throws {
    try AtomicFile.write(text: "0.jpg\n\nnowhere.jpg\n", to: folder.file("some.txt"))
    let images = try evaluate(
      "coco/truth", "coco/results", "--images some.txt", status: 65)
    #expect(images.errors.contains("names 'nowhere.jpg' in line 3"))
    let sigmas = try evaluate(
      "detection/keypoints_truth", "detection/keypoints_results", "--keypoint-sigmas 0.1,0.2",
      status: 65)
    #expect(sigmas.errors.contains("has an object of 17 keypoints, where there are 2 sigmas"))
  }
}
