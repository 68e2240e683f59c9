import FileSupport

extension ClassificationRecord {
  /// The record as a row: `{"index":0,"label":3,"rank":1,"seed":0,"top5":[5,3,2,9,8]}`.
  public func json(seed: Int) -> JSONValue {
    .object([
      "seed": .integer(seed), "index": .integer(index), "label": .integer(label),
      "rank": .integer(rank), "top5": .array(predictions.map { .integer($0) }),
    ])
  }

  /// Reads a row; nil when it is none of an image with one of so many classes.
  public init?(_ row: JSONValue, classCount: Int) {
    guard let index = row["index"]?.intValue, let label = row["label"]?.intValue,
      let rank = row["rank"]?.intValue, let best = row["top5"]?.arrayValue?.map(\.intValue),
      index >= 0, (0..<classCount).contains(label), rank >= 0,
      best.allSatisfy({ $0.map((0..<classCount).contains) == true })
    else { return nil }
    self.init(index: index, label: label, predictions: best.compactMap { $0 }, rank: rank)
  }
}

/// Rows of `ClassificationRecord.json` read back column by column, of all seeds one after another.
public struct ClassificationColumns: Sendable, Equatable {
  /// Of each row the image, its true class, the place of that class, the seed, and the best class.
  public let images, labels, ranks, seeds, predictions: [Int]

  /// Reads a file.
  ///
  /// - Returns: nil when a row has no rank.
  /// - Throws: `FileError` when the file is missing or damaged.
  public init?(path: String) throws(FileError) {
    let read = try IntegerColumns(path: path, names: ["index", "label", "rank", "seed", "top5"])
    guard !read.columns[2].contains(IntegerColumns.absent) else { return nil }
    (images, labels, ranks) = (read.columns[0], read.columns[1], read.columns[2])
    (seeds, predictions) = (read.columns[3], read.columns[4])
  }
}

/// What the nearest neighbours said of each image, for several numbers of neighbours.
///
/// A row: `{"index":0,"label":3,"knn_10":3,"knn_20":5}`.
public enum NeighbourRecords {
  /// The rows of the records of each number of neighbours, of the same images in the same order.
  public static func rows(_ outcomes: [(k: Int, records: [ClassificationRecord])]) -> [JSONValue] {
    guard let first = outcomes.first else { return [] }
    return first.records.indices.map { row in
      var members: [String: JSONValue] = [
        "index": .integer(first.records[row].index), "label": .integer(first.records[row].label),
      ]
      for outcome in outcomes {
        members["knn_\(outcome.k)"] = .integer(outcome.records[row].predictions.first ?? -1)
      }
      return .object(members)
    }
  }

  /// The images and whether each was right by one number: `knn_20`.
  ///
  /// - Returns: nil when a row lacks it.
  /// - Throws: `FileError` when the file is missing or damaged.
  public static func read(
    _ path: String, metric: String
  ) throws(FileError) -> (images: [Int], right: [Bool])? {
    let read = try IntegerColumns(path: path, names: ["index", "label", metric]).columns
    guard !read[2].contains(IntegerColumns.absent) else { return nil }
    return (read[0], zip(read[1], read[2]).map { $0 == $1 })
  }
}
