import CounterRandom
import FileSupport
import Foundation

extension ImageFolder {
  /// The images that a file names, a line each, as the published lists of 1 % and 10 % of ImageNet do.
  ///
  /// A name is the path below the split's folder or its last part, where that is unique.
  ///
  /// - Returns: Positions in the folder, ascending.
  /// - Throws: `FileError` for a file that cannot be read, a line that names no image, two, or one that
  ///   an earlier line names, too.
  public func listed(in path: String) throws(FileError) -> [Int] {
    func fault(_ line: Int, _ problem: String, _ remedy: String) -> FileError {
      FileError(path: path, problem: "line \(line) \(problem)", remedy: remedy, exitCode: .badData)
    }
    var places: [String: Int] = [:]
    var repeated: Set<String> = []
    for index in 0..<count {
      let whole = relativePath(index)
      for name in Set([whole, (whole as NSString).lastPathComponent])
      where places.updateValue(index, forKey: name) != nil {
        repeated.insert(name)
      }
    }
    var lines: [Int: Int] = [:]
    let text = String(decoding: try FileBytes.readText(path), as: UTF8.self)
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let name = line.trimmingCharacters(in: .whitespaces)
      guard !name.isEmpty else { continue }
      guard let index = places[name] else {
        throw fault(
          number + 1, "names '\(name.prefix(80))', which \(root) does not have",
          "give a list of its images, a file name a line")
      }
      guard !repeated.contains(name) else {
        throw fault(
          number + 1, "names '\(name.prefix(80))', of which \(root) has several",
          "write the class folder before it")
      }
      if let other = lines.updateValue(number + 1, forKey: index) {
        throw fault(number + 1, "names the image of line \(other) again", "remove one of them")
      }
    }
    guard !lines.isEmpty else {
      throw FileError(
        path: path, problem: "names no image", remedy: "write a file name a line",
        exitCode: .badData)
    }
    return lines.keys.sorted()
  }

  /// Some images of every class, drawn by a seed: k-shot learning.
  ///
  /// - Parameters:
  ///   - shots: Images of a class.
  ///   - order: The images that there are to draw from.
  /// - Returns: Positions in the folder, ascending.
  /// - Throws: `DatasetError` for a class with fewer.
  public func drawn(_ shots: Int, of order: [Int], seed: UInt64) throws(DatasetError) -> [Int] {
    var byClass = [[Int]](repeating: [], count: classNames.count)
    for index in order { byClass[Int(labels[index])].append(index) }
    var chosen: [Int] = []
    for (label, images) in byClass.enumerated() {
      guard images.count >= shots else {
        throw DatasetError(
          path: root + "/" + classNames[label],
          problem: images.isEmpty
            ? "has no image to draw from" : "has \(images.count) images to draw \(shots) from",
          remedy: images.isEmpty ? "add some, or leave the class out of both splits" : "draw fewer")
      }
      var stream = RandomStream(seed: seed, purpose: .sampling, epoch: 1, sample: label)
      chosen += stream.permutation(images.count).prefix(shots).map { images[$0] }
    }
    return chosen.sorted()
  }
}
