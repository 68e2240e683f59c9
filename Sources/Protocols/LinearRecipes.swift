import CommandLine
import Layers
import Models
import Reporting
import VisionData

extension LinearProtocol.Name {
  /// Whose settings a run is compared with, and where they are published.
  public var title: String {
    switch self {
    case .moby: "MoBY's protocol"
    case .mocoV3: "MoCo v3's linear protocol"
    case .dino: "DINO's linear protocol"
    case .logistic: "CLIP's linear probe"
    case .attentive: "V-JEPA's attentive probe"
    case .fineTuneSwin: "Swin's fine-tuning"
    case .fineTuneDeiT: "MoCo v3's fine-tuning with DeiT's recipe"
    case .fineTuneSimMIM: "SimMIM's fine-tuning"
    case .fineTuneMAE: "MAE's fine-tuning"
    }
  }

  /// Where the settings are published.
  public var source: String {
    switch self {
    case .moby: "SwinTransformer/Transformer-SSL, moby_linear.py"
    case .mocoV3: "facebookresearch/moco-v3, main_lincls.py and CONFIG.md"
    case .dino: "facebookresearch/dino, eval_linear.py; of Swin microsoft/esvit, eval_linear.py"
    case .logistic: "Radford et al., Learning Transferable Visual Models, 2021, appendix A.3"
    case .attentive: "facebookresearch/jepa, evals/image_classification_frozen, vitl16_in1k.yaml"
    case .fineTuneSwin:
      "microsoft/Swin-Transformer 0ae00c9, configs/swin/*_22kto1k_finetune.yaml, main.py"
    case .fineTuneDeiT:
      "facebookresearch/moco-v3 c349e6e, README.md; facebookresearch/deit 7e160fe, main.py"
    case .fineTuneSimMIM:
      "microsoft/SimMIM d3e29bc, simmim_finetune__swin_base__img224_window7__800ep.yaml"
    case .fineTuneMAE: "facebookresearch/mae efb2a80, FINETUNE.md, main_finetune.py, ViT-B"
    }
  }
}

extension LinearProtocol {
  /// A protocol as it is published.
  public init(_ name: Name) {
    self.name = name
    switch name {
    case .moby: break
    case .mocoV3, .dino:
      (warmupEpochs, batchSize, rateBatchSize) = (0, 1024, 256)
      (schedule, isNesterov, start) = (.epochs, false, .normal)
      (labelSmoothing, clipNorm, dropPathRate) = (0, 0, 0)
      if name == .mocoV3 {
        (epochs, learningRates) = (90, [3])
      } else {
        (learningRates, testFilter) = ([0.001], .bicubic)
      }
    case .logistic:
      (classifier, isCached, testFilter, keepsShortSide) = (.logistic, true, .bicubic, true)
      (labelSmoothing, clipNorm, dropPathRate) = (0, 0, 0)
    case .attentive:
      (classifier, epochs, warmupEpochs, batchSize) = (.attentive, 20, 0, 1024)
      (rateBatchSize, learningRates, weightDecay) = (1024, [0.001], 0.001)
      (labelSmoothing, clipNorm, dropPathRate) = (0, 0, 0)
    case .fineTuneSwin, .fineTuneDeiT, .fineTuneSimMIM, .fineTuneMAE: takeEndToEnd()
    }
  }

  /// A protocol at some size: the small ones compute features once, and `mini` chooses its rate.
  public init(_ name: Name, preset: Preset) {
    self.init(name)
    guard preset != .full else { return }
    inputSize = 64
    guard classifier != .endToEnd else {
      shrinkEndToEnd(isSmoke: preset == .smoke)
      return
    }
    guard classifier != .attentive else {
      (batchSize, epochs) = (64, preset == .smoke ? 1 : 10)
      return
    }
    isCached = true
    guard classifier == .descent else {
      if preset == .smoke { (regularizations, iterationLimit) = ([1], 20) }
      return
    }
    batchSize = 64
    if preset == .smoke {
      (epochs, warmupEpochs) = (3, min(1, warmupEpochs))
    } else {
      // DINO's rate is for features of 800 epochs on ImageNet; on few images it hardly moves.
      let factors: [Double] = name == .dino ? [1, 10, 100, 1000] : [0.3, 1, 3, 10]
      (epochs, learningRates) = (60, learningRates.flatMap { rate in factors.map { rate * $0 } })
    }
  }

  /// The learning rate of every step, of a rate that was chosen.
  ///
  /// - Parameter batchSize: Images a step, which scale it.
  package func learningRateSchedule(
    _ rate: Double, batchSize: Int, stepsPerEpoch: Int
  ) -> any LearningRateSchedule {
    let scale = Double(batchSize) / Double(rateBatchSize)
    switch schedule {
    case .steps:
      // MoBY's warm-up starts at 5e-7 and its cosine ends at 5e-6 of a rate of 1.
      return CosineSchedule(
        peak: rate * scale, warmupStart: 5e-7 * scale, minimum: 5e-6 * scale,
        warmupSteps: warmupEpochs * stepsPerEpoch, totalSteps: epochs * stepsPerEpoch)
    case .epochs:
      return EpochwiseSchedule(
        CosineSchedule(
          peak: rate * scale, warmupStart: 0, minimum: 0, warmupSteps: warmupEpochs,
          totalSteps: epochs, lags: false), stepsPerEpoch: stepsPerEpoch)
    }
  }

  /// What differs from DINO's published nearest neighbours, which see test images of a resize by
  /// bicubic weights to 256 and a crop of 224; here they see what the classifier sees.
  package var neighbourDeviations: Deviations {
    var found = Deviations()
    found.compare(
      "view of the neighbours", testTransform.summary,
      EvaluationTransform(resizeSize: 256, cropSize: 224, filter: .bicubic).summary)
    return found
  }

  /// What differs from the published protocol of this name.
  package var deviations: Deviations {
    let published = LinearProtocol(name)
    var found = Deviations()
    func compare<Value: Equatable>(_ name: String, _ path: KeyPath<LinearProtocol, Value>) {
      found.compare(name, self[keyPath: path], published[keyPath: path])
    }
    if classifier == .attentive {
      compare("epochs", \.epochs)
      compare("batch size", \.batchSize)
      compare("learning rates", \.learningRates)
      compare("weight decay", \.weightDecay)
      found.add("random resized crops and flips alone, without AutoAugment and random erasing")
      found.add("the images of an epoch that fill no batch are left out of it")
    } else if classifier == .descent || classifier == .endToEnd {
      compare("epochs", \.epochs)
      compare("warm-up epochs", \.warmupEpochs)
      compare("batch size", \.batchSize)
      compare("learning rates", \.learningRates)
      compare("weight decay", \.weightDecay)
      compare("label smoothing", \.labelSmoothing)
      compare("clip norm", \.clipNorm)
      if classifier == .endToEnd {
        compareEndToEnd(published, &found)
      } else if name != .moby {
        found.add("the images of an epoch that fill no batch are left out of it")
      }
    } else {
      if regularizations != published.regularizations {
        found.add("regularizations \(regularizations.argument) instead of a search")
      }
      compare("iterations", \.iterationLimit)
    }
    compare("input size", \.inputSize)
    if let feature {
      found.add("features by choice: \(feature.summary)")
    }
    if normalization != published.normalization {
      found.add("pixels by \(normalization.summary) instead of ImageNet's")
    }
    if isCached, !published.isCached {
      found.add("cached features: no augmentation and no drop path while the classifier trains")
    } else if classifier == .descent {
      compare("drop path", \.dropPathRate)
    }
    return found
  }
}
