extension PrecisionRecall {
  /// A detection on a curve that is there in the weighed images.
  struct Step {
    /// Of the detection, as `Event` has them.
    let image: Int32, place: Int32, falsePositive: Int8
    /// 0 for one that is no true positive.
    let weight: Double
    let precision: Double, total: Double
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
  ///
  /// A thousand resamples pass here for every category and threshold, and which images have weight is
  /// as good as random: the loops have no branch on it.
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
      areas += Self.addPositives(scratch.steps, objects, to: &slopes, costs: &scratch.costs)
    }
    addFalsePositives(entry, areaRange, weights, objects, scratch.costs, to: &slopes)
    let area = areas / objects
    let ranges = settings.areaRanges.count
    for (offset, image) in entry.cellImages.enumerated() where weights[Int(image)] > 0 {
      let own = entry.objectCounts[entry.objectCounts.startIndex + offset * ranges + areaRange]
      slopes[Int(image)] -= area * Double(own) / objects
    }
  }

  /// Adds what the true positives of a curve do, and to the costs of a false positive up to each place.
  ///
  /// - Returns: The area, times the objects.
  private static func addPositives(
    _ steps: [Step], _ objects: Double, to slopes: inout [Double], costs: inout [Double]
  ) -> Double {
    var areas = 0.0
    steps.withUnsafeBufferPointer { steps in
      slopes.withUnsafeMutableBufferPointer { slopes in
        // From the last one back: what a true or false positive of weight 1 does to all maxima behind.
        var (gain, cost) = (0.0, 0.0)
        for step in steps.reversed() {
          if step.run > 0 {
            gain += step.run * (1 - step.precision) / step.total
            let lost = step.run * step.precision / step.total
            cost += lost
            costs[Int(step.place)] += lost
          }
          areas += step.weight * step.best
          let own = step.weight > 0 ? step.best + gain : 0
          slopes[Int(step.image)] += (own - Double(step.falsePositive) * cost) / objects
        }
      }
    }
    return areas
  }

  /// Adds what false positives by size alone do, which count at every threshold.
  private func addFalsePositives(
    _ entry: Category, _ areaRange: Int, _ weights: UnsafePointer<Int32>, _ objects: Double,
    _ costs: [Double], to slopes: inout [Double]
  ) {
    let bit = UInt8(areaRange)
    entry.images.withUnsafeBufferPointer { images in
      entry.countsWhenUnmatched.withUnsafeBufferPointer { counts in
        costs.withUnsafeBufferPointer { costs in
          slopes.withUnsafeMutableBufferPointer { slopes in
            var (cost, at) = (0.0, images.count)
            while at > 0 {
              at &-= 1
              cost += costs[at] / objects
              let image = Int(images[at])
              // The sign bit of −weight: 1 where there is one.
              let isThere = Int32(
                truncatingIfNeeded: UInt32(bitPattern: 0 &- weights[image]) &>> 31)
              slopes[image] -= cost * Double(isThere & Int32(counts[at] &>> bit & 1))
            }
          }
        }
      }
    }
  }

  /// The detections of a curve that are there, with the best precision from each on.
  private func steps(
    _ events: ArraySlice<Event>, _ weights: UnsafePointer<Int32>, _ scratch: inout Scratch
  ) {
    let falsePositives = scratch.falsePositives
    scratch.steps = [Step](unsafeUninitializedCapacity: events.count) { steps, count in
      falsePositives.withUnsafeBufferPointer { falsePositives in
        events.withUnsafeBufferPointer { events in
          var (truePositives, correction) = (0, 0)
          for event in events {
            let weight = Int(weights[Int(event.image)])
            correction += weight * Int(event.falsePositive)
            let own = weight * Int(event.truePositive)
            truePositives += own
            let total =
              Double(truePositives + Int(falsePositives[Int(event.place)]) + correction)
            // One without weight is written over by the next.
            steps.initializeElement(
              at: count,
              to: Step(
                image: event.image, place: event.place, falsePositive: event.falsePositive,
                weight: Double(own), precision: own > 0 ? Double(truePositives) / total : 0,
                total: total))
            count += weight > 0 ? 1 : 0
          }
        }
      }
      var (best, precision) = (-1, -1.0)
      for at in stride(from: count - 1, through: 0, by: -1) {
        if steps[at].precision > precision { (best, precision) = (at, steps[at].precision) }
        steps[at].best = precision
        steps[best].run += steps[at].weight
      }
    }
  }
}
