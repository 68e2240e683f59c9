import CocoFormat

extension CocoAnnotations {
  /// The objects as detections of a score: what a perfect detector says.
  ///
  /// - Parameter includingCrowds: Whether crowds are detected, too.
  public func asResults(score: Double = 1, includingCrowds: Bool = false) -> [CocoResult] {
    annotations.indices.filter { includingCrowds || !annotations[$0].isCrowd }.map { index in
      let annotation = annotations[index]
      return CocoResult(
        imageID: images[annotation.image].id, categoryID: categories[annotation.category].id,
        box: annotation.box, segmentation: segmentations[index], score: score)
    }
  }
}
