import CommandLine
import Foundation

/// Checkpoints of whole networks, which are trained on or only scored.
struct WholeNetworkOptions: Sendable {
  /// The files.
  var files: [String] = []
  /// Whether they are scored as they are.
  var evaluatesOnly = false

  /// The options.
  ///
  /// - Parameters:
  ///   - network: The option that names the files, which is what the networks are called.
  ///   - library: Whose keys the files have.
  static func table(network: String, library: String) -> OptionTable<WholeNetworkOptions> {
    OptionTable()
      .option(
        network, \.files, value: "files", .input,
        "\(network.capitalized) checkpoints under \(library)'s keys, with commas: trained on, or "
          + "only scored with --eval-only."
      )
      .flag("eval-only", \.evaluatesOnly, .run, "Score --\(network) without training.")
  }

  /// Refuses options that do not go together.
  ///
  /// - Parameters:
  ///   - network: As for `table`.
  ///   - training: The program's own options that only a training has.
  ///   - backbones: The backbones that are named.
  /// - Throws: `UsageError`.
  func validate(
    network: String, training: [String], backbones: [String], seeds: [Int], given: Set<String>
  ) throws(UsageError) {
    guard !given.contains(network) || !files.isEmpty else {
      throw .conflict("--\(network) names no file.")
    }
    try BackboneOptions.checkDistinct(files, of: network)
    if !files.isEmpty {
      for name in ["architecture", "branch"] where given.contains(name) {
        throw .conflict("--\(name) is about --backbone; --\(network) files are whole networks.")
      }
    }
    guard !evaluatesOnly || !files.isEmpty else {
      throw .conflict("--eval-only needs --\(network).")
    }
    if evaluatesOnly {
      let common = ["train-limit", "learning-rates", "held-out"] + WatchOptions.looks
      for name in training + common where given.contains(name) {
        throw .conflict("--\(name) is about training; --eval-only does none.")
      }
      guard seeds.count == 1 || !given.contains("seeds") else {
        throw .conflict("--eval-only scores each \(network) once; give one of --seeds.")
      }
    }
    guard files.isEmpty || backbones.isEmpty else {
      throw .conflict("give --\(network) or --backbone, not both.")
    }
  }
}
