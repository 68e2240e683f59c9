import FileSupport
import Testing
import VisionData

@Suite("Class order against a classifier")
struct HeadOrderTests {
  @Test("Consistent answers under other names are an error")
  func permuted() {
    let answers = (0..<5).map { label in [Int](repeating: (label + 2) % 5, count: 8) }
    #expect(ClassOrder.judge(answers).severity == .error)
  }

  @Test("Right answers, and answers that follow nothing, are a note")
  func others() {
    let right = (0..<5).map { label in [Int](repeating: label, count: 7) + [(label + 1) % 5] }
    #expect(ClassOrder.judge(right).severity == .note)
    let scattered = (0..<5).map { label in (0..<8).map { ($0 + label) % 5 } }
    #expect(ClassOrder.judge(scattered).severity == .note)
    let collapsed = (0..<5).map { _ in [Int](repeating: 3, count: 8) }
    #expect(ClassOrder.judge(collapsed).severity == .note)
  }
}
