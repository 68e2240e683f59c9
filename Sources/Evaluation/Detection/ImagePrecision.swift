extension MatchRecords {
  /// The AP of every image alone: the mean over its categories with objects and all thresholds.
  ///
  /// These do not average to the AP of the set, in which the detections of all images are ordered
  /// together; they tell in which images two detectors differ.
  ///
  /// - Returns: One number an image of `imageIDs`; NaN for an image without objects.
  public func imagePrecisions() -> [Double] {
    let ranges = settings.areaRanges.count
    var sums = [Double](repeating: 0, count: imageIDs.count)
    var counts = [Int](repeating: 0, count: imageIDs.count)
    var scratch = PrecisionRecall.Scratch()
    for cell in cellImages.indices {
      let objects = Int(objectCounts[cell * ranges])
      guard objects > 0 else { continue }
      let image = Int(cellImages[cell])
      for threshold in settings.overlapThresholds.indices {
        let positives = detections(ofCell: cell).lazy.map { detection -> Bool? in
          let isSet = { (bits: UInt16) in bits >> UInt16(threshold) & 1 == 1 }
          return isSet(ignored[detection * ranges]) ? nil : isSet(matched[detection * ranges])
        }
        sums[image] += scratch.averagePrecision(
          positives, objectCount: objects, recalls: settings.recallThresholds)
        counts[image] += 1
      }
    }
    return zip(sums, counts).map { $1 == 0 ? .nan : $0 / Double($1) }
  }
}
