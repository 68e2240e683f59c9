import CommandLine
import FileSupport
import Models
import Testing
import VisionData

@testable import Harness

/// Every option that decides weights against every method: it changes the protocol, or is refused.
@Suite("Options of bench-pretrain")
struct PretrainingOptionsTests {
  private typealias Options = PretrainingOptions

  private func settings(_ arguments: [String]) throws -> [String: String] {
    let parsed = try Options.table.parse(["--preset", "smoke"] + arguments)
    return try PretrainingPlan(parsed.options, imageCount: 1000).settings
  }

  /// A value of each option that no smoke run has by itself.
  private static let values: [String: String] = [
    "hidden-size": "48", "output-size": "24", "queue-size": "160", "prototypes": "100",
    "norm-groups": "4", "local-views": "3", "local-size": "20", "start-momentum": "0.9",
    "temperature": "0.3", "crop-scale": "0.33",
  ]

  private static let all = ["moby", "moco-v2", "byol", "moco-v3", "dino", "dino-multicrop"]

  /// The methods that have each option.
  private static let having: [String: Set<String>] = [
    "hidden-size": ["moby", "byol", "moco-v3", "dino", "dino-multicrop"],
    "output-size": Set(all), "queue-size": ["moby", "moco-v2"],
    "prototypes": ["dino", "dino-multicrop"], "norm-groups": ["moco-v2"],
    "local-views": ["dino-multicrop"], "local-size": ["dino-multicrop"],
    "start-momentum": Set(all), "temperature": ["moby", "moco-v2", "moco-v3"],
    "crop-scale": ["moby", "byol", "moco-v3", "dino", "dino-multicrop", "supervised"],
  ]

