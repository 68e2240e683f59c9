import CocoFormat

extension CocoAnnotations {
  /// Where the categories differ from another split's: a network knows those of its training, by
  /// their ids in order, and would take one class for another.
  ///
  /// - Parameter name: What the other file is called.
  /// - Returns: The rest of sentences that start with this file.
  public func categoryDifferences(
    from first: CocoAnnotations, called name: String
  ) -> [String] {
    func names(_ set: CocoAnnotations) -> [Int: String] {
      Dictionary(set.categories.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
    }
    let (known, present) = (names(first), names(self))
    return Set(known.keys).union(present.keys).sorted().compactMap { id in
      switch (known[id], present[id]) {
      case (let a?, let b?) where a != b:
        "calls category \(id) '\(b)' where \(name) calls it '\(a)'"
      case (let a?, nil): "lacks category \(id) '\(a)', which \(name) has"
      case (nil, let b?): "has category \(id) '\(b)', which \(name) lacks"
      default: nil
      }
    }
  }
}
