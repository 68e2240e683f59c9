import Evaluation
import FileSupport
import Foundation
import Models
import Reporting
import TestSupport
import Testing

@Suite("Comparison", .timeLimit(.minutes(5)))
struct ComparisonTests {
  @Test("Rows are compared with the supervised one by McNemar's test, corrected over the report")
  func verdicts() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    try runs.linear("MoBY") { image, _ in image < 145 && image != 3 || image == 160 }
    try runs.linear("Random") { image, _ in image % 4 == 0 }
    let comparison = try runs.comparison()
    let section = try #require(comparison.sections.first)
    #expect(section.rows.map(\.name) == ["Supervised", "MoBY", "Random"])
    #expect(section.rows.map(\.isBaseline) == [true, false, false])
    let moby = try #require(section.rows[1].cells["top1"])
    let delta = try #require(moby.delta)
    let pair = PairedProportions(onlyFirst: 1, onlySecond: 6, count: 200)
    #expect(delta.difference == PairedDifference(pair) && delta.role == .primary)
    #expect(delta.estimate == -5.0 / 200 && delta.verdict == .undecided)
    #expect(delta.pValue == Proportions.mcNemar(onlyFirst: 1, onlySecond: 6))
    #expect(delta.level == 0.05 && delta.interval.map { $0.low <= 0 && 0 <= $0.high } == true)
    let random = try #require(section.rows[2].cells["top1"]?.delta)
    #expect(random.verdict == .worse && random.adjustedPValue < 1e-9)
    #expect(section.rows[0].cells["top1"]?.delta == nil)
    #expect(comparison.testCount == 2)
    #expect(random.adjustedPValue == min(1, 2 * random.pValue) && random.level == 0.025)
    #expect(comparison.family == ["linear/moby/top1", "linear/random/top1"])
    #expect(
      comparison.markdown.contains("the family of 2 under Holm's correction: linear/moby/top1"))
    let detectable = section.detectable(testCount: 2)
    #expect(detectable.map(\.metric.key) == ["top1"])
    #expect(detectable[0].all > detectable[0].alone && detectable[0].alone > 0.05)
  }

  @Test("Every recipe and every number of shots has a table with verdicts of its own")
  func questions() throws {
    let runs = try SyntheticRuns()
    for (slug, settings) in [
      ("", [:]), ("-dino", ["recipe": "dino"]), ("-shots", ["recipe": "logistic", "shots": "5"]),
      ("-mean", ["primary": "mean_class"]),
    ] as [(String, [String: String])] {
      try runs.linear("Supervised", settings: settings, slug: "s" + slug) { image, _ in image < 150
      }
      try runs.linear("MoBY", settings: settings, slug: "m" + slug) { image, _ in image < 100 }
    }
    let comparison = try runs.comparison()
    #expect(
      Set(comparison.sections.compactMap { $0.data["name"] }) == [
        "sample", "sample, dino", "sample, logistic, 5 shots",
        "sample, by mean over classes",
      ])
    for section in comparison.sections {
      #expect(section.rows.map(\.name) == ["Supervised", "MoBY"])
      #expect(section.rows[1].cells["top1"]?.delta?.verdict == .worse)
      #expect(section.rows.allSatisfy { $0.deviations.isEmpty })
    }
    #expect(Set(comparison.sections.map(\.id)).count == 4)
  }

  @Test(
    "Too few disagreements for any word are said to be too few, and trainings on few images careful"
  )
  func tooFew() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised", images: 24) { image, _ in image < 12 }
    try runs.linear("MoBY", images: 24) { image, _ in image < 17 }
    try runs.linear("Random", images: 24) { image, _ in image == 23 }
    let comparison = try runs.comparison()
    let section = try #require(comparison.sections.first)
    let moby = try #require(section.rows.first { $0.name == "MoBY" }?.cells["top1"]?.delta)
    #expect(moby.verdict == .undecided && moby.difference.leastPValue == 2.0 / 32)
    let reason =
      "no result could be called at 5 % where the two disagree on 5 of 24 images: it takes at least 6"
    let note = "MoBY against Supervised, top-1: " + reason
    #expect(comparison.markdown.contains("is undecided (\(reason))"))
    #expect(comparison.markdown.contains(note) && comparison.html.contains(note))
    // Thirteen disagreements reach 5 % often enough, but less often than its name says.
    let random = try #require(section.rows.first { $0.name == "Random" }?.cells["top1"]?.delta)
    #expect(random.verdict == .worse)
    #expect(
      random.explanation.contains("of equal methods that disagree so often it calls 2.2 % at"))
    let trained = try SyntheticRuns()
    for (name, edge) in [("Supervised", 60), ("MoBY", 70)] {
      try trained.linear(name, images: 100, seeds: [0, 1, 2]) { $0 < edge + $1 }
    }
    #expect(
      try trained.comparison().markdown.contains(
        "several trainings on fewer than 500 images: by simulation the test then calls fewer than 5 %"
      ))
  }

  @Test("Seeds give mean, deviation and all values, and the variance splits in two")
  func seeds() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised", seeds: [0, 1, 2]) { image, seed in (image + seed) % 10 < 7 }
    // One network's seeds may also lie in runs of their own.
    for seed in 0..<2 {
      try runs.linear("MoBY", seeds: [seed], slug: "moby-\(seed)") { image, seed in
        image < 120 + 10 * seed
      }
    }
    let section = try #require(try runs.comparison().sections.first)
    #expect(section.rows.map(\.runs.count) == [1, 2])
    let moby = try #require(section.rows[1].cells["top1"])
    #expect(moby.seeds?.values == [0.6, 0.65])
    #expect(abs(moby.value - 0.625) < 1e-12)
    let delta = try #require(moby.delta)
    let seeded = try #require(delta.seeded)
    let variance = seeded.imageVariance + seeded.trainingVariance
    #expect(abs(variance - delta.standardError * delta.standardError) < 1e-12)
    #expect(seeded.imageVariance > 0 && seeded.freedom >= 1)
    #expect(abs(delta.estimate - (0.625 - 0.7)) < 1e-12)
    #expect(delta.explanation.contains("% of the variance is due to trainings"))
    #expect(delta.explanation.contains("about these checkpoints, not about their methods"))
  }

  @Test("mIoU is compared by swapping, and the outcome is kept for the next report")
  func resampling() throws {
    let runs = try SyntheticRuns()
    try runs.segmentation("Supervised") { 0.6 + 0.02 * Double($0 % 10) }
    try runs.segmentation("MoBY") { 0.7 + 0.02 * Double($0 % 7) }
    let cache = runs.folder.file("cache")
    let first = try runs.comparison { $0.cache = cache }
    let delta = try #require(first.sections.first?.rows[1].cells["mIoU"]?.delta)
    guard case .studentized(.swaps(let swaps)) = delta.difference.test else {
      Issue.record("tested as \(delta.difference.test)")
      return
    }
    #expect(swaps.values.count == 1001 && !swaps.isExact)
    #expect(delta.verdict == .better && delta.interval.map { $0.low > 0 } == true)
    #expect(delta.imageCount == 60)
    #expect(try FileManager.default.contentsOfDirectory(atPath: cache).count == 1)
    let second = try runs.comparison { $0.cache = cache }
    #expect(second.sections.first?.rows[1].cells["mIoU"]?.delta == delta)
    let fresh = try runs.comparison()
    #expect(fresh.sections.first?.rows[1].cells["mIoU"]?.delta == delta)
  }

  @Test("One training a side is not judged; from two on the trainings' spread is in the verdict")
  func trainings() throws {
    let runs = try SyntheticRuns()
    let once = ["seeds": "0", "iterations": "160000"]
    try runs.segmentation("Supervised", settings: once) { 0.6 + 0.02 * Double($0 % 10) }
    try runs.segmentation("MoBY", settings: once) { 0.7 + 0.02 * Double($0 % 7) }
    let single = try runs.comparison()
    let cell = try #require(single.sections.first?.rows[1].cells["mIoU"])
    #expect(cell.delta == nil && cell.rawDifference.map { $0 > 0.02 } == true)
    #expect(cell.untested?.contains("one training of MoBY") == true)
    #expect(single.testCount == 0)
    for text in [single.markdown, single.html, single.csv, single.latex, single.json.text()] {
      #expect(text.contains("not judged") || text.contains("not_judged"))
      #expect(!text.contains("is better"))
    }
    for name in ["Supervised", "MoBY"] {
      for seed in 1...2 {
        try runs.segmentation(
          name, slug: "\(name)-\(seed)", settings: ["seeds": "\(seed)", "iterations": "160000"]
        ) { (name == "MoBY" ? 0.7 : 0.6) + 0.01 * Double(seed) + 0.02 * Double($0 % 7) }
      }
    }
    let several = try runs.comparison()
    let delta = try #require(several.sections.first?.rows[1].cells["mIoU"]?.delta)
    #expect(delta.seeded != nil && delta.verdict == .better && several.testCount == 1)
    #expect(several.sections[0].rows[1].cells["mAcc"]?.delta?.role == .exploratory)
  }

  @Test("Checkpoints of a group are one row about the method; probes of one are averaged")
  func groups() throws {
    let runs = try SyntheticRuns()
    for (name, share) in [("Supervised", 150), ("MoBY", 120)] {
      for checkpoint in 0..<3 {
        try runs.linear(
          "\(name) \(checkpoint)", seeds: [0, 1], slug: "\(name)-\(checkpoint)", group: name
        ) { image, seed in image < share + 4 * checkpoint + seed }
      }
    }
    let section = try #require(try runs.comparison().sections.first)
    #expect(section.rows.map(\.name) == ["Supervised", "MoBY"])
    let delta = try #require(section.rows[1].cells["top1"]?.delta)
    #expect(delta.scope.hasPrefix("about the methods"))
    let checkpoints = (0..<3).map { checkpoint in
      [150, 120].map { share in
        (0..<200).map { image -> Double in
          (image < share + 4 * checkpoint ? 0.5 : 0)
            + (image < share + 4 * checkpoint + 1 ? 0.5 : 0)
        }
      }
    }
    let direct = SeededDifference(
      first: checkpoints.map { $0[1] }, second: checkpoints.map { $0[0] })
    #expect(abs(delta.estimate - direct.difference.estimate) < 1e-12)
    #expect(abs((delta.seeded?.freedom ?? 0) - direct.freedom) < 1e-6)
  }

  @Test("The same predictions are one training, and under two methods the report says so")
  func samePredictions() throws {
    let runs = try SyntheticRuns()
    for (name, group, hash) in [
      ("A1", "A", "predictions 1"), ("A2", "A", "predictions 1"), ("A3", "A", "predictions 2"),
      ("B1", "B", "predictions 2"),
    ] {
      let path =
        try runs.linear(name, slug: name, group: group) { image, _ in image < 120 }
        + "/result.json"
      var result = try RunResult(path: path)
      result.settings["made"] = RunResult.madeElsewhere
      result.backbone["sha256"] = hash
      try AtomicFile.write(text: result.json.text(), to: path)
    }
    let section = try #require(try runs.comparison().sections.first)
    #expect(section.rows.map(\.runs.count).sorted() == [1, 2])
    let notes = section.notes.joined(separator: "\n")
    #expect(notes.contains("A2 is of the same predictions as "), "\(notes)")
    #expect(notes.contains("B1 are of the same predictions under two names"), "\(notes)")
  }

  @Test("A margin makes a small difference equivalent, and is named with its source")
  func margins() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised", images: 2000) { image, _ in image < 1500 }
    try runs.linear("MoBY", images: 2000) { image, _ in image < 1499 && image != 7 || image == 1600
    }
    let usual = try runs.comparison()
    let delta = try #require(usual.sections.first?.rows[1].cells["top1"]?.delta)
    #expect(delta.verdict == .equivalent && delta.margin?.value == 0.005)
    #expect(usual.markdown.contains("is equivalent to Supervised within 0.50 points"))
    #expect(usual.markdown.contains("Picard 2021"))
    let strict = try runs.comparison {
      $0.margins = Margins(points: ["top1=0.05"]) ?? .published
    }
    #expect(strict.sections.first?.rows[1].cells["top1"]?.delta?.verdict == .undecided)
    #expect(strict.markdown.contains("against Supervised is undecided ("))
    for wrong in [["top1"], ["top1=0"], ["top1=x"], ["top9=1"], ["top1=1=2"]] {
      #expect(Margins(points: wrong) == nil, "\(wrong)")
    }
    let metric = try #require(TaskDescription.coco.metrics.first { $0.key == "segm/AP" })
    #expect(Margins(points: ["AP=0.7"])?.margin(of: metric)?.value == 0.7 / 100)
  }

  @Test("No form of a report says tie")
  func words() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    try runs.linear("MoBY") { image, _ in image < 149 }
    let comparison = try runs.comparison()
    for text in [
      comparison.markdown, comparison.html, comparison.csv, comparison.latex,
      comparison.json.text(),
    ] {
      #expect(text.contains("undecided"))
      #expect(text.firstMatch(of: /\b[Tt]ies?\b/) == nil)
    }
  }

  @Test("Another protocol is marked and not tested")
  func mixedProtocols() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    try runs.linear("MoBY", settings: ["epochs": "60"]) { image, _ in image < 20 }
    let comparison = try runs.comparison()
    let row = try #require(comparison.sections.first?.rows[1])
    #expect(row.deviations == ["epochs 60 instead of 100"])
    #expect(row.markedName == "MoBY †")
    #expect(row.cells["top1"]?.delta == nil && row.cells["top1"]?.untested == "another protocol")
    #expect(comparison.testCount == 0)
    #expect(comparison.markdown.contains("† MoBY: another protocol, so it is not compared"))
  }

  @Test("Other data or another number of images never enter the same table")
  func mixedData() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    try runs.linear("MoBY", images: 100) { image, _ in image < 80 }
    try runs.linear("DINO", data: ["validation": "w"]) { image, _ in image < 80 }
    let comparison = try runs.comparison()
    #expect(comparison.sections.map(\.rows.count) == [1, 1, 1])
    let ids = comparison.sections.map(\.id)
    #expect(Set(ids).count == 3 && ids.allSatisfy { $0.hasPrefix("linear-") })
    #expect(comparison.remarks.contains { $0.contains("3 tables") })
    #expect(comparison.testCount == 0)
  }

  @Test("Without a supervised run nothing is compared until a baseline is named")
  func baseline() throws {
    let runs = try SyntheticRuns()
    try runs.linear("MoBY") { image, _ in image < 150 }
    try runs.linear("DINO, self-supervised") { image, _ in image < 20 }
    let silent = try runs.comparison()
    #expect(silent.testCount == 0)
    #expect(silent.sections.first?.notes.first?.contains("name one with --baseline") == true)
    let named = try runs.comparison { $0.baseline = "moby" }
    #expect(named.testCount == 1 && named.sections.first?.baselines.map(\.name) == ["MoBY"])
    let error = #expect(throws: FileError.self) { try runs.comparison { $0.baseline = "BYOL" } }
    #expect(error?.description.contains("DINO, self-supervised, MoBY") == true)
  }

  @Test("Each network has a baseline of its own where there is one")
  func networks() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    try runs.linear("Supervised", slug: "s2", architecture: "DeiT-S") { image, _ in image < 100 }
    try runs.linear("MoBY", architecture: "DeiT-S") { image, _ in image < 180 }
    let section = try #require(try runs.comparison().sections.first)
    #expect(section.baselines.count == 2)
    let moby = try #require(section.rows.first { $0.name == "MoBY" })
    #expect(moby.cells["top1"]?.delta?.estimate == 0.4 && moby.baselineNetwork == nil)
  }

  @Test("Another network is no other protocol, however a task names it in its settings")
  func networksInSettings() throws {
    let runs = try SyntheticRuns()
    let networks = [("Supervised", "Swin-T"), ("MoBY", "Swin-S"), ("DINO", "DeiT-S")]
    for (at, (name, network)) in networks.enumerated() {
      try runs.segmentation(
        name, architecture: network,
        settings: ["network": "UPerNet \(network)", "groups": "\(1 << at)", "iterations": "160000"]
      ) { _ in 0.5 + Double(at) / 10 }
      try runs.detection(
        name, boxAP: 0.4, architecture: network,
        settings: ["network": network, "detector": "Mask R-CNN"])
    }
    // A whole network is named with what is around its backbone.
    try runs.segmentation(
      "BYOL", architecture: "UPerNet Swin-B", settings: ["network": "UPerNet Swin-B"]
    ) { _ in 0.5 }
    let sections = try runs.comparison().sections
    #expect(sections.map(\.task.name) == ["coco", "ade20k"])
    for row in sections.flatMap(\.rows) where row.name != "BYOL" {
      #expect(row.deviations.isEmpty, "\(row.name): \(row.deviations)")
      #expect(row.baselineNetwork == (row.isBaseline ? nil : "Swin-T"))
    }
    let moby = try #require(sections[1].rows.first { $0.name == "MoBY" })
    #expect(moby.cells["mIoU"]?.untested != "another protocol")
    // What is around it is protocol.
    let whole = try #require(sections[1].rows.first { $0.name == "BYOL" })
    #expect(whole.deviations.contains { $0.hasPrefix("no iterations") })
    #expect(sections[1].rows[0].run.protocolSettings["network"] == "UPerNet")
    #expect(sections[0].rows[0].run.protocolSettings["network"] == nil)
    #expect(sections[0].rows[0].run.result.settings["network"] == "Swin-T")
  }

  @Test("A row without a baseline of its network is compared with another and marked in every form")
  func foreignBaseline() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    try runs.linear("MoBY", architecture: "DeiT-S") { image, _ in image < 180 }
    let comparison = try runs.comparison()
    let row = try #require(comparison.sections.first?.rows.last)
    #expect(row.baselineNetwork == "Swin-T" && row.markedName == "MoBY ‡")
    for text in [comparison.markdown, comparison.html] {
      #expect(text.contains("no baseline of network DeiT-S; compared with one of Swin-T"))
    }
    try runs.linear("DINO", architecture: "ViT-B/8") { image, _ in image < 170 }
    let more = try runs.comparison().markdown
    #expect(
      more.contains("‡ MoBY, DINO: no baseline of their networks; compared with one of Swin-T"))
    // Of other data, and so of a table of its own.
    try runs.linear("BYOL", data: ["name": "flowers", "validation": "w"]) { image, _ in image < 9 }
    let other = try runs.comparison { $0.baseline = "BYOL" }
    #expect(other.markdown.contains("BYOL is not among these, so nothing is compared"))
    try FileManager.default.removeItem(atPath: runs.path + "/linear-byol")
    try FileManager.default.removeItem(atPath: runs.path + "/linear-dino")
    #expect(comparison.latex.contains("MoBY $^\\ddagger$"))
    let json = comparison.json["sections"]?.arrayValue?.first?["rows"]?.arrayValue?.last
    #expect(json?["baseline_network"]?.stringValue == "Swin-T")
    let source = comparison.provenance(of: "linear/moby/top1")
    #expect(source?.facts.contains { $0.name == "baseline" && $0.text.contains("Swin-T") } == true)
  }

  @Test("Truncated, edited and newer results are named and left out; old ones get a remark")
  func damagedRuns() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    for name in ["cut", "edited", "newer", "records", "old", "unfinished"] {
      try runs.linear(name) { image, _ in image < 100 }
    }
    func change(_ name: String, _ edit: (String) -> String) throws {
      let path = "\(runs.path)/linear-\(name)/result.json"
      let text = String(decoding: try FileBytes.read(path), as: UTF8.self)
      let changed = edit(text)
      #expect(changed != text)
      try AtomicFile.write(text: changed, to: path)
    }
    try change("cut") { String($0.prefix(300)) }
    try change("edited") { $0.replacing("\"value\": 0.5", with: "\"value\": 0.9") }
    try change("newer") { $0.replacing("\"schema\": 2", with: "\"schema\": 7") }
    try change("old") { text in
      text.split(separator: "\n").filter { !$0.contains("\"digest\"") }.joined(separator: "\n")
    }
    let records = "\(runs.path)/linear-records/records.jsonl"
    let lines = String(decoding: try FileBytes.read(records), as: UTF8.self)
    try AtomicFile.write(text: String(lines.dropLast(90)), to: records)
    let unfinished = "\(runs.path)/linear-unfinished"
    try FileManager.default.moveItem(
      atPath: unfinished + "/result.json", toPath: unfinished + "/protocol.json")
    let comparison = try runs.comparison()
    let reasons = comparison.leftOut.map(\.reason)
    #expect(
      reasons == [
        "is cut off or no JSON; run the benchmark again",
        "was edited after it was written; run the benchmark again",
        "has schema 7, this program reads up to 2; update it",
        "is not the file that the result was made from; run the benchmark again",
        "does not exist; check the path",
      ])
    #expect(comparison.sections.first?.rows.map(\.name) == ["Supervised", "old"])
    #expect(comparison.remarks.contains { $0.contains("linear-old") && $0.contains("digest") })
    for text in [comparison.markdown, comparison.html, comparison.json.text()] {
      #expect(text.contains("was edited after it was written"))
    }
  }

  @Test("A number's provenance names weights, data, protocol, n and command line")
  func provenance() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    try runs.linear("MoBY") { image, _ in image < 145 }
    let comparison = try runs.comparison()
    let source = try #require(comparison.provenance(of: "linear/moby/top1"))
    for part in [
      "weights-of-MoBY", "200 images", "epochs=100", "bench-linear --backbone MoBY.pth",
      "exact McNemar test", "after Holm's correction over 1 primary numbers",
    ] {
      #expect(source.text.contains(part), "no '\(part)' in \(source.text)")
    }
    #expect(source.facts.contains { $0.name == "data, validation" && $0.text == "v" })
    #expect(comparison.provenance(of: "linear/moby/top9") == nil)
  }

  @Test("Two runs side by side: protocol differences first, then tested numbers")
  func difference() throws {
    let runs = try SyntheticRuns()
    let first = try runs.linear("Supervised") { image, _ in image < 150 }
    let second = try runs.linear("MoBY", settings: ["epochs": "60"]) { image, _ in image < 100 }
    let text = try RunComparison(StoredRun(folder: first), StoredRun(folder: second)).markdown
    let lines = text.split(separator: "\n").map(String.init)
    let place = try #require(lines.firstIndex { $0.contains("epochs") && $0.contains("60") })
    let number = try #require(lines.firstIndex { $0.contains("top-1") && $0.contains("worse") })
    #expect(place < number)
    #expect(lines[number].contains("−25.00"))
    let other = try runs.linear("DINO", images: 50) { image, _ in image < 9 }
    let apart = try RunComparison(StoredRun(folder: first), StoredRun(folder: other)).markdown
    #expect(apart.contains("would mean nothing"))
  }

  @Test("A check passes inside the room, fails outside, and fails when nothing was compared")
  func check() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    let folder = runs.folder.file("reference")
    func write(
      _ value: Double, images: Int = 200, method: String = "Supervised", network: String = "Swin-T"
    ) throws {
      try AtomicFile.write(
        text: """
          {"schema": 1, "title": "t", "origin": "measured",
          "check": {"task": "linear", "images": \(images), "tolerance": 0.02},
          "figures": [{"method": "\(method)", "architecture": "\(network)", "epochs": null,
          "metric": "top1", "value": \(value), "source": "s", "protocol": "p", "verified": true}]}
          """, to: folder + "/f.json")
    }
    let comparison = try runs.comparison()
    try write(0.765)
    #expect(try ReferenceCheck(comparison, folder: folder).passes)
    try write(0.775)
    let outside = try ReferenceCheck(comparison, folder: folder)
    #expect(!outside.passes && outside.table.markdown.contains("OUTSIDE"))
    for (images, method) in [(100, "Supervised"), (200, "DINO")] {
      try write(0.75, images: images, method: method)
      let nothing = try ReferenceCheck(comparison, folder: folder)
      #expect(nothing.findings.isEmpty && !nothing.passes)
    }
    try write(0.75, network: "swin_tiny")
    #expect(try ReferenceCheck(comparison, folder: folder).findings.isEmpty)
    let names = [["DeiT-S", "deit_s"], ["Swin-T", "swin_tiny"]]
    #expect(try ReferenceCheck(comparison, folder: folder, synonyms: names).passes)
    #expect(throws: FileError.self) { try ReferenceCheck(comparison, folder: "no/folder") }
  }

  @Test("Images whose outcome changed stand by how much, with what both said")
  func gallery() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    let moby = try runs.linear("MoBY") { image, _ in (2..<152).contains(image) }
    try RunImages(
      root: "data/val", indices: Array(0..<200), paths: (0..<200).map { "swan/\($0).png" }
    ).write(to: moby)
    let comparison = try runs.comparison {
      $0.galleryCount = 3
      $0.pictures = { row, base, images in
        #expect(row.name == "MoBY" && base.name == "Supervised")
        return images.map { image in
          image != 0
            ? GalleryPictures(missing: ["no picture of <\(image)>"])
            : GalleryPictures(pictures: [
              .init(caption: "seen by \"both\"", bytes: [1, 2, 3], mediaType: "image/png")
            ])
        }
      }
    }
    let images = try #require(comparison.sections.first?.details.first?.images)
    #expect(images.map(\.index) == [150, 151, 1, 0])
    #expect(images.map { $0.gain > 0 } == [true, true, false, false])
    #expect(images[0].path == "swan/150.png" && images[0].truth == "swan")
    #expect(images[0].baseline == "goose" && images[0].outcome == "swan")
    let page = comparison.html
    #expect(page.contains("data:image/png;base64,AQID"))
    #expect(page.contains("no picture of &lt;150&gt;") && page.contains("seen by &quot;both&quot;"))
    // Every image is the target of its own link, and leads back.
    let anchor = try #require(comparison.sections.first?.details.first?.anchor)
    #expect(
      page.contains("id=\"images-\(anchor)-0\"") && page.contains("href=\"#images-\(anchor)-0\""))
    #expect(page.contains("href=\"#images-\(anchor)\" aria-label=\"Close\""))
  }
}
