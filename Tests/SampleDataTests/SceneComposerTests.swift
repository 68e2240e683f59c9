import CounterRandom
import Testing

@testable import SampleData

@Suite("Composed scenes")
struct SceneComposerTests {
  /// How many of 300 pictures of a class show some surroundings.
  private func count(_ kind: SampleClass, in place: SampleSurrounding) -> Int {
    (0..<300).count { sample in
      var composer = SceneComposer(
        RandomStream(seed: 5, purpose: .initialization, sample: sample), width: 48, height: 48,
        variety: 0.4)
      return composer.portrait(of: kind).regions.contains { $0.label == place.label }
    }
  }

  @Test("Things are mostly seen where they belong, and others are seen there, too")
  func homes() {
    // Six in ten, and of the rest a share by chance; three deviations of 300 draws are 8 %.
    for (kind, place) in [
      (SampleClass.car, SampleSurrounding.road), (.fish, .water), (.tree, .grass), (.cup, .floor),
      (.star, .sky), (.arrow, .wall),
    ] {
      let share = Double(count(kind, in: place)) / 300
      #expect((0.56...0.96).contains(share), "\(kind) in \(place): \(share)")
    }
    for (kind, place) in [
      (SampleClass.car, SampleSurrounding.water), (.fish, .road), (.cup, .grass), (.star, .floor),
    ] {
      let share = Double(count(kind, in: place)) / 300
      #expect((0.002...0.2).contains(share), "\(kind) in \(place): \(share)")
    }
  }
}
