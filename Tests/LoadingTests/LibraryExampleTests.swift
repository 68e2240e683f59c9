import SampleData
import TestSupport
import Testing

/// The program that shows the libraries without the harness.
@Suite("The example program", .timeLimit(.minutes(5)))
struct LibraryExampleTests {
  @Test("It scores a fresh network, and says what is wrong with a folder")
  func runs() throws {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (3, 2), side: 64)).generate(at: folder.file("data"))
    let scored = try ChildProgram.run(
      "library-example", ["random", "data/classification"], in: folder.path)
    #expect(scored.status == 0, "\(scored.errors)")
    #expect(scored.output.contains(#/kNN top-1 \d+\.\d \[\d+\.\d, \d+\.\d\]/#))
    let refused = try ChildProgram.run("library-example", ["random", "nowhere"], in: folder.path)
    #expect(refused.status == 66 && refused.errors.contains("nowhere"))
    #expect(try ChildProgram.run("library-example", [], in: folder.path).status == 64)
  }
}
