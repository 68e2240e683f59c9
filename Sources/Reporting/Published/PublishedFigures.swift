import FileSupport
import Foundation

/// One number that others published.
public struct PublishedFigure: Sendable, Equatable {
  /// How the backbone was pretrained.
  public let method: String
  /// The network.
  public let architecture: String
  /// Epochs of pretraining; nil where the source does not say.
  public let epochs: Int?
  /// What the number is: `top1`, `top5`, `knn_20`; `knn` where nobody says of how many neighbours.
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
  /// Detector or head and its schedule: `Mask R-CNN 1x`; nil where the task has none.
  public let configuration: String?
  /// Parameters, and multiply-adds of one image; nil where the source does not say.
  public let parameters: Int?, multiplyAccumulates: Int?
  /// The room around the value for `bench-report check`; nil for the file's.
  public let tolerance: Double?
  /// Whether a run of this suite measures the same; not so for networks trained end to end.
  public let isComparable: Bool

  /// The number for a table, always marked: `75.3 *published*`.
  public var cell: String {
    FigureOrigin.published.marked(shown) + (isVerified ? "" : " (unverified)")
  }
}

extension PublishedFigure {
  /// The number in percent with the decimals that its source prints: one, or two for mIoU.
  public var shown: String {
    let hundredths = (value * 10_000).rounded()
    return hundredths.remainder(dividingBy: 10) == 0 ? percentage(value) : fixed(value * 100, 2)
  }
}

/// Which runs the figures of a file may be held against.
public struct CheckScope: Sendable, Equatable {
  /// The task, and the number of validation images that the figures are of.
  public let task: String, imageCount: Int
  /// The validation data's hash; nil where the source does not have one.
  public let dataHash: String?
  /// The room around each figure, as a fraction.
  public let tolerance: Double
  /// What a run of each configuration has stored of its settings.
  ///
  /// Where figures have no configuration, of each protocol. A figure of another one is of nothing that
  /// this suite runs; without any, every run is held against every figure.
  public let configurations: [String: [String: String]]
  /// What it has stored of how it was scored, where it has.
  public let evaluation: [String: String]
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
  /// What `bench-report check` may hold against them; nil for none.
  public let scope: CheckScope?
  /// Whether others published the numbers, or this suite measured them before.
  public let origin: FigureOrigin

  /// Reads a file of `reports/reference`.
  ///
  /// - Throws: `FileError` when it is missing, cut off, of a newer schema, or a figure is wrong.
  public init(path: String) throws(FileError) {
    func fault(_ problem: String, _ remedy: String) -> FileError {
      FileError(path: path, problem: problem, remedy: remedy, exitCode: .badData)
    }
    let json = try JSONValue(FileBytes.read(path), of: path, remedy: "restore the file")
    guard let schema = json["schema"]?.intValue, let title = json["title"]?.stringValue,
      let entries = json["figures"]?.arrayValue
    else { throw fault("is no file of published figures", "name one of reports/reference") }
    guard schema <= Self.schemaVersion else {
      throw fault(
        "has schema \(schema), this program reads up to \(Self.schemaVersion)", "update it")
    }
    self.title = title
    origin = json["origin"]?.stringValue.flatMap(FigureOrigin.init) ?? .published
    if let check = json["check"] {
      guard let task = check["task"]?.stringValue, let count = check["images"]?.intValue,
        let tolerance = check["tolerance"]?.doubleValue, (0...1).contains(tolerance)
      else {
        throw fault(
          "has a 'check' without task, images or a tolerance that is a fraction", "correct it")
      }
      func settings(_ json: JSONValue?) -> [String: String]? {
        guard let json else { return [:] }
        guard case .object(let members) = json else { return nil }
        let texts = members.compactMapValues(\.stringValue)
        return texts.count == members.count ? texts : nil
      }
      var configurations: [String: [String: String]]? = [:]
      if case .object(let members)? = check["configurations"] {
        let known = members.compactMapValues { settings($0) }
        configurations = known.count == members.count ? known : nil
      }
      guard let configurations, let evaluation = settings(check["evaluation"]) else {
        throw fault("has a 'check' whose settings are no texts", "correct it")
      }
      scope = CheckScope(
        task: task, imageCount: count, dataHash: check["validation"]?.stringValue,
        tolerance: tolerance, configurations: configurations, evaluation: evaluation)
    } else {
      scope = nil
    }
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
        figure.method,
        [figure.architecture, figure.configuration].compactMap { $0 }.joined(separator: ", "),
        figure.epochs.map(String.init) ?? "-", figure.metric,
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
      isVerified: isVerified, configuration: json["configuration"]?.stringValue,
      parameters: json["parameters"]?.intValue,
      multiplyAccumulates: json["multiplyAccumulates"]?.intValue,
      tolerance: json["tolerance"]?.doubleValue, isComparable: json["comparable"] != .bool(false))
  }
}
