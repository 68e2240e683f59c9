import FileSupport
import Foundation
import TestSupport
import Testing

/// Runs the simulation as a child process, as a user would.
@Suite("bench-report simulate", .timeLimit(.minutes(5)))
struct SimulateCommandTests {
  @Test("A small table has a line a number and count of images, and repeats to the byte")
  func table() throws {
    let folder = try TemporaryDirectory()
    let arguments = [
      "simulate", "--tasks", "top-1", "--images", "50", "--trainings", "1,2", "--repetitions", "10",
      "--quiet", "--output",
    ]
    for name in ["a.md", "b.md"] {
      let outcome = try ChildProgram.run(
        "bench-report", arguments + [name] + ["--threads", name == "a.md" ? "1" : "2"],
        in: folder.path)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    let text = String(decoding: try FileBytes.read(folder.file("a.md")), as: UTF8.self)
    #expect(text == String(decoding: try FileBytes.read(folder.file("b.md")), as: UTF8.self))
    #expect(text.contains("McNemar, exact") && text.contains("McNemar, mid-p"))
    #expect(text.contains("images and trainings"))
  }
}
