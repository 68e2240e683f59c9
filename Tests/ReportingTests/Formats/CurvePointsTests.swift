import FileSupport
import TestSupport
import Testing

@testable import Reporting

@Suite("Points of curves")
struct CurvePointsTests {
  @Test("Runs of every task have points, for TensorBoard and for other loggers")
  func tasks() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised", seeds: [0, 1]) { image, _ in image < 150 }
    try runs.segmentation("Supervised") { 0.6 + 0.002 * Double($0 % 10) }
    let detection = try runs.detection("Supervised", boxAP: 0.4)
    try AtomicFile.write(
      text: [(0, 3.0), (1, 2.5), (2, Double.nan)].map { step, loss in
        RecordLines.line(RunEvent(step: step, values: ["loss": loss, "rate": 0.1]).json)
      }.joined(), to: detection + "/events.jsonl")
    let all = try RunCatalogue(paths: [runs.path]).runs
    #expect(Set(all.map(\.result.task)) == ["linear", "ade20k", "coco"])
    for run in all {
      let points = run.curvePoints
      #expect(points.contains { $0.tag.hasPrefix("final/") }, "\(run.path)")
      #expect(run.eventFile.bytes.count > EventFile().bytes.count)
      let rows = run.stepMetrics.split(separator: "\n").compactMap {
        JSONValue(parsing: Array($0.utf8))
      }
      let steps = rows.compactMap { $0["step"]?.intValue }
      #expect(!rows.isEmpty && steps.count == rows.count && steps == Set(steps).sorted())
      var count = 0
      for row in rows {
        guard case .object(let members) = row else { continue }
        #expect(members.values.allSatisfy { $0.doubleValue != nil })
        count += members.count - 1
      }
      #expect(count == Set(points.map { "\($0.step) \($0.tag)" }).count)
    }
    let coco = try #require(all.first { $0.result.task == "coco" })
    #expect(
      coco.stepMetrics == """
        {"loss":3,"rate":0.1,"step":0}
        {"loss":2.5,"rate":0.1,"step":1}
        {"final/bbox/AP":0.4,"rate":0.1,"step":2}

        """)
  }
}
