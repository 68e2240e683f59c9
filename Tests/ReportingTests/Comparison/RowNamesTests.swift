import FileSupport
import Testing

@testable import Reporting

@Suite("Names of rows and tables")
struct RowNamesTests {
  private func names(
    _ rows: [(name: String, network: String, key: String)]
  ) -> RowNames {
    RowNames(
      names: rows.map(\.name), networks: rows.map(\.network), keys: rows.map(\.key), task: "coco")
  }

  @Test("Equal names are told apart by their networks, else by what they are")
  func twins() {
    let networks = names([("checkpoint", "Swin-T", "aaaa00"), ("checkpoint", "DeiT-S", "bbbb00")])
    #expect(networks.slugs == ["checkpoint-swin-t", "checkpoint-deit-s"])
    #expect(networks.titles == ["checkpoint (Swin-T)", "checkpoint (DeiT-S)"])
    let keys = names([("checkpoint", "Swin-T", "aaaa00"), ("Checkpoint", "Swin-T", "bbbb00")])
    #expect(keys.slugs == ["checkpoint-aaaa00", "checkpoint-bbbb00"])
    #expect(keys.titles == ["checkpoint (aaaa00)", "Checkpoint (bbbb00)"])
    #expect(Set(names([("a-b", "x", "1"), ("a", "b", "2"), ("a", "c", "3")]).slugs).count == 3)
  }

  @Test("A row's fragment is the same in whatever order and company it stands")
  func fragments() {
    let rows = [("MoBY", "Swin-T", "k1"), ("MoBY", "DeiT-S", "k2"), ("../x", "y", "k3")]
    let all = names(rows).anchors
    #expect(Set(all).count == 3 && all[2] == "coco-x-k3")
    #expect(Array(names(rows.reversed()).anchors.reversed()) == all)
    for (row, anchor) in zip(rows, all) { #expect(names([row]).anchors == [anchor]) }
  }

  @Test("Tables of one task are named by their data; a name is never a path")
  func tables() {
    #expect(RowNames.sections(task: "linear", data: [["name": "sample"]]) == ["linear"])
    let two = [["name": "val", "test": "1"], ["name": "test", "test": "2"]]
    #expect(RowNames.sections(task: "linear", data: two) == ["linear-val", "linear-test"])
    let same = RowNames.sections(task: "a", data: [["test": "1"], ["test": "2"]])
    #expect(Set(same).count == 2)
    #expect(
      RowNames.sections(task: "a", data: [["test": "2"], ["test": "1"]]) == same.reversed())
    #expect(RowNames.sections(task: "../../x\"><b>", data: [[:]]) == ["x-b"])
  }
}
