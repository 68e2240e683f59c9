import FileSupport
import Foundation
import TestSupport
import Testing

/// What files of classes and of labels may look like, and what they mean.
@Suite("Reading classes that were predicted elsewhere", .serialized, .timeLimit(.minutes(5)))
struct ClassificationEvaluationTests {
  private let folder: TemporaryDirectory
  private let names = (0..<24).map { "im\($0).png" }
  private let labels = (0..<24).map { $0 % 12 }

  init() throws { folder = try TemporaryDirectory() }

  private func write(_ lines: [String], _ name: String) throws {
    try AtomicFile.write(text: lines.map { $0 + "\n" }.joined(), to: folder.file(name))
  }

  private func table(_ header: String, _ value: (Int) -> String) -> [String] {
    [header] + names.indices.map { "\(names[$0]),\(value(labels[$0]))" }
  }

  private func evaluate(
    _ arguments: String = "", status: Int32 = 0
  ) throws -> ChildProgram.Outcome {
    let outcome = try ChildProgram.run(
      "bench-linear",
      ["evaluate", "--predictions", "p.csv", "--ground-truth", "t.csv"]
        + arguments.split(separator: " ").map(String.init), in: folder.path)
    #expect(outcome.status == status, "\(arguments): \(outcome.output)\(outcome.errors)")
    return outcome
  }

  private func top1(_ arguments: String = "", status: Int32 = 0) throws -> Double? {
    JSONValue(parsing: Array(try evaluate(arguments + " --json", status: status).output.utf8))?[
      "top1"]?.doubleValue
  }

  @Test("Labels and answers are the same numbers however programs write them")
  func spellings() throws {
    try write(table("image,prediction") { "\($0)" }, "p.csv")
    for spelling in ["%", "%.0", " %", "+%"] {
      try write(
        table("image,label") { spelling.replacing("%", with: "\($0)") }, "t.csv")
      #expect(try top1() == 1, "\(spelling)")
    }
    try write(table("image;label") { "\($0)" }.map { $0.replacing(",", with: ";") }, "t.csv")
    for spelling in ["%.0", " %"] {
      try write(
        table("image,prediction") { spelling.replacing("%", with: "\($0)") }, "p.csv")
      #expect(try top1() == 1, "\(spelling)")
    }
  }

  @Test("Numbers for a class that the truth lacks, and two kinds of answer in a line, are refused")
  func strangers() throws {
    try write(table("image,label") { "c\($0)" }, "t.csv")
    let header = "image," + (0..<12).map { "c\($0)" }.joined(separator: ",")
    func scores(_ label: Int, _ count: Int) -> String {
      (0..<count).map { $0 == label ? "2" : "1" }.joined(separator: ",")
    }
    try write(table(header) { scores($0, 12) }, "p.csv")
    #expect(try top1() == 1)
    try write(table(header + ",moth") { scores($0, 13) }, "p.csv")
    let errors = try evaluate(status: 65).errors
    #expect(errors.contains("has numbers for 'moth', which is no class of t.csv"), "\(errors)")
    try write(names.map { "{\"image\":\"\($0)\",\"prediction\":\"c1\",\"logits\":[1,2]}" }, "p.csv")
    let both = try evaluate(status: 65).errors
    #expect(both.contains("line 1 has prediction and logits"), "\(both)")
  }

  @Test(
    "Labels that are none are refused with their line",
    arguments: [
      ("im0.png,-1", "line 26 has the label '-1'; count classes from 0"),
      ("im0.png,99999999999999999999", "line 26 has the label '99999999999999999999'"),
      ("im99.png,", "line 26 has no label"), (",3", "line 26 has no image"),
      ("im0.png,0", "names im0.png in lines 2 and 26"),
    ])
  func labels(row: String, problem: String) throws {
    try write(table("image,prediction") { "\($0)" }, "p.csv")
    try write(table("image,label") { "\($0)" } + [row], "t.csv")
    #expect(try evaluate(status: 65).errors.contains(problem))
  }

