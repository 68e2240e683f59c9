import CounterRandom
import FileSupport
import Foundation
import SampleData
import TestSupport
import Testing

/// The programs under a launcher: as many processes as there may be write the bytes of one.
@Suite("Programs that processes share", .serialized, .timeLimit(.minutes(20)))
struct SharedProgramTests {
  /// A program and how it is started.
  struct Job: Sendable, CustomTestStringConvertible {
    let program: String
    let arguments: [String]
    var testDescription: String { ([program] + arguments.prefix(2)).joined(separator: " ") }
  }

  private static let pretraining =
    [
      "moby", "byol", "moco-v2", "moco-v3", "dino", "dino-multicrop", "supervised",
    ].map { pretraining($0) } + [pretraining("moby", more: ["--architecture", "swin-mini-bn"])]

  private static func pretraining(_ method: String, more: [String] = []) -> Job {
    Job(
      program: "bench-pretrain",
      arguments: ["--method", method] + more + [
        "--data", "sample/classification", "--batch-size", "8", "--groups", "4",
        "--epochs", "2", "--no-forecast", "--probe-limit", "16",
      ])
  }

  private static let tasks =
    [
      Job(
        program: "bench-linear",
        arguments: [
          "--no-cached", "--epochs", "2", "--seeds", "0", "--data", "sample/classification",
          "--backbone", "random",
        ]),
      Job(
        program: "bench-linear",
        arguments: [
          "--recipe", "fine-tune-simmim", "--batch-size", "8", "--groups", "4", "--epochs", "2",
          "--mixup", "0.8", "--cutmix", "1", "--evaluate-every", "1", "--seeds", "0", "--data",
          "sample/classification", "--backbone", "random",
        ]),
      Job(
        program: "bench-coco",
        arguments: [
          "--batch-size", "8", "--epochs", "1", "--seeds", "0", "--data", "sample/coco",
          "--backbone",
          "random", "--resamples", "20",
        ]),
      Job(
        program: "bench-ade20k",
        arguments: [
          "--batch-size", "4", "--groups", "4", "--iterations", "4", "--seeds", "0", "--data",
          "sample/ade20k", "--backbone", "random", "--resamples", "20",
        ]),
      Job(
        program: "bench-linear",
        arguments: [
          "--recipe", "logistic", "--regularizations", "1", "--seeds", "0", "--data",
          "sample/classification", "--backbone", "random", "--shifts", "c=made", "--corruptions",
          "fog,impulse_noise", "--severities", "3",
        ]),
    ]
    + ["knn", "linear-40k"].map { recipe in
      Job(
        program: "bench-ade20k",
        arguments: [
          "--recipe", recipe, "--seeds", "0", "--data", "sample/ade20k", "--backbone", "random",
          "--resamples", "20",
        ] + (recipe == "knn" ? [] : ["--batch-size", "4", "--iterations", "6"]))
    }

