import FileSupport
import Foundation

/// Pictures of ice that the corruption `frost` lays over images; they are others', so a folder names them.
public struct FrostPictures: Sendable {
  /// The pictures in the order of their names.
  let images: [RGBImage]
  /// A hash of their names and contents.
  public let digest: String

  /// The published code draws one of its first five pictures, and never its sixth.
  private static let drawnCount = 5

  /// Reads a folder: its first five pictures by name.
  ///
  /// - Parameter side: Of the images that they are laid over; every picture must be larger both ways.
  /// - Throws: `DatasetError` for a folder without pictures or with one that is too small, `ImageError`
  ///   for one that cannot be decoded.
  public init(folder: String, side: Int) throws {
    let names = try FileTree.entries(folder).filter {
      !$0.isFolder && !$0.isHidden && ImageFolder.isImage($0.name)
    }.map(\.name).prefix(Self.drawnCount)
    guard !names.isEmpty else {
      throw DatasetError(
        path: folder, problem: "has no picture of frost",
        remedy: "give the folder with frost1.png to frost6.jpg of the published code")
    }
    var hash = SHA256()
    images = try names.map { name in
      let path = folder + "/" + name
      let bytes = try FileBytes.read(path)
      let image = try ImageFile.decode(bytes: bytes, name: path)
      guard image.width > side, image.height > side else {
        throw DatasetError(
          path: path,
          problem:
            "is \(image.width)x\(image.height) pixels, not larger than the \(side) of an image",
          remedy: "give larger pictures of frost")
      }
      hash.update("\(name)\t\(bytes.withUnsafeBytes { SHA256.digest($0) })\n")
      return image
    }
    digest = hash.finish()
  }
}
