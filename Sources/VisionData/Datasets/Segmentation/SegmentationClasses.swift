import FileSupport
import Foundation

/// The names and colours of a data set's classes, in the order of their indices.
public struct SegmentationClasses: Sendable, Equatable {
  /// One class.
  public struct Entry: Sendable, Equatable {
    /// What it is called.
    public let name: String
    /// Red, green and blue of its colour in pictures.
    public let color: SIMD3<UInt8>
  }

  /// The classes.
  public let entries: [Entry]
  /// How label maps store them, as far as the table says.
  public let encoding: LabelEncoding

  /// How many there are.
  public var count: Int { entries.count }
  /// Their names.
  public var names: [String] { entries.map(\.name) }

  /// A table of names; colours that are missing are made.
  ///
  /// - Precondition: there are 1...254 names.
  public init(
    names: [String], colors: [SIMD3<UInt8>?] = [], labels kind: LabelEncoding.Kind = .reduceZero
  ) {
    entries = names.enumerated().map { index, name in
      Entry(
        name: name.trimmingCharacters(in: .whitespaces),
        color: (index < colors.count ? colors[index] : nil) ?? Self.distinctColor(index + 1))
    }
    encoding = LabelEncoding(kind, classCount: names.count)
  }

  /// The same classes, stored in another way.
  ///
  /// - Throws: `DatasetError` when Cityscapes' ids are asked for with another number of classes.
  public func stored(as kind: LabelEncoding.Kind) throws(DatasetError) -> SegmentationClasses {
    let changed = SegmentationClasses(names: names, colors: entries.map(\.color), labels: kind)
    guard changed.encoding.classCount == count else {
      throw DatasetError(
        path: "--labels \(kind.rawValue)",
        problem: "stands for \(changed.encoding.classCount) classes, the class table has \(count)",
        remedy: "give Cityscapes' class table with --classes cityscapes")
    }
    return changed
  }

  /// A colour that differs from its neighbours': the bits of the number, lowest first, are dealt to
  /// the highest bits of red, green and blue.
  ///
  /// Source: the colour map of the PASCAL VOC development kit.
  public static func distinctColor(_ number: Int) -> SIMD3<UInt8> {
    var color = SIMD3<UInt8>(repeating: 0)
    for bit in 0..<8 {
      for channel in 0..<3 where number >> (3 * bit + channel) & 1 == 1 {
        color[channel] |= 1 << UInt8(7 - bit)
      }
    }
    return color
  }
}

// MARK: Files

extension SegmentationClasses {
  private struct Row {
    let id: Int
    let name: String
    var color: [UInt8]?

    init(id: Int, name: String) {
      self.id = id
      self.name = name
    }

    init?(_ json: JSONValue) {
      guard let id = json["id"]?.intValue, let name = json["name"]?.stringValue else { return nil }
      self.init(id: id, name: name)
      guard let color = json["color"], color != .null else { return }
      guard let values = color.arrayValue?.map({ $0.intValue.flatMap(UInt8.init(exactly:)) }),
        !values.contains(nil)
      else { return nil }
      self.color = values.compactMap { $0 }
    }
  }

  /// The rows of any form of table; nil where it is none.
  ///
  /// - Throws: The key of a map that is no id.
  private static func rows(_ json: JSONValue) throws(WrongKey) -> [Row]? {
    if case .object(let map) = json {
      var rows: [Row] = []
      for (key, name) in map.sorted(by: { $0.key < $1.key }) {
        guard let name = name.stringValue else { return nil }
        guard let id = Int(key) else { throw WrongKey(key: key) }
        rows.append(Row(id: id, name: name))
      }
      return rows
    }
    guard let items = json.arrayValue else { return nil }
    let rows = items.enumerated().compactMap { at, item in
      item.stringValue.map { Row(id: at + 1, name: $0) } ?? Row(item)
    }
    let areAlike = Set(items.map { $0.stringValue == nil }).count <= 1
    return rows.count == items.count && areAlike ? rows : nil
  }

  private struct WrongKey: Error { let key: String }

