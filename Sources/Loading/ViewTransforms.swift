import Models
import VisionData

extension ViewDescription {
  /// The transform that makes the view.
  public var transform: any ImageTransform {
    let crop = RandomResizedCrop(scale: scale)
    switch pipeline {
    case .bytes:
      var view = ContrastiveView(size: size)
      view.crop = crop
      view.filter = isBicubic ? .bicubic : .bilinear
      view.saturation = saturation
      view.blurProbability = blur
      view.solarizeProbability = solarize
      view.flipsLast = flipsLast
      return view
    case .reals:
      var view = BYOLView(size: size, isSecond: false)
      view.crop = crop
      view.blurProbability = blur
      view.solarizeProbability = solarize
      return view
    case .randAugment:
      return SupervisedTransform(
        size: size, crop: crop, randAugment: usesOperations ? RandAugment() : nil,
        erasing: erasing > 0 ? RandomErasing(probability: erasing) : nil)
    }
  }
}

extension LabelMixing {
  /// How batches are mixed and labelled.
  public var mixing: MixupCutmix {
    var mixing = MixupCutmix()
    mixing.mixupAlpha = mixup
    mixing.cutmixAlpha = cutmix
    mixing.labelSmoothing = smoothing
    return mixing
  }
}
