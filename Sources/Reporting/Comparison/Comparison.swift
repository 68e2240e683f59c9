import Evaluation

/// One number of one row.
public struct ComparisonCell: Sendable {
  /// What `bench-report explain` takes: `linear/moby/top1`.
  public let id: String
  /// What is measured.
  public let metric: MetricDescription
  /// The number: a fraction, the mean over seeds.
  public let value: Double
  /// Its 95 % interval over images; nil where there is none.
  public let interval: Interval?
  /// Images it was measured on.
  public let count: Int
  /// The number of every seed, when there are several.
  public let seeds: Spread?
  /// The difference to the baseline; nil for the baseline itself and where there is no test.
  public internal(set) var delta: Delta?
  /// Why there is no verdict although there is a baseline, and the difference if both have a number.
  public let untested: String?, rawDifference: Double?
}

/// One method and backbone: a run, or several that differ in their seeds alone.
public struct ComparisonRow: Sendable {
  /// The part of the cells' names that is the row's.
  public let slug: String
  /// The name in tables: the backbone's, with what it differs in from another of that name.
  public let name: String
  /// What `--baseline` takes for it: the backbone's name, or the one in tables where that may be
  /// another row, too.
  public let handle: String
  /// The row's fragment in a page, which stays when other runs come and go.
  public let anchor: String
  /// The runs, at least one.
  public let runs: [StoredRun]
  /// Whether the others are compared with this row.
  public let isBaseline: Bool
  /// How the protocol differs from that of the table, one setting an entry; empty where it does not.
  public let deviations: [String]
  /// The network of the baseline, where there is none of the row's own network.
  public let baselineNetwork: String?
  /// Cells by the metric's key.
  public internal(set) var cells: [String: ComparisonCell]

  /// The first run, which stands for the row where one is needed.
  public var run: StoredRun { runs[0] }
  /// The network.
  public var architecture: String { run.architecture }
  /// The name with the marks of a deviating protocol and of a baseline with another network.
  public var markedName: String { name + marks }
  var marks: String {
    (deviations.isEmpty ? "" : " †") + (baselineNetwork == nil ? "" : " ‡")
  }

  /// Seconds that one training took, on average; nil where a run did not note them or trained nothing.
  var trainingSeconds: Double? {
    let phases = run.result.description.costPhases
    let times = runs.flatMap { run in
      phases.map { name in run.phases[name].map { $0 / Double(run.trainingCount) } }
    }
    guard !times.isEmpty, run.isTrained, times.allSatisfy({ $0 != nil }) else { return nil }
    return times.compactMap { $0 }.reduce(0, +) / Double(runs.count)
  }

  /// The fragment of one of its numbers.
  func anchor(of metric: MetricDescription) -> String {
    anchor + "-" + metric.key.map { $0.isLetter || $0.isNumber ? String($0) : "-" }.joined()
  }
}

/// A class's number in a row and in the baseline.
public struct ClassDifference: Sendable, Equatable {
  /// The class.
  public let name: String
  /// The baseline's number and the row's, as fractions.
  public let baseline: Double, value: Double
  /// Images of the class; 0 where the task does not say.
  public let count: Int
}

/// An image whose outcome differs much between a row and the baseline.
public struct ChangedImage: Sendable, Equatable {
  /// Position in the data set, and path below the data's folder if the run noted it.
  public let index: Int, path: String?
  /// What it shows, and what the baseline and the row made of it.
  public let truth: String, baseline: String, outcome: String
  /// What changed, in a few words.
  public let change: String
  /// How much better the row did: ranks that the true class gained, or IoU.
  public let gain: Double
  /// The image with what is true and what was said of it, as far as the report was made where they
  /// lie.
  public internal(set) var pictures = GalleryPictures()
}

/// How a row differs from the baseline in classes and images.
public struct RowDetail: Sendable {
  /// The row's fragment and name, and the baseline's name.
  public let anchor: String, name: String, baseline: String
  /// Classes by difference, the greatest gain first.
  public let classes: [ClassDifference]
  /// The images that gained and lost most.
  public internal(set) var images: [ChangedImage]
}

