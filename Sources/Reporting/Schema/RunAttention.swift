import FileSupport

/// Where the network of a run looks in a few images: `attention.json`.
///
/// The file is no part of the result, and holds no image: `RunImages` says where these lie, `view` how
/// the network saw them.
public struct RunAttention: Sendable, Equatable {
  /// How images were seen: the shorter side, the crop in its middle, and the filter's name.
  public struct View: Sendable, Equatable {
    /// Pixels.
    public let shorterSide: Int, crop: Int
    public let filter: String

    /// Describes a view.
    public init(shorterSide: Int, crop: Int, filter: String) {
      self.shorterSide = shorterSide
      self.crop = crop
      self.filter = filter
    }
  }

  /// The attention of one block in one image.
  public struct Map: Sendable, Equatable {
    /// Whose attention it is, and in which block.
    public let title: String
    /// Heads, and places of the view by rows and columns.
    public let headCount: Int, rows: Int, columns: Int
    /// `[heads, rows, columns]`; a head's add up to 1 at most, or those of each window.
    public let values: [Float]

    /// Wraps values.
    ///
    /// - Precondition: there is one a head and place.
    public init(title: String, headCount: Int, rows: Int, columns: Int, values: [Float]) {
      precondition(
        values.count == headCount * rows * columns,
        "\(values.count) values of \(headCount) heads, \(rows)x\(columns)")
      self.title = title
      self.headCount = headCount
      self.rows = rows
      self.columns = columns
      self.values = values
    }

    /// The mean over the heads.
    public var mean: [Float] {
      (0..<rows * columns).map { place in
        (0..<headCount).reduce(0) { $0 + values[$1 * rows * columns + place] } / Float(headCount)
      }
    }

    /// One head.
    public func head(_ number: Int) -> [Float] {
      Array(values[number * rows * columns..<(number + 1) * rows * columns])
    }
  }

  /// The maps of one image.
  public struct Image: Sendable, Equatable {
    /// The image's position in the data set.
    public let index: Int
    public let maps: [Map]

    /// Puts maps under an image.
    public init(index: Int, maps: [Map]) {
      self.index = index
      self.maps = maps
    }
  }

  /// The file's name in the folder of a run.
  public static let file = "attention.json"
  /// Images that a run keeps at most.
  public static let imageLimit = 64

  public let view: View
  public let images: [Image]

  /// Puts images together.
  public init(view: View, images: [Image]) {
    self.view = view
    self.images = images
  }

  /// Writes the file into the folder of a run; numbers are good to a millionth.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func write(to folder: String) throws(FileError) {
    try AtomicFile.write(text: json.text() + "\n", to: folder + "/" + Self.file)
  }

  /// Reads the file of a run; nil where there is none, or it has another form.
  public init?(folder: String) {
    guard let attention = (try? Self.read(folder: folder)) ?? nil else { return nil }
    self = attention
  }

  /// Reads the file of a run; nil where there is none.
  ///
  /// - Throws: `FileError` for one that is damaged.
  static func read(folder: String) throws(FileError) -> RunAttention? {
    guard let json = try RunDocument.read(file, in: folder) else { return nil }
    guard let view = json["view"].flatMap(View.init), let images = json["images"]?.arrayValue,
      images.count <= imageLimit, case let known = images.compactMap(Image.init),
      known.count == images.count
    else { throw RunDocument.fault(file, in: folder, "is no file of attention maps") }
    return RunAttention(view: view, images: known)
  }

  private var json: JSONValue {
    .object(["view": view.json, "images": .array(images.map(\.json))])
  }
}

// MARK: Form

extension RunAttention.View {
  fileprivate var json: JSONValue {
    .object([
      "shorter side": .integer(shorterSide), "crop": .integer(crop), "filter": .string(filter),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let side = json["shorter side"]?.intValue, let crop = json["crop"]?.intValue,
      let filter = json["filter"]?.stringValue, (1...1 << 13).contains(side),
      (1...side).contains(crop)
    else { return nil }
    self.init(shorterSide: side, crop: crop, filter: filter)
  }
}

extension RunAttention.Image {
  fileprivate var json: JSONValue {
    .object(["index": .integer(index), "maps": .array(maps.map(\.json))])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let index = json["index"]?.intValue, let maps = json["maps"]?.arrayValue, maps.count <= 8
    else { return nil }
    let known = maps.compactMap(RunAttention.Map.init)
    guard known.count == maps.count else { return nil }
    self.init(index: index, maps: known)
  }
}

extension RunAttention.Map {
  fileprivate var json: JSONValue {
    .object([
      "title": .string(title), "heads": .integer(headCount), "rows": .integer(rows),
      "columns": .integer(columns),
      "values": .array(values.map { .number((Double($0) * 1e6).rounded() / 1e6) }),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let title = json["title"]?.stringValue, let heads = json["heads"]?.intValue,
      let rows = json["rows"]?.intValue, let columns = json["columns"]?.intValue,
      [heads, rows, columns].allSatisfy({ (1...1 << 10).contains($0) }),
      heads * rows * columns <= 1 << 20, let list = json["values"]?.arrayValue
    else { return nil }
    let values = list.compactMap(\.doubleValue).map(Float.init)
    guard values.count == list.count, values.count == heads * rows * columns,
      values.allSatisfy({ $0.isFinite && $0 >= 0 })
    else { return nil }
    self.init(title: title, headCount: heads, rows: rows, columns: columns, values: values)
  }
}
