import Testing

@testable import CommandLine

/// Lines of options that are handed through.
@Suite("Words in quotes")
struct QuotedWordsTests {
  @Test("Words are those of a shell")
  func words() {
    let cases: [(String, [String]?)] = [
      ("", []), ("  ", []), ("--cached  --seed 3", ["--cached", "--seed", "3"]),
      ("--images 'my photos'", ["--images", "my photos"]),
      ("--images=\"my photos\"/a", ["--images=my photos/a"]), ("a '' b", ["a", "", "b"]),
      ("my\\ photos \\'a", ["my photos", "'a"]), ("'a\\b' \"a\\\"b\"", ["a\\b", "a\"b"]),
      ("'open", nil), ("\"open", nil), ("end\\", nil),
    ]
    for (line, words) in cases { #expect(QuotedWords.split(line) == words, "\(line)") }
  }
}
