/// At most `wanted` of `count` places, evenly spread from the first on.
public func evenPlaces(_ wanted: Int, of count: Int) -> [Int] {
  let taken = min(wanted, count)
  return (0..<max(0, taken)).map { $0 * count / taken }
}

extension ImageFolder {
  /// At most `limit` images, the first of every class in turn, in the folder's order; nil is all.
  public func evenly(_ limit: Int?) -> [Int] {
    guard let limit, limit < count else { return Array(0..<count) }
    var byClass = [[Int]](repeating: [], count: max(1, classNames.count))
    for (index, label) in labels.enumerated() { byClass[Int(label)].append(index) }
    var chosen: [Int] = []
    var round = 0
    while chosen.count < limit {
      for images in byClass where round < images.count && chosen.count < limit {
        chosen.append(images[round])
      }
      round += 1
    }
    return chosen.sorted()
  }
}
