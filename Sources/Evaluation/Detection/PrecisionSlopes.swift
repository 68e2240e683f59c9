extension PrecisionRecall {
  /// A true positive on a curve.
  struct Step {
    let weight: Double, precision: Double, total: Double
    /// The best precision from here on, and the weight of all steps that have it from here.
    var best = 0.0, run = 0.0
  }

  /// Adds to every image's slope how fast the sum of the areas under a category's curves at some
  /// thresholds grows with the image's weight; `prepare` comes first.
  ///
  /// The area is that under the interpolated curve, Σ wₖ·Pₖ / objects over true positives k with
  /// Pₖ = max over j ≥ k of TPⱼ / (TPⱼ + FPⱼ); COCO's mean over 101 recalls is a reading of it, whose
  /// own slope is 0 almost everywhere. An image adds its true positives at their precision, more
  /// objects to be found, and moves the precision of every maximum behind its detections:
  ///
  ///     ∂A/∂wᵢ = (Σ_{k of i} Pₖ − A·objectsᵢ + Σₘ runₘ·((1 − Pₘ)·TPᵢ(≤ m) − Pₘ·FPᵢ(≤ m)) / totalₘ)
  ///              / objects
  func addSlopes(
    category: Int, areaRange: Int, thresholds: [Int], objectCount: Int,
    weights: UnsafePointer<Int32>, _ scratch: inout Scratch, to slopes: inout [Double]
  ) {
    let entry = categories[category]
    let count = entry.images.count
    let objects = Double(objectCount)
    scratch.costs.removeAll(keepingCapacity: true)
    scratch.costs.append(contentsOf: repeatElement(0, count: count))
    var areas = 0.0
    for threshold in thresholds {
      let list = areaRange * settings.overlapThresholds.count + threshold
      let events = (list == 0 ? 0 : entry.eventEnds[list - 1])..<entry.eventEnds[list]
      steps(entry.events[events], weights, &scratch)
      // From the last event back: what a true or false positive of weight 1 does to all maxima behind.
      var (gain, cost) = (0.0, 0.0)
      var step = scratch.steps.count
      for event in entry.events[events].reversed() {
        let weight = Int(weights[Int(event.image)])
        guard weight > 0 else { continue }
        if event.truePositive == 1 {
          step -= 1
          let own = scratch.steps[step]
          if own.run > 0 {
            gain += own.run * (1 - own.precision) / own.total
            let lost = own.run * own.precision / own.total
            cost += lost
            scratch.costs[Int(event.place)] += lost
          }
          areas += own.weight * own.best
          slopes[Int(event.image)] += (own.best + gain) / objects
        }
        slopes[Int(event.image)] -= Double(event.falsePositive) * cost / objects
      }
    }
    // False positives by size alone count at every threshold.
    let bit = UInt8(areaRange)
    var cost = 0.0
    for at in stride(from: count - 1, through: 0, by: -1) {
      cost += scratch.costs[at]
      let image = Int(entry.images[at])
      guard cost > 0, entry.countsWhenUnmatched[at] >> bit & 1 == 1, weights[image] > 0 else {
        continue
      }
      slopes[image] -= cost / objects
    }
    let area = areas / objects
    let ranges = settings.areaRanges.count
    for (offset, image) in entry.cellImages.enumerated() where weights[Int(image)] > 0 {
      let own = entry.objectCounts[entry.objectCounts.startIndex + offset * ranges + areaRange]
      slopes[Int(image)] -= area * Double(own) / objects
    }
  }

  /// The true positives of a curve with the best precision from each on.
  private func steps(
    _ events: ArraySlice<Event>, _ weights: UnsafePointer<Int32>, _ scratch: inout Scratch
  ) {
    var (truePositives, correction) = (0, 0)
    scratch.steps.removeAll(keepingCapacity: true)
    for event in events {
      let weight = Int(weights[Int(event.image)])
      guard weight > 0 else { continue }
      correction += weight * Int(event.falsePositive)
      guard event.truePositive == 1 else { continue }
      truePositives += weight
      let total = truePositives + Int(scratch.falsePositives[Int(event.place)]) + correction
      scratch.steps.append(
        Step(
          weight: Double(weight), precision: Double(truePositives) / Double(total),
          total: Double(total)))
    }
    var best = -1
    for at in stride(from: scratch.steps.count - 1, through: 0, by: -1) {
      if best < 0 || scratch.steps[at].precision > scratch.steps[best].precision { best = at }
      scratch.steps[at].best = scratch.steps[best].precision
      scratch.steps[best].run += scratch.steps[at].weight
    }
  }
}
