import CommandLine
import Foundation
import VisionData

/// Which files hold a detection data set, where no layout says so.
package struct DetectionFileOptions: Sendable {
  package var training: String?
  package var validation: String?
  /// The folder of all images, or that of the training images and that of the others.
  package var images: [String] = []

  package init() {}

  /// The options.
  package static var table: OptionTable<DetectionFileOptions> {
    OptionTable()
      .option(
        "train-annotations", \.training, value: "file", .input,
        "COCO file of the training images, whatever its name; instead of --data."
      )
      .option(
        "val-annotations", \.validation, value: "file", .input,
        "COCO file of the validation images."
      )
      .option(
        "images", \.images, value: "folder,…", .input,
        "Folder of the images that these files name, or two: training, validation. Without it "
          + "beside the files."
      )
  }

  /// Whether files are named.
  package var isGiven: Bool { training != nil || validation != nil }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  package func validate(
    data: String?, needsTraining: Bool, needsValidation: Bool
  ) throws(UsageError) {
    guard isGiven else {
      guard images.isEmpty else {
        throw .conflict("--images goes with --train-annotations and --val-annotations.")
      }
      return
    }
    guard data == nil else {
      throw .conflict("give --data, or --train-annotations and --val-annotations, not both.")
    }
    guard images.count <= 2 else {
      throw .conflict("--images takes one folder, or two: of training and of validation images.")
    }
    guard training != nil || !needsTraining else {
      throw .conflict("--val-annotations needs --train-annotations, too, unless --eval-only.")
    }
    guard validation != nil || !needsValidation else {
      throw .conflict("--train-annotations needs --val-annotations, too.")
    }
  }

  /// The layout of the named files; nil where none is named.
  package var layout: DetectionLayout? {
    isGiven
      ? DetectionLayout(training: training, validation: validation, images: images) : nil
  }
}
