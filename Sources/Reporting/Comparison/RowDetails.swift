import Evaluation
import FileSupport
import Foundation

/// Classes, mistakes and images of a row.
struct RowDetails {
  let records: RunOutcomes

  /// Mistakes that a table shows.
  private let confusionCount = 8

  /// The most frequent mistakes, from the records or else from the result.
  func confusions(_ run: StoredRun) throws(FileError) -> [Confusion] {
    guard let images = try records.of(run).classified() else { return run.result.confusions }
    let names = run.result.classes.map(\.name)
    var counts: [SIMD2<Int>: Int] = [:]
    for at in images.images.indices where images.ranks[at] > 0 {
      counts[SIMD2(images.labels[at], images.predictions[at]), default: 0] += 1
    }
    return counts.sorted { ($1.value, $0.key[0], $0.key[1]) < ($0.value, $1.key[0], $1.key[1]) }
      .filter { names.indices.contains($0.key[0]) && names.indices.contains($0.key[1]) }
      .prefix(confusionCount)
      .map { Confusion(label: names[$0.key[0]], prediction: names[$0.key[1]], count: $0.value) }
  }

  /// How a row differs from its baseline.
  func detail(
    _ row: ComparisonRow, base: ComparisonRow, galleryCount: Int,
    pictures: GalleryPictures.Source
  ) throws(FileError) -> RowDetail {
    let known = Dictionary(
      base.run.result.classes.map { ($0.name, $0.measurement) },
      uniquingKeysWith: { first, _ in first })
    let classes = row.run.result.classes.compactMap { entry -> ClassDifference? in
      guard let other = known[entry.name], entry.measurement.value.isFinite, other.value.isFinite
      else { return nil }
      return ClassDifference(
        name: entry.name, baseline: other.value, value: entry.measurement.value,
        count: entry.measurement.count)
    }
    var images = try changedImages(row.run, base.run)
    let gains = images.filter { $0.gain > 0 }.prefix(galleryCount)
    let losses = images.filter { $0.gain < 0 }.suffix(galleryCount).reversed()
    images = Array(gains) + losses
    if !images.isEmpty {
      let drawn = pictures(row.run, base.run, images.map(\.index))
      for (at, picture) in zip(images.indices, drawn) { images[at].pictures = picture }
    }
    return RowDetail(
      anchor: row.anchor, name: row.name, baseline: base.name,
      classes: classes.sorted {
        ($1.value - $1.baseline, $0.name) < ($0.value - $0.baseline, $1.name)
      }, images: images)
  }

  /// Images by how much better the run did than the baseline, the greatest gain first.
  private func changedImages(
    _ run: StoredRun, _ base: StoredRun
  ) throws(FileError) -> [ChangedImage] {
    let paths = RunImages(folder: run.path)
    let byIndex = paths.map {
      Dictionary(zip($0.indices, $0.paths), uniquingKeysWith: { first, _ in first })
    }
    func sorted(_ images: [ChangedImage]) -> [ChangedImage] {
      images.filter { $0.gain != 0 }.sorted { ($1.gain, $0.index) < ($0.gain, $1.index) }
    }
    if let own = try records.of(run).classified(), let other = try records.of(base).classified(),
      own.images == other.images
    {
      let names = run.result.classes.map(\.name)
      func name(_ label: Int) -> String {
        names.indices.contains(label) ? names[label] : "\(label)"
      }
      return sorted(
        own.images.indices.filter { (own.ranks[$0] == 0) != (other.ranks[$0] == 0) }.map { at in
          ChangedImage(
            index: own.images[at], path: byIndex?[own.images[at]], truth: name(own.labels[at]),
            baseline: name(other.predictions[at]), outcome: name(own.predictions[at]),
            change: "true class from place \(other.ranks[at] + 1) to \(own.ranks[at] + 1)",
            gain: Double(other.ranks[at] - own.ranks[at]))
        })
    }
    guard run.result.task == base.result.task, let own = try records.of(run).imageScores(),
      let before = try records.of(base).imageScores(), own.images == before.images
    else { return [] }
    return sorted(
      own.images.indices.compactMap { at in
        let (value, old) = (own.values[at], before.values[at])
        guard value.isFinite, old.isFinite else { return nil }
        return ChangedImage(
          index: own.images[at], path: byIndex?[own.images[at]],
          truth: "\(own.measure) of this image", baseline: percentage(old),
          outcome: percentage(value), change: points(value - old) + " points", gain: value - old)
      })
  }
}
