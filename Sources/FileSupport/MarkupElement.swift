import CFormats

/// An element of a small XML document: its name, its text, and the elements inside.
///
/// Attributes are left out: the annotations that are read here have none.
public struct MarkupElement: Sendable, Equatable {
  /// The name without its prefix.
  public let name: String
  /// The text right inside, without white space around it.
  public fileprivate(set) var text = ""
  /// The elements right inside, in the document's order.
  public fileprivate(set) var children: [MarkupElement] = []

  /// How deep elements may lie, and how many a document may have.
  static let depthLimit = 32, countLimit = 100_000

  fileprivate init(name: String) { self.name = name }

  /// Reads a document.
  ///
  /// - Parameter path: The file, for the message.
  /// - Throws: `DatasetError` for what is no XML, or has a document type or entities.
  public init(_ bytes: [UInt8], path: String) throws(DatasetError) {
    let builder = MarkupBuilder()
    var line: Int32 = 0
    var status: Int32 = 0
    let reason = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 200) { room -> String in
      room.initialize(repeating: 0)
      status = bytes.withUnsafeBytes { bytes in
        cf_xml_read(
          bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count,
          { context, kind, text in
            guard let context, let text else { return 1 }
            let builder = Unmanaged<MarkupBuilder>.fromOpaque(context).takeUnretainedValue()
            return builder.take(Int(kind), text) ? 0 : 1
          }, Unmanaged.passUnretained(builder).toOpaque(), &line, room.baseAddress, room.count)
      }
      return String(decoding: room.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
    guard status == 0, let root = builder.root else {
      throw DatasetError(
        path: path,
        problem: (reason.isEmpty ? "is no XML" : reason)
          + (line > 0 ? " (line \(line))" : ""),
        remedy: status == 2
          ? "install it with: apt-get install libxml2-dev" : "write the file again")
    }
    self = root
  }

  /// The first element of a name right inside; nil where there is none.
  public subscript(name: String) -> MarkupElement? { children.first { $0.name == name } }
}

/// Puts elements together as a reader meets them.
private final class MarkupBuilder {
  private(set) var root: MarkupElement?
  private var open: [MarkupElement] = []
  private var count = 0

  /// - Returns: Whether the document may go on.
  func take(_ kind: Int, _ text: UnsafePointer<CChar>) -> Bool {
    switch kind {
    case CF_XML_START:
      count += 1
      open.append(MarkupElement(name: String(cString: text)))
      return count <= MarkupElement.countLimit && open.count <= MarkupElement.depthLimit
    case CF_XML_TEXT:
      guard !open.isEmpty else { return true }
      open[open.count - 1].text += String(cString: text)
      return true
    default:
      guard var element = open.popLast() else { return false }
      element.text = element.text.trimmed
      if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
      return true
    }
  }
}

extension String {
  /// Without white space at both ends.
  fileprivate var trimmed: String {
    guard let start = firstIndex(where: { !$0.isWhitespace }),
      let end = lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(self[start...end])
  }
}
