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
