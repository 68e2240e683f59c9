import Foundation
import Inspection
import SampleData
import VisionData

extension DetectionFileOptions {
  /// Where the program's data are, and their name in tables.
  ///
  /// - Throws: `DatasetError` for a folder without annotations.
  func layout(_ context: RunContext) throws -> (DetectionLayout, name: String) {
    if let layout, let file = validation ?? training {
      return (layout, ((file as NSString).lastPathComponent as NSString).deletingPathExtension)
    }
    let source = try context.source(\.instancesPath)
    return (try DetectionLayout.expect(source.root), source.name)
  }
}
