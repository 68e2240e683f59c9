import CounterRandom
import FileSupport
import Foundation
import Harness
import Models
import Training
import VisionData

/// States of trainings, their checksums right, and the lines of events beside them.
struct StateDriver: FuzzDriver {
  static let name = "states"
  private let trials: [(trial: StateTrial, tensors: [StateTensor], facts: JSONMutation)]
  private let lines: [[UInt8]]

  init(folder: String) throws {
    trials = try StateTrial.all(in: folder).map { trial in
      let file = try CheckpointFile(path: trial.state.path)
      return (
        trial, file.entries.map { ($0.key, $0.tensor.shape, $0.tensor.floats()) },
        JSONMutation(Array((file.metadata["facts"] ?? "{}").utf8))
      )
    }
    lines = trials.map { (try? FileBytes.read($0.trial.folder + "/events.jsonl")) ?? [] }
  }

  mutating func read(_ random: inout RandomStream) throws {
    let number = random.below(trials.count)
    let (trial, sound, facts) = trials[number]
    var tensors = sound
    var own = facts.text
    switch random.below(4) {
    case 0: change(&tensors, &random)
    case 1, 2: own = facts.changed(&random)
    default: break
    }
    let text = JSONValue(parsing: own) ?? JSONValue(parsing: facts.text) ?? .null
    try trial.state.save(tensors, facts: text)
    try AtomicFile.write(
      random.once(in: 2) ? RecordText.changed(lines[number], &random) : lines[number],
      to: trial.folder + "/events.jsonl")
    if random.once(in: 12) {
      let bytes = try FileBytes.read(trial.state.path)
      try AtomicFile.write(ByteMutation.changed(bytes, &random), to: trial.state.path)
    }
    try trial.train()
  }

  private func change(_ tensors: inout [StateTensor], _ random: inout RandomStream) {
    for _ in 0...random.below(3) {
      guard !tensors.isEmpty else { return }
      // Small tensors are places, counts and steps.
      let small = tensors.indices.filter { tensors[$0].values.count <= 2 }
      let at =
        small.isEmpty || random.once(in: 2) ? random.below(tensors.count) : random.pick(small)
      switch random.below(6) {
      case 0: tensors.remove(at: at)
      case 1: tensors.append((tensors[at].key + "x", tensors[at].shape, tensors[at].values))
      case 2: tensors[at].shape.append(1)
      default:
        let values: [Float] = [
          .nan, .infinity, -.infinity, -1, 0, 0.5, 1, 3, 7, 8, 1e9, 1e30, -1e30, 16_777_216,
        ]
        let value = random.pick(values)
        if random.once(in: 2) {
          tensors[at].values = tensors[at].values.map { _ in value }
        } else if !tensors[at].values.isEmpty {
          tensors[at].values[random.below(tensors[at].values.count)] = value
        }
      }
    }
  }
}

/// Files that programs keep to be quicker the next time: features, and data checks.
struct CacheDriver: FuzzDriver {
  static let name = "caches"
  private let trial: StateTrial
  private let features: [[UInt8]]
  private let folder: String
  private let checks: (path: String, json: JSONMutation)

  init(folder: String) throws {
    self.folder = folder
    let trials = try StateTrial.all(in: folder)
    trial = trials[0]
    features = try trial.features.map { try FileBytes.read($0) }
    let cache = folder + "/checks"
    _ = try DataCheck(root: folder + "/images", depth: .full).run(cachedIn: cache, threadCount: 1)
    let name = try FileManager.default.contentsOfDirectory(atPath: cache)[0]
    checks = (cache + "/" + name, JSONMutation(try FileBytes.read(cache + "/" + name)))
  }

  mutating func read(_ random: inout RandomStream) throws {
    if random.once(in: 4) {
      try AtomicFile.write(checks.json.changed(&random), to: checks.path)
      let check = DataCheck(root: folder + "/images", depth: .full)
      _ = try check.run(cachedIn: folder + "/checks", threadCount: 1).text
      return
    }
    for (path, bytes) in zip(trial.features, features) {
      var own = bytes
      for _ in 0..<random.below(3) {
        // The numbers at the end say how long everything is; the labels come before them.
        let tail = own.count - random.below(own.count) / random.pick([1, 2, 4]) - 1
        let value = [UInt8].little(random.pick(ByteMutation.numbers), random.pick([1, 4, 8]))
        for (place, byte) in value.enumerated() where tail + place < own.count {
          own[tail + place] = byte
        }
      }
      if random.once(in: 6) {
        own = ByteMutation.changed(own, &random)
      } else if own.count >= 64 {
        // The last 64 bytes hold lengths, and the checksum of what comes before.
        let sum = own.dropLast(64).withUnsafeBytes { crc32($0) }
        own.replaceSubrange(
          (own.count - 32)..<(own.count - 24), with: [UInt8].little(UInt64(sum), 8))
      }
      try AtomicFile.write(own, to: path)
    }
    trial.state.remove()
    try trial.train()
  }
}

/// Files of checksummed lines whose rows are changed and whose checksums are right.
enum RecordText {
  static func changed(_ bytes: [UInt8], _ random: inout RandomStream) -> [UInt8] {
    var lines = bytes.split(separator: 0x0A).map(Array.init)
    for _ in 0...random.below(3) {
      guard !lines.isEmpty else { break }
      let at = random.below(lines.count)
      switch random.below(8) {
      case 0: lines.remove(at: at)
      case 1: lines.append(lines[at])
      case 2: lines.swapAt(at, random.below(lines.count))
      case 3: lines[at] = ByteMutation.changed(lines[at], &random)
      default:
        // {"crc":"00000000","row":…}
        guard lines[at].count > 25 else { break }
        let row = JSONMutation(Array(lines[at][24..<lines[at].count - 1])).changed(&random)
        let digits = String(checksum(row), radix: 16)
        let padded = String(repeating: "0", count: 8 - digits.count) + digits
        lines[at] = Array("{\"crc\":\"\(padded)\",\"row\":".utf8) + row + Array("}".utf8)
      }
    }
    return lines.flatMap { $0 + [0x0A] }
  }
}
