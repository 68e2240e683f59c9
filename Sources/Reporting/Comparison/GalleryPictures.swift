/// What a gallery shows of one image: what is true, what the baseline said, what the row said.
public struct GalleryPictures: Sendable, Equatable {
  /// One view of the image.
  public struct Picture: Sendable, Equatable {
    /// What it shows, in a few words.
    public let caption: String
    /// The encoded picture, and what it is: `image/jpeg`.
    public let bytes: [UInt8], mediaType: String
    /// Whether it explains the others and says nothing where they are small.
    public let isLegend: Bool

    /// Wraps an encoded picture.
    public init(caption: String, bytes: [UInt8], mediaType: String, isLegend: Bool = false) {
      self.caption = caption
      self.bytes = bytes
      self.mediaType = mediaType
      self.isLegend = isLegend
    }
  }

  /// Draws images, given by their positions in the data set, as a row and its baseline see them.
  public typealias Source = (_ row: StoredRun, _ base: StoredRun, _ images: [Int]) ->
    [GalleryPictures]

  /// The views in reading order.
  public var pictures: [Picture]
  /// What is not shown, and why, a sentence each.
  public var missing: [String]

  /// Gathers views.
  public init(pictures: [Picture] = [], missing: [String] = []) {
    self.pictures = pictures
    self.missing = missing
  }
}

/// What a run shows of one image by itself, whatever it is compared with.
public struct RunPictures: Sendable, Equatable {
  /// Draws what a run brings.
  public typealias Source = (StoredRun) -> [RunPictures]

  /// The image's position in the data set, and its path there where it is known.
  public let index: Int, path: String?
  /// The views.
  public let pictures: GalleryPictures

  /// Puts views under an image.
  public init(index: Int, path: String?, pictures: GalleryPictures) {
    self.index = index
    self.path = path
    self.pictures = pictures
  }
}
