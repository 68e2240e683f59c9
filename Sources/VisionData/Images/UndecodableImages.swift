import FileSupport

extension DatasetError {
  /// What a folder is in which no image can be decoded, so that nothing can be done with it.
  public static func noneDecodes(in folder: String) -> DatasetError {
    DatasetError(
      path: folder, problem: "has no image that can be decoded",
      remedy: "run bench-data check on the data set and repair or replace what it names")
  }
}
