import CocoFormat

/// What federated annotations say of the classes of an image: some are annotated in full, some in part,
/// some are sure to be absent, and of the others nothing is known.
///
/// Source: Gupta, Dollár and Girshick, LVIS: A Dataset for Large Vocabulary Instance Segmentation, 2019.
extension CocoAnnotations {
  /// Whether it is known if an image shows a category, by its index.
  ///
  /// - Parameter isPresent: Whether an object of it is annotated there.
  func knows(_ category: Int, isPresent: Bool, inImage image: Int) -> Bool {
    isPresent || images[image].negativeCategoryIDs?.contains(categories[category].id) ?? false
  }

  /// Whether an image may show more of a category than is annotated.
  func isPartial(_ category: Int, inImage image: Int) -> Bool {
    images[image].notExhaustiveCategoryIDs.contains(categories[category].id)
  }
}
