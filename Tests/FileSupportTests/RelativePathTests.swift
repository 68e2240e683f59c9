import FileSupport
import Testing

@Suite("Names and paths")
struct RelativePathTests {
  @Test(
    "The folder of a path, of names of one letter, too",
    arguments: [
      ("a/b", "a"), ("a", ""), ("", ""), ("/a", "/"), ("/", "/"), ("a/b/", "a"), ("/a//b", "/a"),
      ("ab/é.png", "ab"), ("../x", ".."), ("x/", ""),
    ])
  func folder(path: String, expected: String) {
    #expect(RelativePath.folder(of: path) == expected)
  }

  @Test("Names that lead out of their folder are told")
  func inside() {
    for name in ["a", "a/b.jpg", "..a/b", "a/...", "./a"] {
      #expect(RelativePath.staysInside(name), "\(name)")
    }
    for name in ["", "/a", "..", "../a", "a/../b", "a/..", "a\u{0}b"] {
      #expect(!RelativePath.staysInside(name), "\(name)")
    }
  }

  @Test("Names of any length and letters leave a file's name that every system takes")
  func slugs() {
    #expect(RelativePath.slug("MoBY, 300 épochs/2") == "moby--300-épochs-2")
    for letter in ["a", "é", "漢", "👩‍👩‍👧"] {
      let slug = RelativePath.slug(String(repeating: letter, count: 300))
      #expect((100...160).contains(slug.utf8.count), "\(letter)")
    }
  }
}
