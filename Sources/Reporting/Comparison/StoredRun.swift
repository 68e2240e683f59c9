import FileSupport
import Foundation

/// A finished run on disk: its result and what is known of how it came about.
public struct StoredRun: Sendable {
  /// The run's folder.
  public let path: String
  /// The seed whose part of a run it is; nil for a run as a whole.
  public let seed: Int?
  /// What it found.
  public let result: RunResult
  /// The command line; nil when the run did not note it.
  public let command: String?
  /// Seconds that it took; nil when the run did not note them.
  public let seconds: Double?
  /// Seconds of each part of the work by its name; empty when they were not noted.
  public let phases: [String: Double]
  /// Threads that it ran on.
  public let threads: Int?
  /// Version and kernels of the engine, by name.
  public let engine: [String: String]
  /// With what products are made where that is not the usual: other numbers of the same settings.
  public let arithmetic: [String: String]

  /// Reads a run's folder.
  ///
  /// - Throws: `FileError` when there is no result, or it is cut off, edited or newer than this
  ///   program, or a file that the result was made from has changed.
  public init(folder: String) throws(FileError) {
    path = folder
    seed = nil
    result = try RunResult(path: folder + "/result.json")
    for (name, digest) in result.files.sorted(by: { $0.key < $1.key }) {
      guard RelativePath.staysInside(name) else {
        throw FileError(
          path: folder + "/result.json", problem: "names '\(name)', a file outside of its folder",
          remedy: "run the benchmark again", exitCode: .badData)
      }
      let file = folder + "/" + name
      guard try SHA256.digest(file: file) == digest else {
        throw FileError(
          path: file, problem: "is not the file that the result was made from",
          remedy: "run the benchmark again", exitCode: .badData)
      }
    }
    // `faults` says where one of these is damaged.
    let timing = (try? RunDocument.read("timing.json", in: folder)) ?? nil
    command = timing?["command"]?.stringValue
    seconds = timing?["seconds"]?.doubleValue
    threads = timing?["threads"]?.intValue
    if case .object(let members)? = timing?["phases"] {
      phases = members.compactMapValues(\.doubleValue)
    } else {
      phases = [:]
    }
    func members(_ key: String, of name: String) -> [String: String] {
      let document = (try? RunDocument.read(name, in: folder)) ?? nil
      guard case .object(let members)? = document?[key] else { return [:] }
      return members.compactMapValues(\.stringValue)
    }
    engine = members("engine", of: "manifest.json")
    arithmetic = members("arithmetic", of: "protocol.json")
  }

  /// The networks of the run: itself, or of several seeds each as a run of its own.
  var networks: [StoredRun] {
    let folders = Set(result.files.keys.compactMap { $0.split(separator: "/").first })
      .filter { $0.hasPrefix("seed-") }
    let seeds = folders.compactMap { Int($0.dropFirst("seed-".count)) }.sorted()
    return seeds.isEmpty
      ? [self] : seeds.map { StoredRun(self, seed: $0) }
  }

  /// What one seed of a run found.
  private init(_ run: StoredRun, seed: Int) {
    let (folder, tail) = ("seed-\(seed)", "_seed\(seed)")
    func own<Value>(_ members: [String: Value]) -> [String: Value] {
      Dictionary(
        members.compactMap { name, value in
          name.hasSuffix(tail) ? (String(name.dropLast(tail.count)), value) : nil
        }, uniquingKeysWith: { first, _ in first })
    }
    path = run.path + "/" + folder
    self.seed = seed
    var result = run.result
    result.metrics = own(result.metrics)
    result.curves = own(result.curves)
    result.files = Dictionary(
      result.files.compactMap { name, digest in
        name.hasPrefix(folder + "/") ? (String(name.dropFirst(folder.count + 1)), digest) : nil
      }, uniquingKeysWith: { first, _ in first })
    self.result = result
    (command, seconds) = (run.command, run.seconds)
    (engine, arithmetic) = (run.engine, run.arithmetic)
    // The run noted the time of all its seeds together, which are alike.
    phases = run.phases
    threads = run.threads
  }

  /// The backbone's name in tables; of a checkpoint of a group, the group's.
  public var name: String { group ?? result.backbone["name"] ?? "?" }
  /// The method whose checkpoints belong together; nil where a checkpoint stands by itself.
  public var group: String? {
    // Spaces around a name are seen by nobody.
    let name = result.backbone["group"]?.trimmingCharacters(in: .whitespaces)
    return name?.isEmpty == true ? nil : name
  }
  /// How many trainings the run's numbers are of.
  var trainingCount: Int { max(1, result.settings["seeds"]?.split(separator: ",").count ?? 1) }
  /// Whether a network was trained for the numbers, rather than one that was there scored.
  var isTrained: Bool { result.settings["seeds"] != nil || result.settings["seed"] != nil }
  /// What runs of one row have in common: the checkpoint, or the group that it is of.
  var methodIdentity: [String: String] {
    group.map { ["group": $0, "architecture": architecture] } ?? result.backbone
  }
  /// The network.
  public var architecture: String { result.backbone["architecture"] ?? "?" }

  /// Settings that decide the numbers, without the seeds: those are repetitions.
  ///
  /// What a network was trained on is protocol, too, and with what it was multiplied.
  public var rowSettings: [String: String] {
    var settings = result.settings.filter { !["seed", "seeds"].contains($0.key) }
    settings.merge(arithmetic) { own, _ in own }
    guard isScoredApart else { return settings }
    if let train = result.data["train"] { settings["training data"] = String(train.prefix(12)) }
    settings["training images"] = result.data["train images"]
    for part in ["train", "test"] {
      settings["contents of \(part) images"] = result.data["\(part) contents"]
        .map { String($0.prefix(12)) }
    }
    return settings
  }

