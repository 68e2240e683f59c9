import FileSupport

/// One value of a curve of a run.
struct CurvePoint: Equatable {
  /// What it is: `loss`; of one seed of several `loss/seed1`; a number of the result `final/top1`.
  let tag: String
  let value: Double
  let step: Int
}

extension StoredRun {
  /// The learning curves of the run, its steps where it kept them, else its epochs; and, at the last
  /// step, the numbers of its result, so that no run is without a point.
  ///
  /// What is no number is left out.
  var curvePoints: [CurvePoint] {
    let curves = eventPoints ?? epochPoints
    let last = curves.map(\.step).max() ?? 0
    let numbers = result.description.metrics.compactMap { metric in
      result.metrics[metric.key].map {
        CurvePoint(tag: "final/" + metric.key, value: $0.value, step: last)
      }
    }
    return (curves + numbers).filter(\.value.isFinite)
  }

  private var eventPoints: [CurvePoint]? {
    let rows = (try? RecordLines.read(path + "/" + RunEvent.file).rows) ?? []
    let events = rows.compactMap { RunEvent($0) }
    guard !events.isEmpty else { return nil }
    let areSeeded = Set(events.compactMap(\.seed)).count > 1
    return events.flatMap { event -> [CurvePoint] in
      guard let position = event.position else { return [] }
      let tail = areSeeded ? event.seed.map { "/seed\($0)" } ?? "" : ""
      return event.values.sorted { $0.key < $1.key }.map {
        CurvePoint(tag: $0.key + tail, value: $0.value, step: position)
      }
    }
  }

  private var epochPoints: [CurvePoint] {
    result.curves.sorted { $0.key < $1.key }.flatMap { name, values in
      values.enumerated().map { CurvePoint(tag: name, value: $0.element, step: $0.offset + 1) }
    }
  }

  /// The same points for any other logger: JSON lines, one a step, in their order, each an object of
  /// numbers with the step as `step`.
  ///
  ///     {"learning_rate":0.0001,"loss":2.31,"step":7}
  public var stepMetrics: String {
    var steps: [Int: [String: JSONValue]] = [:]
    for point in curvePoints { steps[point.step, default: [:]][point.tag] = .number(point.value) }
    return steps.sorted { $0.key < $1.key }.map { step, values in
      JSONValue.object(values.merging(["step": .integer(step)]) { $1 }).text() + "\n"
    }.joined()
  }

  /// The same points as a file for TensorBoard.
  public var eventFile: EventFile {
    var file = EventFile()
    for point in curvePoints { file.add(tag: point.tag, value: point.value, step: point.step) }
    return file
  }
}