  @Test("Numbers that are right only when read otherwise are suspect")
  func suspicion() throws {
    try write(table("image,label") { "\($0)" }, "t.csv")
    // The classifier counts from 0, the labels from 1, and one class is left over.
    try write(table("image,label") { "\($0 + 1)" }, "t.csv")
    try write(table("image,prediction") { "\($0)" }, "p.csv")
    let shifted = try evaluate(status: 1)
    #expect(shifted.errors.contains("24 of 24 images are right after adding 1, 0 as they are"))
    #expect(shifted.output.contains("SUSPECT"))
    // Honest mistakes are none.
    try write(table("image,label") { "\($0)" }, "t.csv")
    try write(table("image,prediction") { "\($0 / 2)" }, "p.csv")
    #expect(try top1() == 1.0 / 12)
  }

  @Test("Where classes are called by numbers, one file is read in one way")
  func numericNames() throws {
    // Called 1 to 12, in the order of texts: 1, 10, 11, 12, 2, ….
    let classes = (1...12).map(String.init).sorted()
    try write(classes, "c.txt")
    try write(table("image,label") { classes[$0] }, "t.csv")
    // 0 is no name, so all are places.
    try write(table("image,prediction") { "\($0)" }, "p.csv")
    let places = try evaluate("--class-map c.txt")
    #expect(places.output.contains("100.0 [") && places.output.contains("taken for places from 0"))
    try write(table("image,prediction") { classes[$0] }, "p.csv")
    let named = try evaluate("--class-map c.txt")
    #expect(named.output.contains("100.0 [") && named.output.contains("taken for these names"))
    // Called 0 to 11: nothing in the file tells, the truth does.
    let plain = (0...11).map(String.init).sorted()
    try write(plain, "c.txt")
    try write(table("image,label") { plain[$0] }, "t.csv")
    try write(table("image,prediction") { "\($0)" }, "p.csv")
    let suspect = try evaluate("--class-map c.txt", status: 1)
    #expect(suspect.errors.contains("24 of 24 images are right taken for places from 0"))
  }

  @Test("A class of the classifier's that the truth lacks is an answer, by name as by place")
  func unseenClasses() throws {
    try write(["ant", "cat", "dog"], "c.txt")
    try write(["image,label", "a,cat", "b,dog"], "t.csv")
    for answers in [["ant", "dog"], ["0", "2"]] {
      try write(["image,prediction", "a,\(answers[0])", "b,\(answers[1])"], "p.csv")
      #expect(try top1("--class-map c.txt") == 0.5)
    }
  }

  @Test("A truth with a part of the classes is scored among these, as a folder and as a file")
  func partOfTheClasses() throws {
    let rows = ["image,0,1,2,3", "a.png,0.1,0.8,0.05,0.05", "b.png,0.1,0.1,0.7,0.1"]
    try write(rows, "p.csv")
    try write(["x", "y", "z", "w"], "c.txt")
    // The best number of a.png is of y, which no image shows.
    for (folder, image) in [("x", "a"), ("z", "b")] {
      try AtomicFile.write(text: "", to: self.folder.file("val/\(folder)/\(image).png"))
    }
    for truth in [["a.png,x", "b.png,z"], ["a.png,0", "b.png,2"]] {
      try write(["image,label"] + truth, "t.csv")
      let told = try evaluate("--class-map c.txt").output
      #expect(told.contains("2 images, 2 classes") && told.contains("100.0 ["), "\(told)")
      #expect(told.contains("has 2 of the classifier's 4 classes; only their numbers"), "\(told)")
    }
    let file = try evaluate("--class-map c.txt --json").output
    let folder = try ChildProgram.run(
      "bench-linear",
      [
        "evaluate", "--predictions", "p.csv", "--ground-truth", "val", "--class-map", "c.txt",
        "--json",
      ], in: self.folder.path
    ).output
    #expect(folder.replacing("\"val\"", with: "\"t.csv\"") == file)
  }

  @Test("A class that is ranked twice is refused, however it is written")
  func rankedTwice() throws {
    try write(["image,label", "a,cat", "b,dog"], "t.csv")
    try write(["ant", "bee", "cat", "dog"], "c.txt")
    // The truth has neither ants nor bees.
    for answers in ["2,2.0", "3,+3", "cat,2", "0,0.0"] {
      try write(["image,top1,top2", "a,\(answers)", "b,2,3"], "p.csv")
      let errors = try evaluate("--class-map c.txt", status: 65).errors
      #expect(errors.contains("line 2 ranks the class of '"), "\(answers): \(errors)")
    }
  }

