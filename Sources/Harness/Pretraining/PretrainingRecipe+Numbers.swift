import CommandLine
import Layers
import Models

extension PretrainingRecipe {
  /// Every number by a name that stays, whatever its property is called: part of a run's key.
  var numbers: [String: String] {
    [
      "method": method.rawValue, "epochs": String(epochs), "warmup-epochs": String(warmupEpochs),
      "batch-size": String(batchSize), "repeats": String(repeats),
      "base-learning-rate": baseLearningRate.argument, "warmup-start": warmupStart.argument,
      "minimum-rate": minimumRate.argument, "minimum-scales": String(scalesMinimum),
      "epochwise": String(isEpochwise), "shifted": String(isShifted),
      "lags": String(lagsSchedule), "reaches-peak": String(reachesPeak),
      "optimizer": optimizer.rawValue, "weight-decay": weightDecay.argument,
      "final-weight-decay": finalWeightDecay?.argument ?? "none",
      "decay-rule": decayRule.rawValue, "clipping": clipping.rawValue,
      "clip-norm": clipNorm.argument, "drop-path": dropPathRate.argument,
      "momentum": startMomentum.argument, "momentum-constant": String(hasConstantMomentum),
      "temperature": temperature.argument, "hidden-size": String(hiddenSize),
      "output-size": String(outputSize), "queue-size": String(queueSize),
      "norm-groups": String(normGroups), "patch-embedding-frozen": String(freezesPatchEmbedding),
      "prototypes": String(prototypeCount), "student-temperature": studentTemperature.argument,
      "teacher-temperature": teacherTemperature.argument,
      "final-teacher-temperature": finalTeacherTemperature.argument,
      "teacher-warmup-epochs": String(teacherWarmupEpochs),
      "frozen-last-layer-epochs": String(frozenLastLayerEpochs),
      "last-layer-normalized": String(normalizesLastLayer),
      "local-views": String(localViewCount), "global-scale": Self.text(globalScale),
      "local-scale": Self.text(localScale), "label-smoothing": labelSmoothing.argument,
      "mixup": mixup.argument, "cutmix": cutmix.argument, "erasing": erasing.argument,
      "rand-augment": String(usesRandAugment),
    ]
  }

  private static func text(_ range: ClosedRange<Double>) -> String {
    "\(range.lowerBound.argument)-\(range.upperBound.argument)"
  }
}