  /// The same without what follows from the network, which is the row's: its name, and how many groups
  /// of images its sums are made in.
  public var protocolSettings: [String: String] {
    var settings = rowSettings
    settings["groups"] = nil
    // Said, so that a difference names both sides.
    for (name, usual) in Self.usualArithmetic where settings[name] == nil {
      settings[name] = usual
    }
    for name in ["network", "segmentor"] {
      // What stands around the network is protocol: `UPerNet Swin-T`.
      settings[name] = settings[name].flatMap(withoutNetwork)
    }
    return settings
  }

  /// What `arithmetic` leaves out.
  private static let usualArithmetic = ["precision": "f32", "products": "own"]

  /// What a setting says beside the network's own name; nil where that is all.
  private func withoutNetwork(_ value: String) -> String? {
    let own = architecture
    guard value != own, value.hasSuffix(" " + own) else { return value == own ? nil : value }
    return String(value.dropLast(own.count + 1))
  }

  /// Whether the numbers are of images that no training saw.
  private var isScoredApart: Bool {
    result.data["test"] != nil || result.data["validation"] != nil
  }

  /// What tells the data that the numbers are of apart: hashes and counts.
  public var dataIdentity: [String: String] {
    guard isScoredApart else {
      // A folder's name tells data apart only where no hash does.
      return result.data.filter { $0.key != "name" || result.data["train"] == nil }
    }
    return result.data.filter {
      ![
        "name", "train", "train images", "train contents", "test contents", "test split",
      ].contains($0.key)
    }
  }

  /// What the run asks where that is another question than its task's: a recipe, so many labels.
  var question: [String: String] {
    result.settings.filter { result.description.questionSettings.contains($0.key) }
  }

  /// What tells its table from others: the data, and what is asked of them.
  var tableIdentity: [String: String] { dataIdentity.merging(question) { $1 } }

  /// The data as its table shows them, with what is asked in their name.
  var shownData: [String: String] {
    let decides = question[TaskDescription.primarySetting].flatMap { key in
      result.description.metrics.first { $0.key == key }
    }
    let asked = [
      question["recipe"], question["measure"], question["shots"].map { "\($0) shots" },
      question["train list"].map { "\($0.prefix { $0 != "," }) of a list" },
      decides.map { "by \($0.title)" },
      question[TaskDescription.scopeSetting].map { "over \($0)" },
    ].compactMap { $0 }
    return result.data.merging([
      "name": ([result.data["name"] ?? ""] + asked).joined(separator: ", ")
    ]) { $1 }
  }

  /// Whether the predictions are not this suite's, so that nothing is known of how they were made.
  public var isMadeElsewhere: Bool { result.settings["made"] == RunResult.madeElsewhere }

  /// What tells the scored files of predictions made elsewhere apart; nil of a run of this suite.
  var predictions: String? { isMadeElsewhere ? result.backbone["sha256"] : nil }

  /// How the backbone was pretrained, as the run says.
  public var method: String? { result.backbone["method"] }
}

/// The runs that a report is made of, and those that it leaves out.
public struct RunCatalogue: Sendable {
  /// A folder that is no part of the report.
  public struct LeftOut: Sendable, Equatable {
    /// The folder or file.
    public let path: String
    /// Why, as a sentence.
    public let reason: String
  }

  /// Readable runs by path.
  public private(set) var runs: [StoredRun] = []
  /// What could not be used, by path.
  public private(set) var leftOut: [LeftOut] = []
  /// What a reader must know of runs that were used.
  public private(set) var remarks: [String] = []

  /// Gathers runs.
  ///
  /// - Parameter paths: Folders of runs, folders that hold such, or `result.json` files.
  /// - Throws: `FileError` when a path does not exist.
  public init(paths: [String]) throws(FileError) {
    for path in paths {
      for folder in try Self.folders(path) { add(folder) }
    }
  }

  /// A catalogue of runs that were read before.
  init(runs: [StoredRun]) { self.runs = runs }

  private mutating func add(_ folder: String) {
    guard !runs.contains(where: { $0.path == folder || $0.path.hasPrefix(folder + "/seed-") })
    else { return }
    do throws(FileError) {
      let run = try StoredRun(folder: folder)
      let networks = run.networks
      runs += networks
      remarks += ([run] + networks.filter { $0.path != run.path }).flatMap(\.faults)
      if !run.result.isSealed {
        remarks.append(
          "\(folder): written before results carried a digest, so an edit would go unnoticed")
      }
    } catch {
      leftOut.append(LeftOut(path: error.path, reason: error.problem + "; " + error.remedy))
    }
  }

  private static func folders(_ path: String) throws(FileError) -> [String] {
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let manager = FileManager.default
    var isFolder: ObjCBool = false
    guard manager.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw FileError(
        path: path, problem: "does not exist", remedy: "run a benchmark first or check the path",
        exitCode: .missingFile)
    }
    guard isFolder.boolValue else {
      guard (path as NSString).lastPathComponent == "result.json" else {
        throw FileError(
          path: path, problem: "is neither a folder nor a result.json",
          remedy: "give the folder of a run, or one that holds runs", exitCode: .badData)
      }
      let folder = RelativePath.folder(of: path)
      return [folder.isEmpty ? "." : folder]
    }
    func isRun(_ folder: String) -> Bool {
      ["result.json", "protocol.json"].contains { manager.fileExists(atPath: folder + "/" + $0) }
    }
    if isRun(path) { return [path] }
    let names = (try? manager.contentsOfDirectory(atPath: path)) ?? []
    return names.sorted().map { path + "/" + $0 }.filter(isRun)
  }
}