/// Runs of one task on the same data: one table.
public struct ComparisonSection: Sendable {
  /// The part of the cells' names that is the section's.
  public let id: String
  /// What was measured.
  public let task: TaskDescription
  /// The data's name, hashes and counts.
  public let data: [String: String]
  /// The columns: numbers that a row has.
  public let metrics: [MetricDescription]
  /// The rows in order of the first number, the best first; the baseline stands at the top.
  public internal(set) var rows: [ComparisonRow]
  /// Classes and images that differ from the baseline, a detail a compared row.
  public internal(set) var details: [RowDetail]
  /// The most frequent mistakes of each row, by its slug.
  public let confusions: [String: [Confusion]]
  /// What the rows show of single images by themselves, by their slugs.
  public let pictures: [String: [RunPictures]]
  /// Published figures of the task.
  public let published: [PublishedFigures]
  /// Files of records that could not be used, and other things to know.
  public internal(set) var notes: [String]

  /// The rows that others are compared with.
  public var baselines: [ComparisonRow] { rows.filter(\.isBaseline) }

  /// Rows that are compared with a baseline of another network than theirs, by that network.
  var foreignBaselines: [(names: String, lacked: String, network: String)] {
    var networks: [String] = []
    for row in rows {
      guard let network = row.baselineNetwork, !networks.contains(network) else { continue }
      networks.append(network)
    }
    return networks.map { network in
      let group = rows.filter { $0.baselineNetwork == network }
      let lacked = Set(group.map(\.architecture))
      return (
        group.map(\.name).joined(separator: ", "),
        lacked.count == 1 ? "network \(group[0].architecture)" : "their networks", network
      )
    }
  }

  /// Images that the numbers are of, as the run noted it.
  public var imageCount: String? { data["validation images"] ?? data["test images"] }

  /// What the data are, in a line.
  public var dataSummary: String {
    let name = data["name"] ?? "?"
    let count = imageCount.map { ", \($0) images" } ?? ""
    let classes = data["classes"].map { ", \($0) classes" } ?? ""
    return name + count + classes
  }

  /// The number that decides between rows: the first that is tested.
  public var primaryMetric: MetricDescription? { metrics.first { $0.test != .none } }

  /// For each tested number the difference that its least precise comparison finds four times out of
  /// five.
  ///
  /// Alone, and at the first step of the family's correction; infinite where it finds none.
  public func detectable(testCount: Int) -> [(
    metric: MetricDescription, alone: Double, all: Double
  )] {
    metrics.compactMap { metric in
      let deltas = rows.compactMap { $0.cells[metric.key]?.delta }
        .filter { !$0.difference.isTooSmall }
      let first = Delta.significance / Double(max(1, testCount))
      let found = deltas.map { delta in
        (
          delta.difference.detectable(),
          delta.difference.detectable(
            significance: delta.role == .primary ? first : Delta.significance)
        )
      }
      guard let largest = found.map(\.0).max(), largest > 0 else { return nil }
      return (metric, largest, found.map(\.1).max() ?? largest)
    }
  }
}

/// Everything a report says, before it has a form.
public struct Comparison: Sendable {
  /// One table a task and data set.
  public internal(set) var sections: [ComparisonSection]
  /// Folders that are no part of it, with the reason.
  public let leftOut: [RunCatalogue.LeftOut]
  /// What a reader must know of the whole.
  public let remarks: [String]
  /// The differences that Holm's correction is over, one name each: `linear/moby/top1`.
  public let family: [String]
  /// Random swaps of a permutation test.
  public let drawCount: Int
  /// The same against other baselines, for a reader who wants to change it.
  public internal(set) var choices: [BaselineChoice] = []
  /// Tests that Holm's correction is over.
  public var testCount: Int { family.count }
  /// Tests outside of the family.
  public var exploratoryCount: Int {
    cells.count { $0.cell.delta?.role == .exploratory }
  }

  /// The runs of every row.
  public var runs: [StoredRun] { sections.flatMap { $0.rows.flatMap(\.runs) } }

  /// Every cell with its place, in the order of the tables.
  public var cells:
    [(
      section: ComparisonSection, row: ComparisonRow, metric: MetricDescription,
      cell: ComparisonCell
    )]
  {
    sections.flatMap { section in
      section.rows.flatMap { row in
        section.metrics.compactMap { metric in
          row.cells[metric.key].map { (section, row, metric, $0) }
        }
      }
    }
  }
}
