import CocoFormat
import FileSupport
import TestSupport
import Testing

@Suite("Keypoints and federated annotations")
struct KeypointsTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func truth(
    annotations: String, image: String = "", category: String = ""
  ) throws -> CocoAnnotations {
    let text = """
      {"images":[{"id":1,"file_name":"a.png","width":20,"height":20\(image)}],
       "categories":[{"id":3,"name":"cat"\(category)}],"annotations":[\(annotations)]}
      """
    try AtomicFile.write(text: text, to: folder.file("truth.json"))
    return try CocoAnnotations(path: folder.file("truth.json"))
  }

  private func object(_ rest: String, id: Int = 1) -> String {
    #"{"id":\#(id),"image_id":1,"category_id":3,"bbox":[1,1,4,4],"area":16,"iscrowd":0\#(rest)}"#
  }

  private let names = #","keypoints":["nose","tail"]"#

  @Test("Keypoints are read by object, and their number from the record or from their flags")
  func annotations() throws {
    let truth = try truth(
      annotations: [
        object(""), object(#","keypoints":[1,2,2,0,0,0],"num_keypoints":1"#, id: 2),
        object("", id: 3), object(#","keypoints":[1,2,2,3,4.5,1]"#, id: 4),
      ].joined(separator: ","), category: names)
    #expect(truth.categories[0].keypointNames == ["nose", "tail"])
    #expect(
      truth.annotations.indices.map { Array(truth.keypoints[$0]) }
        == [[], [1, 2, 2, 0, 0, 0], [], [1, 2, 2, 3, 4.5, 1]])
    #expect(truth.annotations.map(\.labelledKeypoints) == [0, 1, 0, 2])
    #expect(truth.findings.count(.missingKeypointCount) == 1 && truth.findings.total == 1)
    let path = folder.file("again.json")
    try CocoWriter.write(truth, to: path)
    let again = try CocoAnnotations(path: path)
    #expect(again.annotations == truth.annotations && again.keypoints == truth.keypoints)
    #expect(again.categories == truth.categories)
  }

  @Test(
    "Keypoints that cannot be are named, and the object is kept without them",
    arguments: [
      (
        #""nose""#, "annotation 1 has keypoints that are no list of numbers",
        CocoRule.malformedKeypoints
      ),
      ("[1,2]", "annotation 1 has keypoints of 2 numbers", .malformedKeypoints),
      ("[1,null,2]", "annotation 1 has keypoints that are no list", .malformedKeypoints),
      (
        "[1,1e300,2]", "annotation 1 has a keypoint that is not finite or beyond",
        .malformedKeypoints
      ),
      ("[1,2,2]", "annotation 1 has 1 keypoints, its category 2", .otherKeypoints),
    ])
  func faults(points: String, problem: String, rule: CocoRule) throws {
    let truth = try truth(
      annotations: object(#","num_keypoints":1,"keypoints":"# + points), category: names)
    #expect(truth.annotations.count == 1 && truth.keypoints.isEmpty)
    #expect(truth.findings.count(rule) == 1)
    #expect(truth.findings.described.contains { $0.problem.hasPrefix(problem) })
  }

  @Test("A detection of nothing but keypoints has the box around them, and its area")
  func detections() throws {
    let truth = try truth(annotations: object(""), category: names)
    let path = folder.file("found.json")
    try AtomicFile.write(
      text: #"""
        [{"image_id":1,"category_id":3,"keypoints":[9,4,1,3,8,0],"score":0.5},
         {"image_id":1,"category_id":3,"score":0.4}]
        """#, to: path)
    let found = try CocoDetections(path: path, groundTruth: truth)
    #expect(!found.areBoxes && found.detections.count == 1)
    #expect(found.detections[0].box == CocoBox(x: 3, y: 4, width: 6, height: 4))
    #expect(found.detections[0].area == 24 && Array(found.keypoints[0]) == [9, 4, 1, 3, 8, 0])
    #expect(found.findings.count(.malformed) == 1)
    let result = CocoResult(
      imageID: 1, categoryID: 3, keypoints: [9, 4, 1, 3, 8, 0], score: 0.5)
    let direct = try CocoDetections([result], groundTruth: truth)
    #expect(direct.detections == found.detections && direct.keypoints == found.keypoints)
    try CocoWriter.write([result], to: path)
    #expect(try CocoDetections(path: path, groundTruth: truth).keypoints == found.keypoints)
  }

  @Test("What LVIS knows of images and categories is read and written; crowds need not be named")
  func federated() throws {
    let truth = try truth(
      annotations: #"{"id":1,"image_id":1,"category_id":3,"bbox":[1,1,4,4],"area":16}"#,
      image: #","neg_category_ids":[5,7],"not_exhaustive_category_ids":[3]"#,
      category: #","frequency":"c""#)
    #expect(truth.isFederated && truth.findings.total == 0)
    #expect(truth.images[0].negativeCategoryIDs == [5, 7])
    #expect(truth.images[0].notExhaustiveCategoryIDs == [3])
    #expect(truth.categories[0].frequency == .common)
    try CocoWriter.write(truth, to: folder.file("again.json"))
    let again = try CocoAnnotations(path: folder.file("again.json"))
    #expect(again.images == truth.images && again.categories == truth.categories)
  }

  @Test("Keypoints that are counted and not there, and half of what LVIS says, are named")
  func lost() throws {
    let truth = try truth(
      annotations: object(#","num_keypoints":2"#), image: #","neg_category_ids":[5]"#,
      category: names)
    #expect(truth.findings.count(.malformedKeypoints) == 1)
    #expect(truth.findings.count(.malformedFederation) == 1)
    let problems = truth.findings.described.map(\.problem)
    #expect(problems.contains { $0.hasSuffix("has no keypoints and 2 as its num_keypoints") })
    #expect(problems.contains { $0.hasSuffix("no not_exhaustive_category_ids") }, "\(problems)")
  }

  @Test("Lists of classes and frequencies that cannot be are named")
  func federatedFaults() throws {
    let truth = try truth(
      annotations: object(""), image: #","neg_category_ids":[5,"x"]"#,
      category: #","frequency":"often""#)
    #expect(!truth.isFederated)
    #expect(truth.findings.count(.malformedFederation) == 1)
    #expect(truth.findings.count(.unknownFrequency) == 1)
    #expect(
      truth.findings.described.contains {
        $0.problem == "category 3 has the text 'often' as its frequency"
      })
  }
}
