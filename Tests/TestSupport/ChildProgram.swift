import Foundation

/// Runs the package's programs as child processes, as a user would.
public enum ChildProgram {
  /// How a program ended and what it said.
  public struct Outcome {
    public let status: Int32
    public let output, errors: String

    /// Whether it ended by itself, not by a signal.
    public let hasExited: Bool

    /// The sentences that say what went wrong.
    public var failures: [Substring] {
      errors.split(separator: "\n").filter { $0.hasPrefix("Error: ") }
    }
  }

  /// Runs a program to its end, or kills it.
  ///
  /// - Parameters:
  ///   - name: The program; it lies beside the test bundle.
  ///   - folder: The working folder; the program's text is kept there, too.
  ///   - seconds: When to send SIGKILL; nil lets the program finish.
  ///   - states: States that it saves under `output` before the time begins.
  ///   - signal: What is sent in place of SIGKILL.
  ///   - launcher: Who starts it, and how often; nil starts one process.
  ///   - rank: Which of the processes is killed in place of the launcher.
  ///   - environment: Variables that are set beside those of the tests.
  ///   - limit: Seconds after which a program that hangs is killed.
  public static func run(
    _ name: String, _ arguments: [String], in folder: String, killAfter seconds: Double? = nil,
    states: Int = 0, output: String = "", signal: Int32 = SIGKILL,
    under launcher: (MessageLauncher, count: Int)? = nil, rank: Int? = nil,
    environment: [String: String] = [:], limit: Double? = nil
  ) throws -> Outcome {
    let program = path(name)
    guard let (launcher, count) = launcher else {
      return try run(
        path: program, arguments, in: folder, killAfter: seconds, states: states, output: output,
        signal: signal, environment: environment, limit: limit)
    }
    return try run(
      path: try launcher.path, launcher.arguments(count) + [program] + arguments, in: folder,
      killAfter: seconds, states: states, output: output, signal: signal,
      rank: rank.map { (program, $0) }, environment: environment, limit: limit)
  }

  /// Runs any program to its end, or kills it.
  public static func run(
    path: String, _ arguments: [String], in folder: String, killAfter seconds: Double? = nil,
    states: Int = 0, output: String = "", signal: Int32 = SIGKILL,
    rank: (program: String, number: Int)? = nil, environment: [String: String] = [:],
    limit: Double? = nil
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let paths = ["stdout", "stderr"].map { "\(folder)/\($0)-\(UUID().uuidString)" }
    for path in paths { try Data().write(to: URL(fileURLWithPath: path)) }
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: paths[0]))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: paths[1]))
    // The test runner holds signals back, and a process inherits that.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_UNBLOCK, &all, nil)
    try process.run()
    if let seconds {
      wait(for: states, under: folder + "/" + output, of: process)
      Thread.sleep(forTimeInterval: seconds)
      if process.isRunning {
        let ranks = rank.map { processes(of: $0.program, in: folder) } ?? []
        let victim = rank.flatMap { ranks.isEmpty ? nil : ranks[$0.number % ranks.count] }
        kill(victim ?? process.processIdentifier, signal)
      }
    }
    if let limit {
      let end = Date(timeIntervalSinceNow: limit)
      while process.isRunning, Date() < end { Thread.sleep(forTimeInterval: 0.02) }
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }
    process.waitUntilExit()
    let texts = try paths.map {
      String(decoding: try Data(contentsOf: URL(fileURLWithPath: $0)), as: UTF8.self)
    }
    return Outcome(
      status: process.terminationStatus, output: texts[0], errors: texts[1],
      hasExited: process.terminationReason == .exit)
  }

  /// The processes of a program that work in a folder.
  private static func processes(of program: String, in folder: String) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    func target(_ pid: Int32, _ link: String) -> String? {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/\(link)"))
        .map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
    }
    let (program, folder) = (
      URL(fileURLWithPath: program).resolvingSymlinksInPath().path,
      URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
    )
    return names.compactMap { Int32($0) }
      .filter { target($0, "exe") == program && target($0, "cwd") == folder }.sorted()
  }

  /// Where a program of the package lies.
  public static func path(_ name: String) -> String {
    SourceTree.root.path + "/.build/debug/" + name
  }

  /// Waits until a program saved some states of training, or ended.
  private static func wait(for count: Int, under root: String, of process: Process) {
    func stamp() -> [String: Int] {
      var stamps: [String: Int] = [:]
      for path in FileManager.default.subpaths(atPath: root) ?? []
      where path.hasSuffix(".safetensors") && path.contains("/state") {
        var status = stat()
        if stat(root + "/" + path, &status) == 0 { stamps[path] = Int(status.st_ino) }
      }
      return stamps
    }
    var (seen, last) = (0, stamp())
    while seen < count, process.isRunning {
      Thread.sleep(forTimeInterval: 0.002)
      let now = stamp()
      if now != last, !now.isEmpty { seen += 1 }
      last = now
    }
  }

  /// The bytes of every file under a folder, but for what may differ from run to run.
  public static func files(under root: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: root)
    where !path.hasSuffix("timing.json") && !path.hasSuffix(".lock") {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: root + "/" + path, isDirectory: &isFolder)
      if !isFolder.boolValue {
        files[path] = try Data(contentsOf: URL(fileURLWithPath: root + "/" + path))
      }
    }
    return files
  }
}
