import CocoFormat
import CommandLine
import FileSupport
import Foundation
import Reporting
import VisionData

/// The settings of `bench-data check-annotations`.
package struct CheckAnnotationsOptions: CommandOptions {
  var annotations = ""
  var detections: String?
  var perClass = false

  package init() {}

  package static var table: OptionTable<CheckAnnotationsOptions> {
    OptionTable(
      name: "bench-data check-annotations",
      summary: "Count what a COCO file holds and list its faults by id.",
      usage: "--annotations <file> [options]",
      examples: ["swift run bench-data check-annotations --annotations instances_val2017.json"]
    )
    .option(
      "annotations", \.annotations, value: "file", .input, "Annotations: instances_*.json.",
      isRequired: true
    )
    .option("detections", \.detections, value: "file", .input, "Also looks through these results.")
    .flag("per-class", \.perClass, .output, "Also the objects of every class.")
  }
}

/// Looks through a COCO file: `bench-data check-annotations`.
struct CheckAnnotationsCommand {
  let options: CheckAnnotationsOptions

  /// Prints the counts and the faults; the status tells whether a fault changes numbers.
  func run() throws -> ExitCode {
    let set = try CocoAnnotations(path: options.annotations)
    let crowds = set.annotations.count { $0.isCrowd }
    let annotated = set.images.indices.count { !set.annotationIndices(ofImage: $0).isEmpty }
    Console.output(
      "\(set.path): \(set.images.count) images, \(annotated) with objects; "
        + "\(set.annotations.count) objects, \(crowds) crowds; \(set.categories.count) categories")
    if options.perClass { Console.output("\n" + classTable(set).markdown) }
    var worst = report(set.findings)
    if let path = options.detections {
      let found = try CocoDetections(path: path, groundTruth: set)
      Console.output("\(found.path): \(found.detections.count) detections")
      worst = max(worst, report(found.findings))
    }
    return worst == .error ? .gateFailed : .success
  }

  private func report(_ findings: CocoFindings) -> FindingSeverity {
    if findings.total > 0 { Console.output(findings.text(describing: 10)) }
    return findings.worst ?? .note
  }

  private func classTable(_ set: CocoAnnotations) -> Table {
    var objects = [Int](repeating: 0, count: set.categories.count)
    var crowds = objects
    for annotation in set.annotations {
      objects[annotation.category] += 1
      if annotation.isCrowd { crowds[annotation.category] += 1 }
    }
    var table = Table(
      caption: "Objects by class",
      columns: [
        Table.Column("id"), Table.Column("class", isNumeric: false), Table.Column("objects"),
        Table.Column("crowds"),
      ])
    for index in set.categoriesByLabel {
      table.add([
        "\(set.categories[index].id)", set.categories[index].name, "\(objects[index])",
        "\(crowds[index])",
      ])
    }
    return table
  }
}
