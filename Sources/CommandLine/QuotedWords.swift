/// The words of a line of options, as a shell would take them apart.
package enum QuotedWords {
  /// Words apart at white space that is neither in quotes, single or double, nor behind a backslash.
  ///
  /// In single quotes a backslash is itself; nothing is expanded.
  ///
  /// - Returns: Nil where a quote is not closed, or nothing follows a backslash.
  package static func split(_ line: String) -> [String]? {
    var words: [String] = []
    // Nil between words: an empty pair of quotes is a word.
    var word: String?
    var quote: Character?
    var isEscaped = false
    for character in line {
      if isEscaped {
        word = (word ?? "") + String(character)
        isEscaped = false
      } else if character == "\\", quote != "'" {
        isEscaped = true
      } else if let open = quote {
        if character == open { quote = nil } else { word = (word ?? "") + String(character) }
      } else if character == "'" || character == "\"" {
        quote = character
        word = word ?? ""
      } else if character.isWhitespace {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    guard quote == nil, !isEscaped else { return nil }
    return words + (word.map { [$0] } ?? [])
  }
}
