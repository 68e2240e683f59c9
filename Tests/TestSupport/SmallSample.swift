import SampleData

extension SampleSettings {
  /// A few small pictures of the kinds that are asked for, and nothing of the others.
  ///
  /// - Parameters:
  ///   - images: Classification images of each class, for training and for validation.
  ///   - side: Their shorter side, in pixels.
  ///   - instances: Scenes with instances, of 96 px.
  ///   - labels: Scenes with a label for every pixel, of 96 px.
  public static func small(
    images: (Int, Int) = (0, 0), side: Int = 48, instances: (Int, Int) = (0, 0),
    labels: (Int, Int) = (0, 0)
  ) -> SampleSettings {
    var settings = SampleSettings()
    (settings.trainingImagesPerClass, settings.validationImagesPerClass) = images
    (settings.imageSize, settings.sceneSize) = (side, 96)
    settings.instanceScenes = Split(training: instances.0, validation: instances.1)
    settings.segmentationScenes = Split(training: labels.0, validation: labels.1)
    return settings
  }
}
