import FileSupport

/// The two splits of an ImageNet-style data set.
public struct ClassificationData: Sendable {
  /// Where the linear classifier learns.
  public let train: ImageFolder
  /// Where it is scored.
  public let validation: ImageFolder

  /// Lists both splits.
  ///
  /// - Throws: `DatasetError` naming the folder and the remedy.
  public init(_ layout: ClassificationLayout) throws(DatasetError) {
    train = try ImageFolder(layout.training)
    validation =
      layout.isOneSplit
      ? train : try ImageFolder(layout.validation, classNames: train.classNames)
    if let empty = train.emptyClasses.first, train.isNumbered {
      throw DatasetError(
        path: train.root,
        problem: "has no sample of class \(empty), where others have higher numbers",
        remedy: "number the classes in .cls files from 0 on, without gaps")
    }
    if let empty = train.emptyClasses.first {
      throw DatasetError(
        path: train.root + "/" + empty,
        problem: "holds no image"
          + (train.emptyClasses.count > 1
            ? " (and \(train.emptyClasses.count - 1) more class folders)" : ""),
        remedy: "unpack the class again or remove its folder from both splits")
    }
  }

  /// Lists both splits under a folder.
  ///
  /// - Throws: As above.
  public init(root: String) throws(DatasetError) {
    try self.init(ClassificationLayout.expect(root))
  }
}
