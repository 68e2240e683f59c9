import CommandLine
import FileSupport
import Foundation

/// `bench-kernels cluster`: what part of many machines' time would be of use, by a model.
struct ClusterOptions: CommandOptions {
  var training = 6.5
  var inference = 22.2
  var detector = 0.163
  var segmentor = 0.263
  var products = 110.0
  var measuredCores = 2
  var cores = 64
  var latency = 20.0
  var bandwidths = [10.0, 25, 100]
  var summing = 4.0
  var chart: String?

  static var table: OptionTable<ClusterOptions> {
    OptionTable(
      name: "bench-kernels cluster",
      summary: "Predicts from measured speeds how well trainings use 1 to 256 machines.",
      usage: "[options]",
      examples: [
        "bench-kernels cluster", "bench-kernels cluster --training 40 --measured-cores 16",
        "bench-kernels cluster --latency 3 --bandwidths 200 --chart scaling.svg",
      ]
    )
    .option(
      "training", \.training, in: .within(0.001, 1e6), value: "rate", .input,
      "Images a second of a training step of Swin-T, as measured (bench-kernels training)."
    )
    .option(
      "inference", \.inference, in: .within(0.001, 1e6), value: "rate", .input,
      "Images a second of its forward pass (bench-kernels inference)."
    )
    .option(
      "detector", \.detector, in: .within(0.0001, 1e6), value: "rate", .input,
      "Images a second of a training step of Mask R-CNN (bench-kernels detector)."
    )
    .option(
      "segmentor", \.segmentor, in: .within(0.0001, 1e6), value: "rate", .input,
      "Images a second of a training step of UPerNet (bench-kernels segmentor)."
    )
    .option(
      "products", \.products, in: .within(0.1, 1e6), value: "rate", .input,
      "GFLOP/s of a core in matrix products (bench-kernels sgemm)."
    )
    .option(
      "measured-cores", \.measuredCores, in: .within(1, 4096), value: "n", .input,
      "Cores on which the rates of images were measured."
    )
    .option("cores", \.cores, in: .within(1, 4096), value: "n", .input, "Cores of a machine.")
    .option(
      "latency", \.latency, in: .within(0.1, 1e6), value: "us", .input,
      "Microseconds of a message between machines (bench-kernels network)."
    )
    .option(
      "bandwidths", \.bandwidths, in: .within(0.01, 1e5), value: "list", .input,
      "Gbit/s between machines, one way."
    )
    .option(
      "summing", \.summing, in: .within(0.01, 1e4), value: "rate", .input,
      "GB of numbers that a process sums in a second."
    )
    .option("chart", \.chart, value: "file", .output, "Where to draw the curves as SVG.")
  }
}

enum ClusterCommand {
  private static let nodes = (0...8).map { 1 << $0 }

  static func run(_ arguments: [String]) -> Never {
    Command.run(ClusterOptions.self, arguments: arguments) { parsed in
      let options = parsed.options
      Console.output(
        "Assumed: \(options.cores) cores compute \(options.cores / options.measuredCores) times as "
          + "fast as the \(options.measuredCores) measured, one process a machine, and gradients are "
          + "sent during the last group's backward pass.\n")
      for kind in Kind.allCases { Console.output(table(kind, options)) }
      Console.output(days(options))
      if let path = options.chart {
        let gigabits = options.bandwidths[options.bandwidths.count / 2]
        let note =
          "solid: \(Kind.strong.rawValue); dashed: on every machine; "
          + "\(String(format: "%g", gigabits)) Gbit/s"
        try ClusterChart(lines(options), note: note).write(to: path)
      }
      return .success
    }
  }

  private enum Kind: String, CaseIterable {
    case strong = "the published batch in all"
    case weak = "the published batch on every machine"
  }

  private static func workloads(_ options: ClusterOptions) -> [Workload] {
    let cores = Double(options.measuredCores)
    return Workload.published(
      training: cores / options.training, inference: cores / options.inference,
      detector: cores / options.detector,
      segmentor: cores / options.segmentor, products: options.products * 0.5e9)
  }

  private static func cluster(_ options: ClusterOptions, gigabits: Double) -> Cluster {
    Cluster(
      cores: Double(options.cores), latency: options.latency * 1e-6,
      bandwidth: gigabits * 1e9 / 8, summing: options.summing * 1e9)
  }

  private static func efficiency(
    _ kind: Kind, _ workload: Workload, _ nodes: Int, _ cluster: Cluster
  ) -> Double? {
    switch kind {
    case .strong: workload.strong(nodes: nodes, on: cluster)
    case .weak: workload.weak(nodes: nodes, on: cluster)
    }
  }

  private static func table(_ kind: Kind, _ options: ClusterOptions) -> String {
    var lines = [
      "Forecast, not measured: useful part of the machines' time in percent, \(kind.rawValue); "
        + "\(options.cores) cores a machine, \(String(format: "%g", options.latency)) us a message.",
      "", "| training | Gbit/s | " + nodes.map(String.init).joined(separator: " | ") + " |",
      "|---|--:|" + String(repeating: "--:|", count: nodes.count),
    ]
    for workload in workloads(options) {
      for gigabits in options.bandwidths {
        let cluster = cluster(options, gigabits: gigabits)
        let cells = nodes.map { nodes in
          efficiency(kind, workload, nodes, cluster)
            .map { String(format: "%.0f", 100 * $0) } ?? "-"
        }
        lines.append(
          "| \(workload.name) | \(String(format: "%g", gigabits)) | "
            + cells.joined(separator: " | ") + " |")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// How long the published trainings would take.
  ///
  /// A training cannot be shared by more machines than a step has images.
  private static func days(_ options: ClusterOptions) -> String {
    let counts = [1, 8, 64]
    let cluster = cluster(options, gigabits: options.bandwidths[options.bandwidths.count / 2])
    var lines = [
      "Forecast, not measured: hours of the published trainings at "
        + "\(String(format: "%g", cluster.bandwidth * 8 / 1e9)) Gbit/s.",
      "",
      "| training | "
        + counts.map { $0 == 1 ? "1 machine" : "\($0) machines" }.joined(separator: " | ") + " |",
      "|---|" + String(repeating: "--:|", count: counts.count),
    ]
    for workload in workloads(options) {
      let cells = counts.map { count in
        let nodes = min(count, workload.batch)
        let seconds = workload.seconds(nodes: nodes, images: workload.batch, on: cluster)
        let hours = String(format: "%.1f", Double(workload.steps) * seconds / 3600)
        return nodes < count ? "\(hours) on \(nodes)" : hours
      }
      lines.append("| \(workload.name) | " + cells.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A curve for each training at the middle bandwidth, with the published batch in all and on every
  /// machine.
  private static func lines(_ options: ClusterOptions) -> [ClusterChart.Line] {
    let gigabits = options.bandwidths[options.bandwidths.count / 2]
    let cluster = cluster(options, gigabits: gigabits)
    return workloads(options).enumerated().flatMap { color, workload in
      Kind.allCases.map { kind in
        ClusterChart.Line(
          name: workload.name, color: color, isDashed: kind == .weak,
          points: nodes.compactMap { nodes in
            efficiency(kind, workload, nodes, cluster).map { (nodes, $0) }
          })
      }
    }
  }
}
