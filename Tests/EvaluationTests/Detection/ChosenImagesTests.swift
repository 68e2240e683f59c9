import CocoFormat
import Evaluation
import FileSupport
import SampleData
import TestSupport
import Testing

@Suite("Scoring some images of an annotation file")
struct ChosenImagesTests {
  @Test(
    "Chosen images score as a file that holds just these", arguments: [OverlapType.bbox, .segm])
  func subset(type: OverlapType) throws {
    let folder = try TemporaryDirectory()
    var made = SyntheticAnnotations()
    (made.imageCount, made.objectCount, made.detectionsPerImage) = (12, 80, 12)
    try made.writeAnnotations(to: folder.file("whole.json"))
    try made.writeDetections(boxes: folder.file("boxes.json"), masks: folder.file("masks.json"))
    let whole = try CocoAnnotations(path: folder.file("whole.json"))
    let chosen = [7, 0, 3, 10, 4]
    let ids = Set(chosen.map { whole.images[$0].id })
    func write(_ json: JSONValue, _ name: String) throws {
      try AtomicFile.write(text: json.text(), to: folder.file(name))
    }
    func kept(_ list: JSONValue?, _ key: String) -> JSONValue {
      .array((list?.arrayValue ?? []).filter { ids.contains($0[key]?.intValue ?? -1) })
    }
    func read(_ name: String) throws -> JSONValue {
      try #require(JSONValue(parsing: try FileBytes.read(folder.file(name))))
    }
    guard case .object(var members) = try read("whole.json") else {
      Issue.record("no object of annotations")
      return
    }
    members["images"] = kept(members["images"], "id")
    members["annotations"] = kept(members["annotations"], "image_id")
    try write(.object(members), "part.json")
    let results = type == .bbox ? "boxes.json" : "masks.json"
    try write(kept(try read(results), "image_id"), "found.json")
    let part = try CocoAnnotations(path: folder.file("part.json"))
    let expected = CocoEvaluator.match(
      try CocoDetections(path: folder.file("found.json"), groundTruth: part), to: part,
      overlapType: type)
    let detections = try CocoDetections(path: folder.file(results), groundTruth: whole)
    let matched = CocoEvaluator.match(
      detections, to: whole, images: chosen, overlapType: type)
    try matched.write(to: folder.file("a.matches"))
    try expected.write(to: folder.file("b.matches"))
    #expect(
      try FileBytes.read(folder.file("a.matches")) == FileBytes.read(folder.file("b.matches")))
    #expect(matched.imageIDs == ids.sorted())
    let errors = DetectionErrors(
      detections, groundTruth: whole, images: chosen, overlapType: type)
    #expect(
      try errors
        == DetectionErrors(
          CocoDetections(path: folder.file("found.json"), groundTruth: part), groundTruth: part,
          overlapType: type))
  }
}
