import Testing

@testable import Harness
@testable import Models

@Suite("Pixels that a file says it was trained with")
struct UsualPixelsTests {
  private func report(_ normalization: [[Float]]?) -> LoadReport {
    var report = LoadReport(
      path: "f.pth", sha256: "", format: "", layout: "", source: "", architecture: "Swin-T")
    report.normalization = normalization
    return report
  }

  @Test("ImageNet's and unsaid ones are taken, others refused")
  func refusal() throws {
    try report(nil).requireUsualPixels()
    try report([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).requireUsualPixels()
    // As OpenMMLab writes them, from 0 to 255.
    let wide: [[Float]] = [[123.675, 116.28, 103.53], [58.395, 57.12, 57.375]]
    try report(wide.map { $0.map { $0 / 255 } }).requireUsualPixels()
    let error = try #require(throws: CheckpointError.self) {
      try report([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]).requireUsualPixels()
    }
    #expect(error.description.hasPrefix("f.pth: was trained with pixels of mean [0.5, 0.5, 0.5]"))
  }
}
