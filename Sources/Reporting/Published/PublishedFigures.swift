import Foundation

/// One number that others published.
public struct PublishedFigure: Sendable, Equatable {
  /// How the backbone was pretrained.
  public let method: String
  /// The network.
  public let architecture: String
  /// Epochs of pretraining; nil where the source does not say.
  public let epochs: Int?
  /// What the number is: `top1`, `top5` or `knn`.
  public let metric: String
  /// The number as a fraction.
  public let value: Double
  /// Where it stands.
  public let source: String
  /// How it was measured.
  public let protocolSummary: String
  /// What else a reader must know.
  public let note: String?
  /// Whether it was read in its source; otherwise it is from memory.
  public let isVerified: Bool

  /// The number for a table, always marked: `75.3 *published*`.
  public var cell: String {
    FigureOrigin.published.marked(percentage(value)) + (isVerified ? "" : " (unverified)")
  }
}

/// Whether a number was measured here or published by others.
public enum FigureOrigin: String, Sendable {
  case measured, published

  /// A cell's text with the mark that keeps the two apart in one column.
  public func marked(_ text: String) -> String { "\(text) *\(rawValue)*" }
}

/// Published numbers, kept as data beside the reports.
public struct PublishedFigures: Sendable, Equatable {
  /// Raised when the form of the files changes.
  public static let schemaVersion = 1

  /// What the numbers are about.
  public let title: String
  /// The numbers in the file's order.
  public let figures: [PublishedFigure]

  /// Reads a file of `reports/reference`.
  ///
  /// - Throws: `FileError` when it is missing, cut off, of a newer schema, or a figure is wrong.
  public init(path: String) throws(FileError) {
    func fault(_ problem: String, _ remedy: String) -> FileError {
      FileError(path: path, problem: problem, remedy: remedy, exitCode: .badData)
    }
    guard let json = JSONValue(parsing: try FileBytes.read(path)) else {
      throw fault("is cut off or no JSON", "restore the file")
    }
    guard let schema = json["schema"]?.intValue, let title = json["title"]?.stringValue,
      let entries = json["figures"]?.arrayValue
    else { throw fault("is no file of published figures", "name one of reports/reference") }
    guard schema <= Self.schemaVersion else {
      throw fault(
        "has schema \(schema), this program reads up to \(Self.schemaVersion)", "update it")
    }
    self.title = title
    var figures: [PublishedFigure] = []
    for (number, entry) in entries.enumerated() {
      guard let figure = PublishedFigure(entry) else {
        throw fault(
          "figure \(number + 1) lacks a method, architecture, metric, source or protocol, or its "
            + "value is no fraction", "correct it")
      }
      figures.append(figure)
    }
    self.figures = figures
  }

  /// The figures of some networks and one metric, in the file's order.
  public func figures(
    metric: String, architectures: [String], verifiedOnly: Bool = false
  ) -> [PublishedFigure] {
    figures.filter {
      $0.metric == metric && architectures.contains($0.architecture)
        && ($0.isVerified || !verifiedOnly)
    }
  }

  /// All figures as a table; every number is marked as published.
  public var table: Table {
    var table = Table(
      caption: "\(title): published, not measured here; %",
      columns: [
        .init("method", isNumeric: false), .init("network", isNumeric: false), .init("epochs"),
        .init("metric", isNumeric: false), .init("value"), .init("source", isNumeric: false),
      ])
    for figure in figures {
      table.add([
        figure.method, figure.architecture, figure.epochs.map(String.init) ?? "-", figure.metric,
        figure.cell, figure.source,
      ])
    }
    return table
  }
}

extension PublishedFigure {
  init?(_ json: JSONValue) {
    guard let method = json["method"]?.stringValue,
      let architecture = json["architecture"]?.stringValue,
      let metric = json["metric"]?.stringValue, let source = json["source"]?.stringValue,
      let summary = json["protocol"]?.stringValue, let value = json["value"]?.doubleValue,
      (0...1).contains(value), case .bool(let isVerified)? = json["verified"]
    else { return nil }
    self.init(
      method: method, architecture: architecture, epochs: json["epochs"]?.intValue, metric: metric,
      value: value, source: source, protocolSummary: summary, note: json["note"]?.stringValue,
      isVerified: isVerified)
  }
}
