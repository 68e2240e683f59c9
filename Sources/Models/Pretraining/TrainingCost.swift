/// Floating-point operations of a training step, two for a multiply-add.
public struct TrainingCost: Sendable, Equatable {
  /// Operations an image, all of its views forwards and (online) backwards.
  public let operationsPerImage: Double

  /// Counts a method's passes: an online view costs a forward pass and a backward pass of twice
  /// that, a target view a forward pass.
  ///
  /// - Parameters:
  ///   - inputSize: Side of the (global) views.
  ///   - recomputes: Whether features are computed a second time for their gradients.
  public init(
    _ settings: any MethodSettings, architecture: Architecture, inputSize: Int,
    recomputes: Bool = false
  ) {
    let views = settings.views(inputSize: inputSize).map {
      Double(architecture.multiplyAdds(inputSize: $0.size))
    }
    func sum(_ seen: [Int]) -> Double { seen.reduce(0) { $0 + views[$1] } }
    operationsPerImage =
      2 * ((recomputes ? 4 : 3) * sum(settings.onlineViews) + sum(settings.targetViews))
  }
}
