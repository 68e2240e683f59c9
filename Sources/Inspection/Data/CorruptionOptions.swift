import CommandLine
import VisionData

extension Corruption: OptionChoice {}

/// Which corrupted images are made from the images themselves.
package struct CorruptionOptions: Sendable {
  package var names: [Corruption] = []
  package var severities: [Int] = []
  package var frostPictures: String?

  package init() {}

  /// Names of the options.
  package static let names = ["corruptions", "severities", "frost-pictures"]

  /// The options.
  package static var table: OptionTable<CorruptionOptions> {
    OptionTable()
      .option(
        "corruptions", \.names, value: "list", .protocolSettings,
        "Which corruptions of ImageNet-C are made. Without it its fifteen; the last four are extra ones."
      )
      .option(
        "severities", \.severities, in: .within(1, 5), value: "list", .protocolSettings,
        "In which strengths. Without it all five, which mCE needs."
      )
      .option(
        "frost-pictures", \.frostPictures, value: "folder", .input,
        "Pictures that the corruption frost lays over images, frost1.png to frost6.jpg of the published "
          + "code. Without them frost is left out."
      )
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  package func validate() throws(UsageError) {
    guard Set(names).count == names.count, Set(severities).count == severities.count else {
      throw .conflict("--corruptions and --severities name nothing twice.")
    }
    guard !names.contains(.frost) || frostPictures != nil else {
      throw .conflict("--corruptions names frost, which needs --frost-pictures.")
    }
    guard frostPictures == nil || names.isEmpty || names.contains(.frost) else {
      throw .conflict("--frost-pictures is about frost, which --corruptions does not name.")
    }
  }

  /// What is made.
  ///
  /// - Throws: What reading the pictures of frost throws.
  package func made() throws -> MadeCorruptions {
    let frost = try frostPictures.map {
      try FrostPictures(folder: $0, side: MadeCorruptions.crop.cropSize)
    }
    let chosen =
      names.isEmpty ? Corruption.benchmark.filter { $0 != .frost || frost != nil } : names
    return MadeCorruptions(
      chosen, severities: severities.isEmpty ? Array(Corruption.severities) : severities,
      frost: frost)
  }
}
