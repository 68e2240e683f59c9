import CommandLine
import FileSupport
import Loading
import Models
import Protocols
import Reporting

/// What both programs, of probes and of fine-tuned networks, take of the options.
extension LinearOptions {
  /// What a run says of the images and seeds that it was asked for.
  ///
  /// - Throws: `FileError` when the list of training images cannot be read.
  func runSettings(_ data: FrozenData) throws(FileError) -> [String: String] {
    var list = [
      "limit": self.data.limit.map(String.init) ?? "all", "seeds": seeds.argument,
      "branch": backbone.branch.rawValue, "on-bad-image": self.data.onBadImage.rawValue,
    ]
    if let trainList {
      list["train list"] =
        "\(data.trainOrder.count) images, sha256 " + (try SHA256.digest(file: trainList)).prefix(16)
    }
    if primary != .top1 { list[TaskDescription.primarySetting] = primary.key }
    list["shots"] = shots.map(String.init)
    list["class map"] = try classMap.map { path throws(FileError) in
      "sha256 " + (try SHA256.digest(file: path)).prefix(16)
    }
    return list
  }

  /// The backbones that are made where the user names none.
  ///
  /// - Throws: What making and opening the images throw.
  func ownBackbones(_ context: RunContext, _ data: FrozenData) throws -> OwnBackbones {
    let isSample = self.data.folder == nil
    return try OwnBackbones(
      context, data: isSample ? nil : (data.images, data.name), preset: preset
    ) { own in
      own.inputSize = settings.inputSize
      if let architecture { own.architecture = architecture.architecture }
    }
  }

  var comparedFiles: [String] { fineTuning.comparedFiles }

  /// The settings as trainings of whole networks take them.
  var fineTuning: FineTuningOptions {
    var common = FineTuningOptions()
    (common.run, common.data, common.backbone) = (run, data, backbone)
    common.whole = classifiers
    (common.architecture, common.headCount, common.needsDense) = (architecture, heads, false)
    (common.preset, common.seeds, common.watch) = (preset, seeds, watch)
    (common.learningRates, common.heldOut) = (
      settings.selects ? settings.learningRates : [], settings.heldOutFraction
    )
    (common.inputSize, common.margins, common.given) = (settings.inputSize, margins, given)
    return common
  }
}
