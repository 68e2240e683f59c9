import CommandLine
import Evaluation
import FileSupport
import Foundation
import Reporting
import SampleData
import TestSupport
import Testing
import VisionData

@testable import Harness

/// The recipes, parts of a training set and images from elsewhere, as a user would run them.
@Suite("Recipes of bench-linear", .serialized)
struct ProbeRecipeTests {
  private func prepare() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (8, 4))).generate(at: folder.file("data"))
    return folder
  }

  private let base = [
    "--data", "data/classification", "--backbone", "random", "--input-size", "32",
  ]
  private let swin = ["--architecture", "swin-mini"]

  private func run(_ arguments: [String], in folder: TemporaryDirectory) throws -> String {
    let outcome = try ChildProgram.run("bench-linear", base + arguments, in: folder.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.output
  }

  @Test("DINO's takes the last four blocks, MoCo v3's the class token; both name what differs")
  func linear() throws {
    let folder = try prepare()
    let short = ["--architecture", "deit-ti", "--cached", "--epochs", "2", "--batch-size", "16"]
    let dino = try run(["--recipe", "dino"] + short, in: folder)
    #expect(dino.contains("pooled outputs of the last 4 blocks"))
    #expect(dino.contains("deviates from DINO's linear protocol: epochs 2 instead of 100"))
    let moco = try run(["--recipe", "moco-v3"] + short, in: folder)
    #expect(moco.contains("deviates from MoCo v3's linear protocol: epochs 2 instead of 90"))
    let found = try #require(try folder.results(under: "reports/runs", named: "linear-dino").first)
    #expect(found.settings["recipe"] == "dino" && found.settings["label-smoothing"] == "0")
    #expect(found.settings["test view"] == "resize 36 bicubic, center crop 32")
    for name in ["top1", "knn_10", "rankme", "feature_spread"] {
      #expect(found.metrics[name]?.value.isFinite == true, "\(name)")
    }
    let both = try run(
      ["--recipe", "dino", "--feature-blocks", "2", "--feature-pooling", "class-and-mean"] + short,
      in: folder)
    #expect(both.contains("class tokens of the last 2 blocks and mean patch token"))
    let refused = try ChildProgram.run(
      "bench-linear", base + swin + ["--feature-pooling", "class-and-mean"], in: folder.path)
    #expect(refused.status == 64 && refused.errors.contains("no class token"), "\(refused.errors)")
  }

  @Test("A logistic regression chooses its strength on held-out images, and says so")
  func logistic() throws {
    let folder = try prepare()
    let searched = try run(swin + ["--recipe", "logistic", "--held-out", "0.25"], in: folder)
    #expect(searched.contains("top-1 is of the regularization chosen on 0.25 of train"))
    #expect(!searched.contains("last epoch"))
    let found = try #require(
      try folder.results(under: "reports/runs", named: "linear-logistic").first)
    #expect(found.metrics["regularization"]?.value ?? 0 > 0 && found.curves.isEmpty)
    #expect((found.metrics["top1"]?.value ?? 0) > 1.2 / Double(found.classes.count))
    let one = try run(swin + ["--recipe", "logistic", "--regularizations", "0.5"], in: folder)
    #expect(one.contains("top-1 is of the only fit"))
    #expect(one.contains("regularizations 0.5 instead of a search"))
  }

  @Test(
    "An attentive probe trains on tokens, on the same bytes for any threads, and is refused choices"
  )
  func attentive() throws {
    let folder = try prepare()
    let recipe =
      swin + [
        "--recipe", "attentive", "--epochs", "2", "--batch-size", "40", "--learning-rates", "0.01",
      ]
    let output = try run(recipe, in: folder)
    #expect(output.contains("deviates from V-JEPA's attentive probe: epochs 2 instead of 20"))
    #expect(output.contains("top-1 is of the last epoch"))
    let found = try #require(
      try folder.results(under: "reports/runs", named: "linear-attentive").first)
    #expect(found.curves["loss"]?.count == 2 && found.metrics["top1"]?.value.isFinite == true)
    let loss = try #require(found.curves["loss"])
    #expect(loss[1] < loss[0])
    let other = try run(
      recipe + ["--threads", "1", "--output", "other", "--cache", "fresh"], in: folder)
    #expect(other == output)
    let vit = try run(
      [
        "--recipe", "attentive", "--architecture", "deit-ti", "--epochs", "1", "--batch-size", "16",
      ],
      in: folder)
    #expect(vit.contains("all tokens of the last block"))
  }

  @Test("Draws of a few images are repeated, and their spread is in the interval")
  func shots() throws {
    let folder = try prepare()
    let recipe = swin + ["--recipe", "logistic", "--regularizations", "1"]
    let output = try run(recipe + ["--shots", "2", "--draws", "3"], in: folder)
    #expect(output.contains("2 training images of every class, drawn anew by each seed"))
    let found = try #require(
      try folder.results(under: "reports/runs", named: "linear-logistic").first)
    let draws = (0..<3).compactMap { found.metrics["top1_seed\($0)"]?.value }
    let top1 = try #require(found.metrics["top1"])
    #expect(draws.count == 3 && abs(top1.value - draws.reduce(0, +) / 3) < 1e-12)
    #expect(found.metrics["knn_10"] == nil && found.settings["shots"] == "2")
    let single = try #require(found.metrics["top1_seed0"]?.interval)
    let interval = try #require(top1.interval)
    #expect(interval.low < top1.value && interval.high > top1.value)
    #expect(single != interval)
    let classes = found.classes.count
    #expect(found.data["train images"] == String(2 * classes))
    try AtomicFile.write(text: "car/car_00001.JPEG\n", to: folder.file("list.txt"))
    let listed = try ChildProgram.run(
      "bench-linear", base + recipe + ["--train-list", "list.txt", "--shots", "2"],
      in: folder.path)
    #expect(
      listed.status == 65 && listed.errors.contains("has no image to draw from"), "\(listed.errors)"
    )
  }

  @Test("A list of training images is what the probe learns from")
  func list() throws {
    let folder = try prepare()
    let images = try ImageFolder(root: folder.file("data/classification/train"))
    let names = images.evenly(3 * images.classNames.count).map { images.relativePath($0) }
    try AtomicFile.write(text: names.joined(separator: "\n"), to: folder.file("part.txt"))
    let output = try run(
      swin + ["--recipe", "logistic", "--regularizations", "1", "--train-list", "part.txt"],
      in: folder)
    #expect(output.contains("\(names.count) of \(images.count) training images"))
  }

  @Test("Images from elsewhere are runs of their own, with the classes that they have")
  func shifts() throws {
    let folder = try prepare()
    let train = try ImageFolder(root: folder.file("data/classification/train"))
    let validation = folder.file("data/classification/val")
    let manager = FileManager.default
    for (label, name) in train.classNames.enumerated() {
      let target = folder.file("numbered/\(label)")
      try manager.createDirectory(
        atPath: folder.file("numbered"), withIntermediateDirectories: true)
      try manager.copyItem(atPath: validation + "/" + name, toPath: target)
    }
    for name in train.classNames.prefix(2) {
      try manager.createDirectory(atPath: folder.file("part"), withIntermediateDirectories: true)
      try manager.copyItem(atPath: validation + "/" + name, toPath: folder.file("part/" + name))
      try manager.createDirectory(atPath: folder.file("mapped"), withIntermediateDirectories: true)
      try manager.copyItem(
        atPath: validation + "/" + name, toPath: folder.file("mapped/my " + name))
    }
    try AtomicFile.write(
      text: "{\"classes\": {\"my \(train.classNames[0])\": [\"\(train.classNames[0])\", "
        + "\"\(train.classNames[2])\"]}}", to: folder.file("mapped/class_map.json"))
    let truth = try ImageFolder(root: validation, classNames: train.classNames)
    let order = (0..<truth.count).sorted {
      (truth.relativePath($0) as NSString).lastPathComponent
        < (truth.relativePath($1) as NSString).lastPathComponent
    }
    // Every image has its own label, the first none, the second also every other.
    let labels = order.enumerated().map { place, index in
      place == 0
        ? "[]" : place == 1 ? "\(Array(0..<train.classNames.count))" : "[\(truth.labels[index])]"
    }
    try AtomicFile.write(text: "[\(labels.joined(separator: ","))]", to: folder.file("real.json"))
    let options =
      swin + [
        "--recipe", "logistic", "--regularizations", "1", "--shifts",
        "v2=numbered,a=part,objects=mapped,real=real.json",
      ]
    let output = try run(options, in: folder)
    #expect(output.contains("The same classifiers on other images"))
    #expect(output.contains("answers are among the 2 classes of a"))
    let found = try folder.results(under: "reports/runs", named: "linear-logistic")
    func of(_ name: String) throws -> RunResult {
      try #require(found.first { $0.data["name"] == name })
    }
    let main = try #require(found.first { $0.data["name"] == "classification" })
    // The same images under other folders: the same answers.
    #expect(try of("v2").metrics["top1"] == main.metrics["top1"])
    let part = try of("a")
    #expect(part.classes.map(\.name) == Array(train.classNames.prefix(2)))
    #expect((part.metrics["top1"]?.value ?? 0) >= 0.5)
    let mapped = try of("objects")
    #expect(mapped.data["classes"] == "1" && mapped.metrics["top1"]?.value == 1)
    let real = try of("real")
    #expect(real.metrics["top1"]?.count == truth.count - 1)
    let again = try ChildProgram.run("bench-linear", base + options, in: folder.path)
    #expect(again.output == output && !again.errors.contains("features 0/"))
    // The classifiers are kept: another set later needs no other training.
    try manager.copyItem(atPath: folder.file("part"), toPath: folder.file("later"))
    let later = try run(options.map { $0.hasPrefix("v2=") ? "later=later" : $0 }, in: folder)
    #expect(later.contains("later |"))
    try AtomicFile.write(text: "[[0]]", to: folder.file("short.json"))
    for (shift, part) in [
      ("none", "--shifts got 'none'"), ("x=missing", "does not exist"),
      ("x=data/classification", "is no class"), ("x=short.json", "labels of 1 images"),
    ] {
      let refused = try ChildProgram.run(
        "bench-linear", base + swin + ["--shifts", shift], in: folder.path)
      #expect(refused.status != 0 && refused.errors.contains(part), "\(refused.errors)")
    }
  }

  @Test("Corrupted images are one run with mCE, whatever corruptions there are")
  func corrupted() throws {
    let folder = try prepare()
    let validation = folder.file("data/classification/val")
    let manager = FileManager.default
    let reference = "reports/reference/imagenet_c.json"
    try AtomicFile.write(
      try FileBytes.read(SourceTree.path(reference)), to: folder.file(reference))
    // Uncorrupted copies as tests see them: corrupted images are crops already, and are seen whole.
    let images = try ImageFolder(root: validation)
    let view = EvaluationTransform(resizeSize: 32, cropSize: 32, filter: .bicubic)
    for place in ["noise/gaussian_noise", "fog"] {
      for severity in 1...5 {
        for index in 0..<images.count {
          let crop = try images.image(index).resized(
            shorterSide: view.resizeSize, filter: view.filter, centerCropped: view.cropSize)
          let name = (images.relativePath(index) as NSString).deletingPathExtension + ".png"
          try AtomicFile.write(
            try ImageFile.png(crop), to: folder.file("c/\(place)/\(severity)/\(name)"))
        }
      }
    }
    let options =
      swin + [
        "--recipe", "logistic", "--regularizations", "1", "--shifts", "c=c",
      ]
    let output = try run(options, in: folder)
    #expect(output.contains("c, mCE over 2 |"))
    let found = try folder.results(under: "reports/runs", named: "linear-logistic")
    let main = try #require(found.first { $0.data["name"] == "classification" })
    let own = try #require(found.first { $0.data["name"] == "c" })
    let error = 1 - (main.metrics["top1"]?.value ?? .nan)
    // The same error in every part.
    #expect(abs((own.metrics["error_fog"]?.value ?? 0) - error) < 1e-12)
    #expect(abs((own.metrics["corruption_error"]?.value ?? 0) - error) < 1e-12)
    let expected = (error / 0.886428 + error / 0.819324) / 2
    let mce = try #require(own.metrics["mce"])
    #expect(abs(mce.value - expected) < 1e-9)
    #expect((mce.interval?.low ?? 1) < mce.value && (mce.interval?.high ?? 0) > mce.value)
    #expect(own.notes.contains { $0.contains("2 of 15 corruptions") })
    try manager.removeItem(atPath: folder.file("c/fog/3"))
    let cut = try ChildProgram.run("bench-linear", base + options, in: folder.path)
    #expect(cut.status != 0 && cut.errors.contains("fog/3"), "\(cut.errors)")
  }

  @Test(
    "Images that are corrupted on the way count as those of a folder that bench-data corrupt made")
  func made() throws {
    let folder = try prepare()
    let reference = "reports/reference/imagenet_c.json"
    try AtomicFile.write(
      try FileBytes.read(SourceTree.path(reference)), to: folder.file(reference))
    let corruptions = ["--corruptions", "fog,contrast,impulse_noise,saturate"]
    let folderMade = try ChildProgram.run(
      "bench-data",
      ["corrupt", "--data", "data/classification", "--output", "c", "--limit", "24"] + corruptions,
      in: folder.path)
    #expect(folderMade.status == 0, "\(folderMade.errors)")
    let options =
      swin + ["--recipe", "logistic", "--regularizations", "1", "--limit", "24"] + corruptions
    let output = try run(options + ["--shifts", "c=c,own=made", "--threads", "2"], in: folder)
    #expect(output.contains("c, mCE over 3 |") && output.contains("own, mCE over 3 |"))
    #expect(output.contains("- own: mCE is relative") && output.contains("3 of 15 corruptions"))
    func of(_ name: String) throws -> (result: RunResult, rows: [JSONValue]) {
      let runs = try ChildProgram.files(under: folder.file("reports/runs")).keys
        .filter { $0.contains("linear-logistic") && $0.contains("-\(name)-") }
      let path = try #require(runs.first { $0.hasSuffix("result.json") })
      #expect(!runs.contains { $0.hasSuffix("corrupted.jsonl") })
      let place = folder.file("reports/runs/" + path)
      return (
        try RunResult(path: place),
        try RecordLines.read(RelativePath.folder(of: place) + "/corruptions.jsonl").rows
      )
    }
    let (kept, own) = (try of("c"), try of("own"))
    let names = ["mce", "corruption_error", "error_fog", "error_contrast", "error_saturate"]
    for name in names {
      #expect(kept.result.metrics[name]?.value == own.result.metrics[name]?.value, "\(name)")
      #expect(own.result.metrics[name]?.value.isFinite == true, "\(name)")
    }
    // Rows of a folder are numbered by what is in it, those of a part of a data set by the whole.
    #expect(own.rows.count == 24 && own.rows.map { $0["fog"] } == kept.rows.map { $0["fog"] })
    for result in [kept.result, own.result] {
      #expect(result.notes.contains { $0.contains("3 of 15 corruptions") })
      #expect(result.notes.contains { $0.contains("with draws of our own") })
      #expect(result.settings["test view"] == "resize 32 bicubic, center crop 32")
    }
    #expect(own.result.settings["severities"] == "1, 2, 3, 4, 5")
    #expect(own.result.settings["scope"] == "3 of 15 corruptions")
    let report = try ChildProgram.run("bench-report", ["build"], in: folder.path)
    #expect(report.status == 0, "\(report.errors)")
    let page = try FileBytes.read(folder.file("reports/comparison/report.md"))
    #expect(
      String(decoding: page, as: UTF8.self).contains(
        "own, logistic, by mCE, over 3 of 15 corruptions"))
    // By one thread the same numbers.
    let runs = folder.file("reports/runs")
    let path = try #require(
      try FileManager.default.contentsOfDirectory(atPath: runs).first { $0.contains("-own-") })
    let before = try FileBytes.read("\(runs)/\(path)/result.json")
    try FileManager.default.removeItem(atPath: "\(runs)/\(path)/result.json")
    _ = try run(options + ["--shifts", "own=made", "--threads", "1"], in: folder)
    #expect(try FileBytes.read("\(runs)/\(path)/result.json") == before)
    // A run that was stopped goes on behind its last whole line: these say that nothing was wrong.
    try FileManager.default.removeItem(atPath: "\(runs)/\(path)/result.json")
    let lines = own.rows.dropLast().compactMap { $0["index"] }.map { index in
      RecordLines.line(
        .object(["index": index, "wrong": .array([.string(String(repeating: "0", count: 20))])]))
    }
    try AtomicFile.write(
      text: lines.joined() + "{\"crc\":", to: "\(runs)/\(path)/corrupted.jsonl")
    _ = try run(options + ["--shifts", "own=made"], in: folder)
    let resumed = try RunResult(path: "\(runs)/\(path)/result.json")
    #expect((resumed.metrics["error_fog"]?.value ?? 1) < 1.0 / 24 + 1e-9)
    #expect((own.result.metrics["error_fog"]?.value ?? 0) > 0.2)
    // Single strengths have no mCE.
    let part = try run(
      options + ["--shifts", "own=made", "--severities", "2,5"], in: folder)
    #expect(part.contains("own, mean error |"))
  }

  @Test("What cannot be made is refused in one sentence")
  func refusedCorruptions() throws {
    let folder = try prepare()
    for (options, part) in [
      (["--corruptions", "fog"], "--shifts c=made asks for them"),
      (["--shifts", "c=made", "--corruptions", "fog,fog"], "name nothing twice"),
      (["--shifts", "c=made", "--corruptions", "frost"], "needs --frost-pictures"),
      (["--shifts", "c=made", "--corruptions", "sleet"], "one of gaussian_noise"),
      (["--shifts", "c=made", "--severities", "6"], "6"),
      (
        ["--shifts", "c=made", "--corruptions", "fog", "--frost-pictures", "x"],
        "--corruptions does not name"
      ),
      (["--shifts", "c=made", "--frost-pictures", "missing"], "missing"),
      // Not after hours of work: the file is not where this program runs.
      (["--shifts", "c=made"], "relative to AlexNet's errors in it; start the program in"),
      (["--dry-run", "--feature-pooling", "class-and-mean"], "--feature-pooling."),
    ] {
      let refused = try ChildProgram.run("bench-linear", base + swin + options, in: folder.path)
      #expect(refused.status != 0 && refused.errors.contains(part), "\(refused.errors)")
    }
  }

  @Test("A border that a set names, or is known for, is cut off")
  func borders() throws {
    let folder = try prepare()
    let train = try ImageFolder(root: folder.file("data/classification/train"))
    let images = try ImageFolder(root: folder.file("data/classification/val"))
    for index in 0..<images.count where images.labels[index] < 2 {
      let image = try images.image(index)
      var framed = RGBImage(width: image.width + 4, height: image.height + 4, red: 255)
      for y in 0..<image.height {
        for x in 0..<image.width * 3 {
          framed.pixels[((y + 2) * framed.width + 2) * 3 + x] =
            image.pixels[y * image.width * 3 + x]
        }
      }
      let name = (images.relativePath(index) as NSString).deletingPathExtension + ".png"
      try AtomicFile.write(try ImageFile.png(framed), to: folder.file("framed/\(name)"))
      try AtomicFile.write(try ImageFile.png(image), to: folder.file("plain/\(name)"))
    }
    let names = try ImageFolder(root: folder.file("plain")).classNames
    #expect(names.count == 2 && train.classNames.count > 2)
    let options = swin + ["--recipe", "logistic", "--regularizations", "1", "--shifts"]
    _ = try run(options + ["objectnet=framed,plain=plain"], in: folder)
    let found = try folder.results(under: "reports/runs", named: "linear-logistic")
    let framed = try #require(found.first { $0.data["name"] == "objectnet" })
    let plain = try #require(found.first { $0.data["name"] == "plain" })
    #expect(framed.metrics["top1"] == plain.metrics["top1"])
    #expect(framed.metrics["loss"] == plain.metrics["loss"])
    #expect(
      framed.settings["test view"]
        == "2 pixels of border cut off, " + (plain.settings["test view"] ?? ""))
    #expect(framed.notes.contains("2 pixels are cut off on every side of its images"))
    let classes = names.map { "\"\($0)\": [\"\($0)\"]" }.joined(separator: ",")
    try AtomicFile.write(
      text: "{\"border\": -1, \"classes\": {\(classes)}}", to: folder.file("framed/class_map.json"))
    let refused = try ChildProgram.run(
      "bench-linear", base + options + ["x=framed"], in: folder.path)
    #expect(refused.status == 65 && refused.errors.contains("'border'"), "\(refused.errors)")
  }

  @Test("Where the mean over classes decides, tables and report say so")
  func meanPerClass() throws {
    let folder = try prepare()
    let recipe =
      swin + [
        "--recipe", "logistic", "--regularizations", "1", "--primary", "mean-per-class",

      ]
    let output = try run(recipe, in: folder)
    #expect(output.contains("mean over classes"))
    let found = try #require(
      try folder.results(under: "reports/runs", named: "linear-logistic").first)
    #expect(found.settings["primary"] == "mean_class")
    let value = try #require(found.metrics["mean_class"])
    #expect(
      abs(
        value.value - found.classes.map(\.measurement.value).reduce(0, +)
          / Double(found.classes.count)) < 1e-12)
    let task = TaskDescription.linear
    #expect(task.metrics(for: [found.settings]).first?.key == "mean_class")
    #expect(!task.metrics(for: [["a": "b"]]).contains { $0.key == "mean_class" })
  }

  @Test("Settings of another kind of classifier are refused")
  func contradictions() throws {
    for (arguments, part) in [
      (["--recipe", "logistic", "--epochs", "3"], "--epochs is not for --recipe logistic"),
      (["--recipe", "logistic", "--no-cached"], "--no-cached"),
      (["--recipe", "dino", "--regularizations", "1"], "--recipe logistic has it"),
      (["--regularizations", "1,1", "--recipe", "logistic"], "twice"),
      (
        ["--held-out", "0.2", "--recipe", "logistic", "--regularizations", "1"], "--regularizations"
      ),
      (["--draws", "3"], "--shots"), (["--shots", "1", "--draws", "2", "--seeds", "0"], "--seeds"),
      (["--shifts", "a=b,a=c"], "twice"),
    ] {
      let error = try #require(throws: UsageError.self, "\(arguments)") {
        try LinearOptions.table.parse(["--backbone", "a.pth"] + arguments)
      }
      #expect("\(error)".contains(part), "\(error)")
    }
    let parsed = try LinearOptions.table.parse(["--backbone", "a.pth", "--shots", "4"]).options
    #expect(parsed.seeds == [0, 1, 2, 3, 4])
  }
}