  /// Reads a table: `[{"id": 1, "name": "wall", "color": [120, 120, 120]}, …]` with colours optional,
  /// `{"1": "wall", …}`, or `["wall", …]` in the order of the indices.
  ///
  /// Ids from 1, or from 0 where 0 is called other, unlabelled, void or ignored, make an encoding in
  /// which 0 does not count; other ids from 0 are class indices themselves.
  ///
  /// - Throws: `DatasetError` when the file is missing, no such table, or its ids have gaps.
  public init(path: String) throws(DatasetError) {
    func fault(_ problem: String) -> DatasetError {
      DatasetError(
        path: path, problem: problem,
        remedy: "write a list of rows like {\"id\": 1, \"name\": \"wall\"}, with ids 1, 2, …")
    }
    let bytes: [UInt8]
    do {
      bytes = try FileBytes.readText(path)
    } catch {
      throw DatasetError(
        path: path, problem: error.problem, remedy: error.remedy, exitCode: error.exitCode)
    }
    var rows: [Row]
    do {
      guard let known = try Self.rows(try JSONValue(document: bytes)) else {
        throw fault("is no table of classes")
      }
      rows = known
    } catch let error as JSONFault {
      throw fault(error.problem)
    } catch let error as WrongKey {
      throw fault("has the key '\(error.key)', which is no id")
    } catch {
      throw fault("is no table of classes")
    }
    rows.sort { $0.id < $1.id }
    let uncounted = ["other", "unlabel", "void", "ignore"]
    if let first = rows.first, first.id == 0,
      uncounted.contains(where: { first.name.lowercased().hasPrefix($0) })
    {
      rows.removeFirst()
    }
    guard let first = rows.first?.id, rows.count <= LabelEncoding.classLimit else {
      throw fault("has \(rows.count) classes where 1...\(LabelEncoding.classLimit) are possible")
    }
    guard first == 0 || first == 1 else { throw fault("starts with id \(first), not 0 or 1") }
    for (row, next) in zip(rows, rows.dropFirst()) where next.id != row.id + 1 {
      throw fault("goes from id \(row.id) to id \(next.id)")
    }
    var names: [String: Int] = [:]
    for row in rows {
      guard !row.name.isEmpty else { throw fault("has no name for id \(row.id)") }
      if let other = names.updateValue(row.id, forKey: row.name) {
        throw fault("calls ids \(other) and \(row.id) both '\(row.name)'")
      }
    }
    for row in rows where row.color.map({ $0.count != 3 }) ?? false {
      throw fault("gives '\(row.name)' a colour that is not three numbers")
    }
    self.init(
      names: rows.map(\.name),
      colors: rows.map { $0.color.map { SIMD3($0[0], $0[1], $0[2]) } },
      labels: first == 0 ? .direct : .reduceZero)
  }

  /// The tables that have names.
  private static let named: [(name: String, classes: SegmentationClasses)] = [
    ("ade20k", .ade20k), ("cityscapes", .cityscapes), ("voc", .voc),
  ]

  /// What a table can be called, for help and messages.
  public static let names = named.map(\.name).joined(separator: ", ")

  /// The table of a data set: its `classes.json`, or ADE20K's where the folder is one.
  ///
  /// - Parameters:
  ///   - choice: `ade20k`, `cityscapes`, `voc` or the path of a table; empty looks in the folders.
  ///   - roots: Folders that may be the data set's, the likeliest first.
  /// - Throws: `DatasetError` when there is none, or it cannot be read.
  public static func find(
    _ choice: String = "", roots: [String]
  ) throws(DatasetError) -> SegmentationClasses {
    if let known = named.first(where: { $0.name == choice }) { return known.classes }
    guard choice.isEmpty else { return try SegmentationClasses(path: choice) }
    let marks = ["objectInfo150.txt", "objectInfo150.csv", "sceneCategories.txt"]
    for root in roots {
      let path = root + "/classes.json"
      if FileManager.default.fileExists(atPath: path) { return try SegmentationClasses(path: path) }
      if marks.contains(where: { FileManager.default.fileExists(atPath: "\(root)/\($0)") }) {
        return .ade20k
      }
    }
    throw DatasetError(
      path: (roots.first ?? ".") + "/classes.json", problem: "does not exist",
      remedy:
        "put a class table there, or name one with --classes (\(names) or a file)",
      exitCode: .missingFile)
  }

  /// The table of a layout: the named one, that of its folder, or its own.
  ///
  /// - Parameter kind: How maps store classes; nil for what the table says.
  /// - Throws: `DatasetError` when there is no table, or it cannot be read.
  public static func of(
    _ layout: SegmentationLayout, _ choice: String = "", labels kind: LabelEncoding.Kind? = nil
  ) throws(DatasetError) -> SegmentationClasses {
    let hasOwn = FileManager.default.fileExists(atPath: layout.root + "/classes.json")
    let table =
      if choice.isEmpty, !hasOwn, let own = layout.classes { own } else {
        try find(choice, roots: [layout.root])
      }
    return if let kind { try table.stored(as: kind) } else { table }
  }

  /// As above with one folder.
  ///
  /// - Throws: `DatasetError` when there is no table, or it cannot be read.
  public static func find(
    _ choice: String = "", root: String
  ) throws(DatasetError) -> SegmentationClasses {
    try find(choice, roots: [root])
  }
}
