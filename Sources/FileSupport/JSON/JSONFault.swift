/// Why bytes are no JSON document, and where.
public struct JSONFault: Error, Equatable {
  /// What is wrong with them.
  public enum Reason: Equatable, Sendable {
    /// They end inside of the document.
    case cutOff
    /// They are something else.
    case malformed
    /// An object has this key twice, and readers differ in which of them counts.
    case repeatedKey(String)
  }

  /// What is wrong.
  public let reason: Reason
  /// The line and the byte of it where it shows, from 1.
  public let line: Int, column: Int

  /// What is wrong, to stand behind the name of what the bytes are.
  public var words: String {
    switch reason {
    case .cutOff: "is cut off, its JSON ends too early"
    case .malformed: "is no valid JSON"
    case .repeatedKey(let key): "has the key '\(key.prefix(40))' twice in one object"
    }
  }

  /// The same with its place.
  public var problem: String { "\(words), in line \(line), byte \(column)" }
}
