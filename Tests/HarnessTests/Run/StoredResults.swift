import Foundation
import Reporting
import TestSupport

extension TemporaryDirectory {
  /// The results of the runs that a program left in a folder of it, by their folders' names.
  ///
  /// - Parameter part: What these names hold.
  func results(under output: String, named part: String = "") throws -> [RunResult] {
    try ChildProgram.files(under: file(output)).keys
      .filter { (part.isEmpty || $0.contains(part)) && $0.hasSuffix("result.json") }.sorted()
      .map { try RunResult(path: file(output + "/" + $0)) }
  }
}
