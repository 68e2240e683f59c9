import Threads

/// How the detections of every image and category were matched: all that average precision needs.
///
/// Half a million detections take about 12 MB. Precision and recall of any selection of images,
/// also with repetitions, follow from these records without looking at boxes or masks again.
///
/// Cells are pairs of a category and an image with an object or a detection, ordered by category,
/// then by image; the detections of a cell are ordered by descending score.
public struct MatchRecords: Sendable, Equatable {
  /// What was compared.
  public let overlapType: OverlapType
  /// The parameters of the matching.
  public let settings: CocoProtocol
  /// Ids of all images of the ground truth, ascending.
  public let imageIDs: [Int]
  /// Ids of all categories, ascending; one number where categories are not told apart.
  public let categoryIDs: [Int]
  /// The group of each category, `r`, `c` or `f` in LVIS; empty where there are no groups.
  public let categoryGroups: [String]

  /// The first cell of each category, and behind the last one the number of cells.
  let categoryStarts: [Int]
  /// The image of each cell, as an index into `imageIDs`.
  let cellImages: [Int32]
  /// Where the detections of each cell end; they start where those of the cell before end.
  let cellEnds: [Int]
  /// Objects to be found, for each cell and area range.
  let objectCounts: [Int32]
  /// The score of each detection.
  let scores: [Double]
  /// For each detection and area range: bit t is set when it is matched at overlap threshold t.
  let matched: [UInt16]
  /// The same for being neither right nor wrong: on a crowd, or of another size.
  let ignored: [UInt16]

  /// How many detections were matched or missed; those beyond the limit are not kept.
  public var detectionCount: Int { scores.count }

  /// How many objects of an area range there are to be found.
  public func objectCount(areaRange: Int = 0) -> Int {
    stride(from: areaRange, to: objectCounts.count, by: settings.areaRanges.count)
      .reduce(0) { $0 + Int(objectCounts[$1]) }
  }

  /// How many images hold an object of each category.
  var imageCountsByCategory: [Int] {
    categoryIDs.indices.map { category in
      (categoryStarts[category]..<categoryStarts[category + 1]).count {
        objectCounts[$0 * settings.areaRanges.count] > 0
      }
    }
  }

  /// The detections of a cell.
  func detections(ofCell cell: Int) -> Range<Int> {
    (cell == 0 ? 0 : cellEnds[cell - 1])..<cellEnds[cell]
  }
}

extension MatchRecords {
  /// The matches of these images and of others behind them, as if all were of one detector.
  ///
  /// - Returns: The records; nil when the others were matched by other rules or categories.
  func followed(by other: MatchRecords) -> MatchRecords? {
    guard other.overlapType == overlapType, other.settings == settings,
      other.categoryIDs == categoryIDs, other.categoryGroups == categoryGroups
    else { return nil }
    return MatchRecords(
      [matchedImages(shift: 0), other.matchedImages(shift: imageIDs.count)],
      overlapType: overlapType, settings: settings, imageIDs: imageIDs + other.imageIDs,
      categoryIDs: categoryIDs, categoryGroups: categoryGroups)
  }

  /// The cells by category, their images moved by so many places.
  private func matchedImages(shift: Int) -> MatchedImages {
    var cells: [MatchedImages.Cell] = []
    for category in categoryIDs.indices {
      for cell in categoryStarts[category]..<categoryStarts[category + 1] {
        cells.append(
          MatchedImages.Cell(
            category: Int32(category), image: cellImages[cell] + Int32(shift),
            detectionCount: Int32(detections(ofCell: cell).count)))
      }
    }
    return MatchedImages(
      cells: cells, objectCounts: objectCounts, scores: scores, matched: matched, ignored: ignored)
  }
}

/// The cells of some images, image by image, before they are put in order.
struct MatchedImages: Sendable {
  struct Cell: Sendable {
    let category: Int32
    let image: Int32
    let detectionCount: Int32
  }

  var cells: [Cell] = []
  var objectCounts: [Int32] = []
  var scores: [Double] = []
  var matched: [UInt16] = []
  var ignored: [UInt16] = []
  /// Where pairs are kept: every detection by its index, and the object that it has, or −1.
  var found: [Int32] = []
  var partners: [Int32] = []
}

extension MatchRecords {
  /// Orders the cells of all images by category.
  init(
    _ parts: [MatchedImages], overlapType: OverlapType, settings: CocoProtocol, imageIDs: [Int],
    categoryIDs: [Int], categoryGroups: [String] = []
  ) {
    let ranges = settings.areaRanges.count
    let cellCount = parts.reduce(0) { $0 + $1.cells.count }
    let detectionCount = parts.reduce(0) { $0 + $1.scores.count }
    var starts = [Int](repeating: 0, count: categoryIDs.count + 1)
    for part in parts { for cell in part.cells { starts[Int(cell.category) + 1] += 1 } }
    for category in categoryIDs.indices { starts[category + 1] += starts[category] }
    // The place of every cell in the new order, part by part, and its detections there.
    var next = starts
    var places = [Int](repeating: 0, count: cellCount)
    var images = [Int32](repeating: 0, count: cellCount)
    var ends = [Int](repeating: 0, count: cellCount)
    var counts = [Int32](repeating: 0, count: cellCount * ranges)
    var firstCells: [Int] = []
    var cellIndex = 0
    for part in parts {
      firstCells.append(cellIndex)
      for (index, cell) in part.cells.enumerated() {
        let place = next[Int(cell.category)]
        next[Int(cell.category)] += 1
        places[cellIndex] = place
        images[place] = cell.image
        ends[place] = Int(cell.detectionCount)
        for range in 0..<ranges {
          counts[place * ranges + range] = part.objectCounts[index * ranges + range]
        }
        cellIndex += 1
      }
    }
    var end = 0
    for place in ends.indices {
      end += ends[place]
      ends[place] = end
    }
    let (order, stops, firsts) = (places, ends, firstCells)
    /// A list of all detections in their new order, each part copied by one thread.
    func gathered<Value>(_ width: Int, _ list: (MatchedImages) -> [Value]) -> [Value] {
      [Value](unsafeUninitializedCapacity: detectionCount * width) { buffer, filled in
        nonisolated(unsafe) let out = buffer.baseAddress
        ThreadPool.shared.forEach(parts.count) { part in
          list(parts[part]).withUnsafeBufferPointer { values in
            guard let out, var from = values.baseAddress else { return }
            for cell in parts[part].cells.indices {
              let place = order[firsts[part] + cell]
              let start = (place == 0 ? 0 : stops[place - 1]) * width
              let count = stops[place] * width - start
              (out + start).initialize(from: from, count: count)
              from += count
            }
          }
        }
        filled = detectionCount * width
      }
    }
    scores = gathered(1, \.scores)
    matched = gathered(ranges, \.matched)
    ignored = gathered(ranges, \.ignored)
    self.overlapType = overlapType
    self.settings = settings
    self.imageIDs = imageIDs
    self.categoryIDs = categoryIDs
    self.categoryGroups = categoryGroups
    categoryStarts = starts
    cellImages = images
    cellEnds = ends
    objectCounts = counts
  }
}
