import Foundation
import Layers
import Models
import TensorCore
import TestSupport
import Testing

private struct Reference: Decodable {
  struct Attentive: Decodable { let logits: [Double], gradients: [String: [Double]] }
  let attentive: Attentive
}

@Suite("Attentive pooling")
struct AttentivePoolingTests {
  @Test("What a query gathers has the gradient of its definition")
  func gradient() {
    let query = DeterministicFill.tensor("query", [6])
    let tokens = DeterministicFill.tensor("tokens", [2, 5, 12])
    expectGradientsMatch([query, tokens], step: 3e-3) {
      queryAttention(query, tokens, headCount: 3)
    }
  }

  @Test("Logits and gradients are those of V-JEPA's classifier in PyTorch")
  func reference() throws {
    let path = SourceTree.fixture("Evaluation/probes.json")
    let expected = try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path))
    ).attentive
    let classifier = AttentiveClassifier(
      channels: 12, headCount: 3, classCount: 5, initializer: .blank)
    DeterministicFill.fill(classifier.parameters)
    let logits = classifier(DeterministicFill.tensor("tokens", [3, 7, 12]))
    #expect(logits.shape == [3, 5])
    for (own, value) in zip(logits.values, expected.logits) {
      #expect(abs(Double(own) - value) < 1e-5)
    }
    crossEntropy(logits, targets: [1, 4, 0]).backward()
    #expect(Set(classifier.parameters.map(\.key)) == Set(expected.gradients.keys))
    for (key, tensor) in classifier.parameters {
      let gradient = try #require(tensor.gradient, "\(key)").values
      let values = try #require(expected.gradients[key])
      let largest = max(1e-6, values.map(abs).max() ?? 0)
      for (own, value) in zip(gradient, values) {
        #expect(abs(Double(own) - value) < 1e-4 * largest + 1e-7, "\(key)")
      }
    }
  }
}
