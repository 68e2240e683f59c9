import Evaluation
import FileSupport

/// What a run's numbers are better seen as, for the page to draw: `plots.json`.
///
/// Fractions throughout. The file is no part of the result, and a run without it has no such drawing.
public struct RunPlots: Sendable, Equatable {
  /// Points of several kinds on common axes: curves from 0 to 1 (precision against recall), or places
  /// in any units (features by PCA).
  public struct Lines: Sendable, Equatable {
    /// Those of one kind; as many values on one axis as on the other.
    public struct Line: Sendable, Equatable {
      /// What it is: `IoU 0.50`.
      public let name: String
      /// Its points.
      public let x: [Double], y: [Double]

      /// Names points.
      public init(name: String, x: [Double], y: [Double]) {
        self.name = name
        self.x = x
        self.y = y
      }
    }

    /// The heading, and what the axes are.
    public let title: String, xLabel: String, yLabel: String
    /// The kinds.
    public let lines: [Line]

    /// Puts kinds together.
    public init(title: String, xLabel: String, yLabel: String, lines: [Line]) {
      self.title = title
      self.xLabel = xLabel
      self.yLabel = yLabel
      self.lines = lines
    }
  }

  /// How often answers of about the same confidence are right.
  public struct Reliability: Sendable, Equatable {
    /// Answers of about the same confidence: their mean one, how many are right, how many there are.
    public struct Bin: Sendable, Equatable {
      public let confidence: Double, accuracy: Double, count: Int

      /// Describes a bin.
      public init(confidence: Double, accuracy: Double, count: Int) {
        self.confidence = confidence
        self.accuracy = accuracy
        self.count = count
      }
    }

    /// The heading.
    public let title: String
    /// Bins with answers, by rising confidence.
    public let bins: [Bin]

    /// Puts bins under a heading.
    public init(title: String, bins: [Bin]) {
      self.title = title
      self.bins = bins
    }

    /// The bins of a calibration that have answers.
    public init(_ title: String, _ calibration: Calibration) {
      self.init(
        title: title,
        bins: calibration.bins.filter { $0.count > 0 }.map { bin in
          Bin(
            confidence: bin.confidence / Double(bin.count),
            accuracy: Double(bin.right) / Double(bin.count), count: bin.count)
        })
    }
  }

  /// Shares of a table: a confusion matrix, each row of it adding up to 1.
  public struct Heat: Sendable, Equatable {
    /// The heading, and what stands before the rows and above the columns.
    public let title: String, rows: [String], columns: [String]
    /// One list a row.
    public let values: [[Double]]

    /// Puts values under a heading.
    public init(title: String, rows: [String], columns: [String], values: [[Double]]) {
      self.title = title
      self.rows = rows
      self.columns = columns
      self.values = values
    }
  }

  /// The file's name in the folder of a run.
  public static let file = "plots.json"

  /// What is drawn; of `lines` points are joined, of `clouds` they are not.
  public var lines: [Lines] = [], clouds: [Lines] = []
  public var reliabilities: [Reliability] = [], heats: [Heat] = []

  /// Nothing to draw.
  public init() {}

  /// Writes the file into the folder of a run.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func write(to folder: String) throws(FileError) {
    try AtomicFile.write(text: json.text() + "\n", to: folder + "/" + Self.file)
  }

  /// Reads the file of a run; what it lacks or has in another form is left out.
  public init(folder: String) { self = Self.read(folder: folder).plots }

  /// Reads the file of a run, and says what of it is left out.
  static func read(folder: String) -> (plots: RunPlots, fault: FileError?) {
    var plots = RunPlots()
    do throws(FileError) {
      guard let json = try RunDocument.read(file, in: folder) else { return (plots, nil) }
      guard case .object = json else {
        throw RunDocument.fault(file, in: folder, "is no file of drawings")
      }
      var wrong = 0
      func items<Item>(_ key: String, _ item: (JSONValue) -> Item?) -> [Item] {
        guard let member = json[key] else { return [] }
        let listed = member.arrayValue
        let known = (listed ?? []).compactMap(item)
        wrong += listed.map { $0.count - known.count } ?? 1
        return known
      }
      plots.lines = items("lines", Lines.init)
      plots.reliabilities = items("reliabilities", Reliability.init)
      plots.heats = items("heats", Heat.init)
      plots.clouds = items("clouds", Lines.init)
      let problem = "has \(wrong) parts that are no drawings"
      return (plots, wrong == 0 ? nil : RunDocument.fault(file, in: folder, problem))
    } catch {
      return (plots, error)
    }
  }

  private var json: JSONValue {
    .object([
      "lines": .array(lines.map(\.json)), "reliabilities": .array(reliabilities.map(\.json)),
      "heats": .array(heats.map(\.json)), "clouds": .array(clouds.map(\.json)),
    ])
  }
}

// MARK: Form

extension JSONValue {
  fileprivate static func numbers(_ values: [Double]) -> JSONValue {
    .array(values.map { .number($0) })
  }

  /// A list of numbers; nil where it is none, or holds what is no number.
  fileprivate var numbers: [Double]? {
    guard let values = arrayValue?.map(\.doubleValue) else { return nil }
    let known = values.compactMap { $0 }
    return known.count == values.count ? known : nil
  }

  fileprivate var strings: [String]? {
    guard let values = arrayValue?.map(\.stringValue) else { return nil }
    let known = values.compactMap { $0 }
    return known.count == values.count ? known : nil
  }
}

extension RunPlots.Lines {
  fileprivate var json: JSONValue {
    .object([
      "title": .string(title), "x": .string(xLabel), "y": .string(yLabel),
      "lines": .array(
        lines.map {
          .object(["name": .string($0.name), "x": .numbers($0.x), "y": .numbers($0.y)])
        }),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let title = json["title"]?.stringValue, let x = json["x"]?.stringValue,
      let y = json["y"]?.stringValue, let entries = json["lines"]?.arrayValue
    else { return nil }
    self.init(
      title: title, xLabel: x, yLabel: y,
      lines: entries.compactMap { entry in
        guard let name = entry["name"]?.stringValue, let x = entry["x"]?.numbers,
          let y = entry["y"]?.numbers, x.count == y.count
        else { return nil }
        return Line(name: name, x: x, y: y)
      })
  }
}

extension RunPlots.Reliability {
  fileprivate var json: JSONValue {
    .object([
      "title": .string(title), "confidence": .numbers(bins.map(\.confidence)),
      "accuracy": .numbers(bins.map(\.accuracy)),
      "n": .array(bins.map { .integer($0.count) }),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let title = json["title"]?.stringValue, let x = json["confidence"]?.numbers,
      let y = json["accuracy"]?.numbers, let n = json["n"]?.arrayValue?.compactMap(\.intValue),
      x.count == y.count, n.count == x.count
    else { return nil }
    self.init(
      title: title,
      bins: x.indices.map { Bin(confidence: x[$0], accuracy: y[$0], count: n[$0]) })
  }
}

extension RunPlots.Heat {
  fileprivate var json: JSONValue {
    .object([
      "title": .string(title), "rows": .array(rows.map { .string($0) }),
      "columns": .array(columns.map { .string($0) }),
      "values": .array(values.map { .numbers($0) }),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let title = json["title"]?.stringValue, let rows = json["rows"]?.strings,
      let columns = json["columns"]?.strings,
      let values = json["values"]?.arrayValue?.compactMap(\.numbers), values.count == rows.count,
      values.allSatisfy({ $0.count == columns.count })
    else { return nil }
    self.init(title: title, rows: rows, columns: columns, values: values)
  }
}