  @Test("Confidences on an edge, and numbers that hardly differ, are taken as they are written")
  func exactNumbers() throws {
    try write(["image,label", "a,0", "b,1"], "t.csv")
    try write(["image,0,1", "a,0.8,0.2", "b,0.75,0.25"], "p.csv")
    let edge = try #require(JSONValue(parsing: Array(try evaluate("--json").output.utf8)))
    // Both are in the twelfth bin: |(1 + 0) - (0.8 + 0.75)| / 2.
    #expect(edge["calibrationError"]?.doubleValue.map { abs($0 - 0.275) < 1e-12 } == true)
    try write(["image,0,1", "a,0.9,0.1", "b,0.49999999,0.50000001"], "p.csv")
    let near = try evaluate().output
    #expect(near.contains("100.0 [") && !near.contains("the best score"), "\(near)")
  }

  @Test(
    "A class map that would move classes is refused",
    arguments: [
      ("cat\n\ndog\n", "has no class in line 2"), ("[\"cat\", null]", "items that are no text"),
      ("{\"0\": \"cat\"}", "is a JSON object, which has no order"),
      ("[\"cat\", \"dog\"", "is cut off, its JSON ends too early, in line 1, byte 14"),
    ])
  func classMaps(text: String, problem: String) throws {
    try write(["image,label", "a,cat", "b,dog"], "t.csv")
    try write(["image,prediction", "a,cat", "b,dog"], "p.csv")
    try AtomicFile.write(text: text, to: folder.file("c.txt"))
    #expect(try evaluate("--class-map c.txt", status: 65).errors.contains(problem))
    try AtomicFile.write(text: "cat\r\ndog\r\n\r\n", to: folder.file("c.txt"))
    #expect(try top1("--class-map c.txt") == 1)
  }

  @Test("Scores beside classes are refused, and classes of the same best score are told")
  func kinds() throws {
    try write(["image,label", "a,cat", "b,dog", "c,dog"], "t.csv")
    try write(
      [
        #"{"image": "a", "prediction": "cat"}"#, #"{"image": "b", "logits": [0, 1]}"#,
        #"{"image": "c", "logits": [0, 1]}"#,
      ], "p.csv")
    #expect(try evaluate(status: 65).errors.contains("line 2 has scores, others have classes"))
    try write(["image,cat,dog", "a,1,1", "b,0.5,0.5", "c,0,1"], "p.csv")
    let scored = try evaluate()
    #expect(scored.output.contains("2 of 3 images have several classes of the best score"))
  }

  @Test("A line that names something twice is refused, whichever counts elsewhere")
  func repeatedKeys() throws {
    try write(["image,label", "a,cat", "b,dog"], "t.csv")
    try write(
      [
        #"{"image": "a", "prediction": "cat"}"#,
        #"{"image": "b", "prediction": "cat", "prediction": "dog"}"#,
      ], "p.csv")
    #expect(
      try evaluate(status: 65).errors.contains(
        "line 2 has the key 'prediction' twice in one object"))
  }

  @Test("Images are found by as much of their path as is known, from any machine")
  func paths() throws {
    try write(["image,label", "a/1.png,a", "b/1.png,b"], "t.csv")
    for prefix in ["", "./", "val/", "/data/x/val/", "C:\\data\\val\\"] {
      let rows = ["a", "b"].map { name in
        prefix + (prefix.contains("\\") ? "\(name)\\1.png" : "\(name)/1.png") + ",\(name)"
      }
      try write(["image,prediction"] + rows, "p.csv")
      #expect(try top1() == 1, "\(prefix)")
    }
    // A name that several have names none.
    try write(["image,prediction", "1.png,a", "b/1.png,b"], "p.csv")
    #expect(try evaluate(status: 65).errors.contains("line 2 names 1.png, which"))
  }

  @Test("What is written replaces nothing that is read")
  func outputs() throws {
    try write(["image,label", "a,cat"], "t.csv")
    try write(["image,prediction", "a,cat"], "p.csv")
    for name in ["p.csv", "./t.csv"] {
      let refused = try evaluate("--output \(name)", status: 73)
      #expect(refused.errors.contains("\(name): is to be written and is read as"))
    }
    #expect(try FileBytes.read(folder.file("p.csv")) == Array("image,prediction\na,cat\n".utf8))
    let lonely = try evaluate("--runs elsewhere", status: 64)
    #expect(lonely.errors.contains("--runs is where a run is kept; give it a --name"))
  }
}