  @Test(
    "An option of methods changes the protocol of those that have it; others refuse it",
    arguments: MethodDescription.allCases)
  func methodOptions(method: MethodDescription) throws {
    #expect(Set(Options.methodOptions.map(\.name)).isSuperset(of: Self.having.keys))
    let isKnown = Self.all.contains(method.rawValue) || method == .supervised
    let base = try settings(["--method", method.rawValue])
    for (name, value) in Self.values {
      let arguments = ["--method", method.rawValue, "--" + name, value]
      let has =
        isKnown
        ? Self.having[name]?.contains(method.rawValue) == true
        : method.options.contains { $0.name == name }
      if has {
        let changed = try settings(arguments)
        #expect(changed[name] == value && changed != base, "\(method.title) --\(name)")
      } else {
        let error = #expect(throws: UsageError.self, "\(method.title) --\(name)") {
          try Options.table.parse(arguments)
        }
        let text = error.map { "\($0)" } ?? ""
        #expect(error?.exitCode == .usage && text.contains("\(method.title) has no --\(name)"))
        for other in Self.having[name] ?? [] {
          let title = MethodDescription(rawValue: other)?.title ?? "?"
          #expect(text.contains(title), "\(text)")
        }
        #expect(base[name] == nil, "\(method.title) records \(name), which it does not use")
      }
    }
  }

  @Test(
    "An option of every method changes the protocol of each",
    arguments: MethodDescription.allCases)
  func commonOptions(method: MethodDescription) throws {
    let base = try settings(["--method", method.rawValue])
    for (name, value) in [
      ("architecture", "swin-t"), ("on-bad-image", "skip"), ("limit", "32"), ("preset", "mini"),
      ("recipe", "paper"), ("epochs", "7"), ("gflop", "1000"), ("warmup-epochs", "2"),
      ("batch-size", "32"), ("base-learning-rate", "0.5"), ("weight-decay", "0.3"),
      ("optimizer", "lars"), ("drop-path", "0.4"), ("input-size", "48"), ("seeds", "5"),
      ("accumulate", "2"), ("probe-limit", "10"),
    ] {
      // What a paper's recipe changes is the optimiser of methods made for convolutions.
      if name == "recipe", method != .mocoV2, method != .byol { continue }
      let changed = try settings(["--method", method.rawValue, "--" + name, value])
      #expect(changed != base, "\(method.title) --\(name)")
    }
    let oddities = base["oddities of the reference"] ?? "none"
    let mend = ["--method", method.rawValue, "--oddities", "mend"]
    if oddities == "none" {
      #expect(throws: UsageError.self) { try settings(mend) }
    } else {
      #expect(try settings(mend)["oddities of the reference"] == "none")
    }
  }

  @Test("The table of options names no option that these tests leave out")
  func complete() throws {
    let parsed = try Options.table.parse([])
    let others: Set<String> = [
      "method", "architecture", "data", "on-bad-image", "limit", "check", "preset", "recipe",
      "oddities", "epochs", "gflop", "warmup-epochs", "batch-size", "base-learning-rate",
      "weight-decay", "optimizer", "drop-path", "input-size", "seeds", "accumulate", "probe-limit",
      "save-minutes", "forecast", "forecast-only", "threads", "quiet", "restart", "dry-run",
      "output", "cache", "json", "config", "precision", "products", "mpi", "groups",
    ]
    #expect(Set(parsed.settings.map(\.name)) == others.union(Options.methodOptions.map(\.name)))
  }

  @Test(
    "Numbers that mean nothing are refused",
    arguments: [
      ["--epochs", "0"], ["--batch-size", "1"], ["--limit", "0"], ["--threads", "0"],
      ["--queue-size", "0"], ["--hidden-size", "-3"], ["--start-momentum", "1.1"],
      ["--temperature", "0"], ["--temperature", "1e300"], ["--crop-scale", "1"],
      ["--input-size", "30"], ["--gflop", "0"], ["--epochs", "3", "--warmup-epochs", "4"],
      ["--method", "moby", "--preset", "full", "--epochs", "3"],
      ["--epochs", "3", "--gflop", "5"], ["--accumulate", "300"], ["--seeds", "-1"],
      ["--architecture", "swin-t-bn", "--accumulate", "2"],
      ["--method", "dino-multicrop", "--local-views", "15"],
      ["--method", "dino-multicrop", "--local-views", "0"],
      ["--method", "dino-multicrop", "--architecture", "deit-s", "--local-size", "36"],
      ["--architecture", "deit-s", "--input-size", "36"],
      ["--method", "moco-v2", "--norm-groups", "0"],
    ])
  func refused(arguments: [String]) {
    let error = #expect(throws: UsageError.self) { try Options.table.parse(arguments) }
    #expect(error?.exitCode == .usage)
  }

  @Test("A budget counts the images that are trained, those of whole batches")
  func wholeBatches() throws {
    func epochs(_ images: Int) throws -> Int {
      let options = try Options.table.parse([
        "--preset", "smoke", "--batch-size", "32", "--gflop", "1000",
      ]).options
      return try PretrainingPlan(options, imageCount: images).recipe.epochs
    }
    // 63 images are one batch of 32.
    #expect(try epochs(63) == epochs(32))
    #expect(try abs(epochs(32) - 2 * epochs(64)) <= 1)
  }

  @Test("A budget is a number of epochs, or refused", arguments: ["1e30", "1e-9", "1e300"])
  func budgets(gflop: String) throws {
    let error = try #require(throws: UsageError.self) { try settings(["--gflop", gflop]) }
    #expect(error.exitCode == .usage && "\(error)".contains("--gflop"))
  }

  @Test(
    "Sizes that no memory holds are refused before any is taken, by their names",
    arguments: [
      ("moby", "hidden-size", "1000000000"), ("moby", "queue-size", "1073741824"),
      ("moby", "output-size", "1000000000"), ("byol", "hidden-size", "1000000000"),
      ("moco-v3", "hidden-size", "1073741824"), ("moco-v2", "output-size", "1073741824"),
      ("dino", "prototypes", "1073741824"), ("dino", "hidden-size", "10000000"),
    ])
  func memory(method: String, option: String, value: String) throws {
    let parsed = try Options.table.parse(
      ["--preset", "smoke", "--method", method, "--" + option, value])
    let plan = try PretrainingPlan(parsed.options, imageCount: 1000)
    let floor = MemoryFloor(plan, featureCount: 256, classCount: 10)
    let error = try #require(throws: UsageError.self) {
      try floor.check(plan, available: 64 << 30)
    }
    #expect(error.exitCode == .usage && "\(error)".contains("--" + option), "\(error)")
    #expect("\(error)".contains("GiB"))
  }

  @Test("The least memory is below what a training takes, and grows with the batch")
  func memoryFloor() throws {
    func floor(_ batch: Int) throws -> MemoryFloor {
      let parsed = try Options.table.parse(["--preset", "smoke", "--batch-size", "\(batch)"])
      let plan = try PretrainingPlan(parsed.options, imageCount: 1000)
      let floor = MemoryFloor(plan, featureCount: 256, classCount: 10)
      try floor.check(plan, available: 1 << 30)
      return floor
    }
    let (small, large) = (try floor(8), try floor(64))
    #expect(large.images == 8 * small.images && large.heads == small.heads)
    #expect(small.images > 0 && small.heads > 0 && small.encoders > 0)
  }

  @Test("The described views are the transforms of each pipeline")
  func transforms() throws {
    func views(_ method: MethodDescription) -> [any ImageTransform] {
      PretrainingPlan(method.recipe(for: .swin(.tiny)), architecture: .swin(.tiny)).views
    }
    let second = try #require(views(.moby)[1] as? ContrastiveView)
    var expected = ContrastiveView(size: 224)
    (expected.blurProbability, expected.solarizeProbability) = (0.1, 0.2)
    #expect(second == expected)
    #expect(views(.byol)[1] as? BYOLView == BYOLView(size: 224, isSecond: true))
    #expect(views(.supervised)[0] as? SupervisedTransform == SupervisedTransform(size: 224))
    let local = try #require(views(.dinoMultiCrop).last as? ContrastiveView)
    #expect(local.filter == .bicubic && local.size == 96 && local.crop.scale == 0.05...0.4)
  }
}