  private func prepare() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (2, 1), instances: (8, 3), labels: (6, 3)))
      .generate(at: folder.file("sample"))
    return folder
  }

  private func run(
    _ job: Job, in folder: TemporaryDirectory, to output: String,
    under launcher: (MessageLauncher, count: Int)? = nil, more: [String] = []
  ) throws -> [String: Data] {
    let outcome = try ChildProgram.run(
      job.program,
      job.arguments + ["--preset", "smoke", "--output", output, "--cache", output + "-cache"]
        + more, in: folder.path, under: launcher, limit: 200)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try ChildProgram.files(under: folder.file(output))
  }

  private func expectSame(_ launcher: MessageLauncher, _ job: Job, counts: [Int]) throws {
    let folder = try prepare()
    let alone = try run(job, in: folder, to: "one")
    #expect(alone.keys.contains { $0.hasSuffix("result.json") })
    for count in counts {
      let shared = try run(job, in: folder, to: "of \(count)", under: (launcher, count))
      #expect(Set(shared.keys) == Set(alone.keys))
      for (name, bytes) in alone {
        let isSame = shared[name] == bytes
        #expect(isSame, "\(name) of \(count) processes")
      }
    }
  }

  @Test("Open MPI, two and four", .needs(.openMPI), arguments: pretraining + tasks)
  func openMPI(job: Job) throws { try expectSame(.openMPI, job, counts: [2, 4]) }

  @Test("MPICH, two", .needs(.mpich), arguments: pretraining.prefix(1) + tasks)
  func mpich(job: Job) throws { try expectSame(.mpich, job, counts: [2]) }

  @Test(
    "A run whose processes are killed goes on with another number of them", .needs(.openMPI),
    arguments: [pretraining[0], tasks[3]])
  func killed(job: Job) throws {
    let folder = try prepare()
    let more = ["--save-minutes", "0"]
    let long = Job(
      program: job.program,
      arguments: job.arguments + (job.program == "bench-pretrain" ? [] : ["--iterations", "40"]))
    let alone = try run(long, in: folder, to: "one")
    var stream = RandomStream(seed: 3, purpose: .test)
    for count in [4, 2, 4] {
      let cut = try ChildProgram.run(
        long.program,
        long.arguments + more
          + ["--preset", "smoke", "--output", "cut", "--cache", "cut-cache"], in: folder.path,
        killAfter: stream.uniform(0, 0.02), states: 1, output: "cut",
        under: (.openMPI, count), rank: stream.below(count), limit: 100)
      #expect(cut.status != 0 && cut.hasExited, "\(cut.errors)")
    }
    let rest = try run(long, in: folder, to: "cut", under: (.openMPI, 2), more: more)
    #expect(Set(rest.keys) == Set(alone.keys))
    for (name, bytes) in alone {
      let isSame = rest[name] == bytes
      #expect(isSame, "\(name)")
    }
  }

  @Test("The suite is planned by one process and done by all", .needs(.openMPI))
  func suite() throws {
    let folder = try prepare()
    func runs(_ name: String, under launcher: (MessageLauncher, count: Int)?) throws
      -> [String: Data]
    {
      let outcome = try ChildProgram.run(
        "bench-suite",
        [
          "--data", "sample", "--backbone", "random", "--preset", "smoke", "--seeds", "0",
          "--no-open", "--output", name, "--runs", name + "/runs", "--cache", name + "-cache",
          "--coco=--batch-size 8 --resamples 20",
          "--ade20k=--batch-size 4 --groups 4 --resamples 20",
        ], in: folder.path, under: launcher, limit: 300)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(FileManager.default.fileExists(atPath: folder.file(name + "/report.html")))
      return try ChildProgram.files(under: folder.file(name + "/runs"))
    }
    let alone = try runs("one", under: nil)
    #expect(alone.keys.count { $0.hasSuffix("result.json") } == 3)
    let shared = try runs("two", under: (.openMPI, 2))
    #expect(Set(shared.keys) == Set(alone.keys))
    for (name, bytes) in alone {
      let isSame = shared[name] == bytes
      #expect(isSame, "\(name)")
    }
  }

  @Test("A count that the batch does not go into is refused in one sentence", .needs(.openMPI))
  func refused() throws {
    let folder = try prepare()
    let outcome = try ChildProgram.run(
      "bench-pretrain",
      Self.pretraining[0].arguments + ["--preset", "smoke", "--output", "out"], in: folder.path,
      under: (.openMPI, 3), limit: 60)
    #expect(outcome.status == 64, "\(outcome.errors)")
    #expect(outcome.failures.count == 1 && outcome.errors.contains("1, 2 or 4"))
    // A program without --groups says as much, and what it can do.
    let coco = try ChildProgram.run(
      "bench-coco",
      [
        "--preset", "smoke", "--data", "sample/coco", "--backbone", "random", "--batch-size", "4",
        "--output", "out",
      ], in: folder.path, under: (.openMPI, 3), limit: 60)
    #expect(coco.status == 64, "\(coco.errors)")
    #expect(
      coco.errors.contains("groups; start 1 or 2 of them, or give another --batch-size."),
      "\(coco.errors)")
  }

  @Test("A process with other data ends all in one sentence", .needs(.openMPI))
  func otherData() throws {
    let folder = try prepare()
    try SampleSet(.small(images: (3, 1))).generate(at: folder.file("other"))
    let common = [
      ChildProgram.path("bench-pretrain"), "--preset", "smoke", "--epochs", "1", "--batch-size",
      "8",
      "--groups", "2", "--no-forecast",
    ]
    let words =
      MessageLauncher.openMPI.arguments(1) + common + ["--data", "sample/classification"]
      + [":", "-n", "1"] + common + ["--data", "other/classification"]
    let outcome = try ChildProgram.run(
      path: MessageLauncher.openMPI.path, words, in: folder.path, limit: 60)
    #expect(outcome.status == 65, "\(outcome.errors)")
    #expect(outcome.failures.count == 1 && outcome.errors.contains("other data"))
  }

  @Test(
    "A process with other options ends all in one sentence that names one", .needs(.openMPI),
    arguments: [
      ("bench-pretrain", ["--dry-run"]), ("bench-pretrain", ["--seeds", "0,1"]),
      ("bench-pretrain", ["--no-forecast"]), ("bench-pretrain", ["--save-minutes", "1"]),
      ("bench-linear", ["--dry-run"]), ("bench-linear", ["--restart"]),
      ("bench-coco", ["--evaluate-every", "1"]), ("bench-ade20k", ["--evaluate-every", "1"]),
      ("bench-suite", ["--dry-run"]),
    ])
  func otherOptions(program: String, options: [String]) throws {
    let folder = try prepare()
    let data = [
      "bench-pretrain": "sample/classification", "bench-linear": "sample/classification",
      "bench-coco": "sample/coco", "bench-ade20k": "sample/ade20k", "bench-suite": "sample",
    ]
    let common = [
      ChildProgram.path(program), "--preset", "smoke", "--data", data[program] ?? "",
    ]
    // Whichever of them has more to say.
    for (first, second) in [(options, []), ([], options)] {
      let words =
        MessageLauncher.openMPI.arguments(1) + common + first + [":", "-n", "1"] + common + second
      let outcome = try ChildProgram.run(
        path: MessageLauncher.openMPI.path, words, in: folder.path, limit: 60)
      #expect(outcome.status == 65, "\(outcome.errors)")
      let name = options[0].replacing("--no-", with: "--")
      #expect(
        outcome.failures.count == 1
          && outcome.errors.contains("process 1 has other settings (\(name)) than process 0"),
        "\(outcome.errors)")
    }
  }

  @Test("A process of another build ends all in one sentence", .needs(.openMPI))
  func otherBuild() throws {
    let folder = try prepare()
    let other = folder.file("other")
    try FileManager.default.copyItem(atPath: ChildProgram.path("bench-pretrain"), toPath: other)
    let file = try #require(FileHandle(forWritingAtPath: other))
    try file.seekToEnd()
    try file.write(contentsOf: Data([0]))
    try file.close()
    let options = [
      "--preset", "smoke", "--epochs", "1", "--batch-size", "8", "--groups", "2", "--data",
      "sample/classification",
    ]
    let words =
      MessageLauncher.openMPI.arguments(1) + [ChildProgram.path("bench-pretrain")] + options
      + [":", "-n", "1", other] + options
    let outcome = try ChildProgram.run(
      path: MessageLauncher.openMPI.path, words, in: folder.path, limit: 60)
    #expect(outcome.status == 65, "\(outcome.errors)")
    #expect(outcome.failures.count == 1 && outcome.errors.contains("another build"))
  }

  @Test("The files that processes see are compared", .needs(.openMPI))
  func comparedFiles() throws {
    let folder = try prepare()
    let copy = folder.file("copy")
    try FileManager.default.copyItem(atPath: folder.file("sample/classification"), toPath: copy)
    func check() throws -> ChildProgram.Outcome {
      func words(_ data: String) -> [String] {
        [ChildProgram.path("bench-data"), "check", "--ranks", "--data", data]
      }
      return try ChildProgram.run(
        path: MessageLauncher.openMPI.path,
        MessageLauncher.openMPI.arguments(1) + words("sample/classification") + [":", "-n", "1"]
          + words("copy"), in: folder.path, limit: 60)
    }
    let same = try check()
    #expect(same.status == 0 && !same.output.contains("ranks/different"), "\(same.output)")
    let images = try FileManager.default.subpathsOfDirectory(atPath: copy)
      .filter { $0.hasSuffix(".JPEG") }
    let image = try #require(images.first)
    // Another picture under the name, then none.
    let path = copy + "/" + image
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(atPath: copy + "/" + images[1], toPath: path)
    let changed = try check()
    #expect(changed.status != 0 && changed.output.contains("other contents for process 1"))
    try FileManager.default.removeItem(atPath: path)
    let fewer = try check()
    #expect(fewer.status != 0 && fewer.output.contains("files for process 1 and"))
  }
}
