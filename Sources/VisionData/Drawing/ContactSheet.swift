/// Images in a grid with a caption under each.
public struct ContactSheet: Sendable {
  /// Columns of the grid.
  public let columnCount: Int
  /// Side of a cell's picture, in pixels.
  public let cellSize: Int
  private var cells: [(image: RGBImage, caption: String)] = []

  /// An empty sheet.
  ///
  /// - Precondition: both numbers are positive.
  public init(columnCount: Int, cellSize: Int) {
    precondition(columnCount > 0 && cellSize > 0, "a sheet needs columns and a cell size")
    self.columnCount = columnCount
    self.cellSize = cellSize
  }

  /// Adds a picture; larger ones are made smaller, smaller ones stay.
  public mutating func add(_ image: RGBImage, caption: String) {
    let scale = min(1, Double(cellSize) / Double(max(image.width, image.height)))
    let fitted =
      scale == 1
      ? image
      : image.resized(
        width: max(1, Int(Double(image.width) * scale)),
        height: max(1, Int(Double(image.height) * scale)), filter: .bicubic)
    cells.append((fitted, caption))
  }

  /// How many pictures there are.
  public var count: Int { cells.count }

  /// The sheet as one image on light gray.
  ///
  /// - Parameter footer: Drawn below the cells, for example a legend; gets the sheet's width.
  public func image(footer: ((_ width: Int) -> RGBImage)? = nil) -> RGBImage {
    let gap = 6
    let stepX = cellSize + gap
    let stepY = cellSize + TinyFont.lineHeight + gap
    let rowCount = max(1, (cells.count + columnCount - 1) / columnCount)
    let width = gap + stepX * min(columnCount, max(1, cells.count))
    let end = footer?(width)
    let height = gap + stepY * rowCount
    var sheet = RGBImage(
      width: width, height: height + (end?.height ?? 0), red: 236, green: 236, blue: 232)
    if let end { sheet.paste(end, left: 0, top: height) }
    for (index, cell) in cells.enumerated() {
      let left = gap + index % columnCount * stepX
      let top = gap + index / columnCount * stepY
      sheet.paste(
        cell.image, left: left + (cellSize - cell.image.width) / 2,
        top: top + (cellSize - cell.image.height) / 2)
      TinyFont.draw(
        cell.caption, on: &sheet, left: left, top: top + cellSize + 2, width: cellSize)
    }
    return sheet
  }
}
