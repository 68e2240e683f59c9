import Foundation

/// A JSON document whose bytes depend on its contents alone: keys sorted, numbers shortest.
public indirect enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// The document's text; `isPretty` puts each member on a line of its own.
  public func text(isPretty: Bool = false) -> String {
    var out = ""
    write(to: &out, indent: isPretty ? 0 : nil)
    return out
  }

  private func write(to out: inout String, indent: Int?) {
    func line(_ depth: Int) -> String { "\n" + String(repeating: "  ", count: depth) }
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .integer(let value): out += String(value)
    case .number(let value):
      // NaN has no JSON form; null says that there is no number.
      out +=
        !value.isFinite
        ? "null"
        : value == value.rounded() && abs(value) < 1e15
          ? String(Int(value)) : "\(value)"
    case .string(let value): out += jsonLiteral(value)
    case .array(let items):
      // Lists of plain values stay on one line.
      let isFlat = items.allSatisfy(\.isPlain)
      out += "["
      for (index, item) in items.enumerated() {
        if index > 0 { out += indent != nil && isFlat ? ", " : "," }
        if let indent, !isFlat { out += line(indent + 1) }
        item.write(to: &out, indent: indent.map { $0 + 1 })
      }
      if let indent, !isFlat, !items.isEmpty { out += line(indent) }
      out += "]"
    case .object(let members):
      out += "{"
      for (index, key) in members.keys.sorted().enumerated() {
        if index > 0 { out += "," }
        if let indent { out += line(indent + 1) }
        out += jsonLiteral(key) + (indent == nil ? ":" : ": ")
        members[key]?.write(to: &out, indent: indent.map { $0 + 1 })
      }
      if let indent, !members.isEmpty { out += line(indent) }
      out += "}"
    }
  }

  /// Whether the value holds no others.
  private var isPlain: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }

  /// Parses a document; nil when it is not JSON, or an object of it has a key twice.
  public init?(parsing bytes: [UInt8]) {
    guard case .success(let value) = JSONParser.parse(bytes) else { return nil }
    self = value
  }

  /// Parses a document for a reader who is told what is wrong with it.
  ///
  /// - Throws: `JSONFault` where the bytes are not JSON, or an object has a key twice.
  public init(document bytes: [UInt8]) throws(JSONFault) {
    self = try JSONParser.parse(bytes).get()
  }

  /// Parses the bytes of a file.
  ///
  /// - Parameters:
  ///   - path: The file, for the sentence.
  ///   - remedy: What to do about a file that is not JSON.
  /// - Throws: `FileError` with the place where the bytes are not JSON, or an object has a key twice.
  public init(_ bytes: [UInt8], of path: String, remedy: String) throws(FileError) {
    do throws(JSONFault) {
      try self.init(document: bytes)
    } catch {
      throw FileError(path: path, problem: error.problem, remedy: remedy, exitCode: .badData)
    }
  }

  /// The member of an object, or nil.
  public subscript(key: String) -> JSONValue? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  /// The text, when it is one.
  public var stringValue: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The number, when it is one.
  public var doubleValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The whole number, when it is one.
  public var intValue: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The items, when it is a list.
  public var arrayValue: [JSONValue]? {
    if case .array(let items) = self { items } else { nil }
  }
}
