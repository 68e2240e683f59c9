/// Floating-point operations of a training step, two for a multiply-add.
public struct TrainingCost: Sendable, Equatable {
  /// Operations an image, all of its views forwards and (online) backwards.
  public let operationsPerImage: Double

  /// Counts a method's passes: an online view costs a forward pass and a backward pass of twice
  /// that, a target view a forward pass.
  ///
  /// - Parameters:
  ///   - inputSize: Side of the global views.
  ///   - localSize: Side of the local ones.
  ///   - recomputes: Whether features are computed a second time for their gradients.
  public init(
    _ recipe: PretrainingRecipe, architecture: Architecture, inputSize: Int, localSize: Int,
    recomputes: Bool = false
  ) {
    let global = Double(architecture.multiplyAdds(inputSize: inputSize))
    let local = Double(architecture.multiplyAdds(inputSize: localSize))
    let onlineGlobals = recipe.method == .supervised || recipe.method == .mocoV2 ? 1.0 : 2.0
    let targets =
      switch recipe.method {
      case .supervised: 0.0
      case .mocoV2: 1.0
      default: 2.0
      }
    let factor = recomputes ? 4.0 : 3.0
    let online = onlineGlobals * global + Double(recipe.localViewCount) * local
    operationsPerImage = 2 * (factor * online + targets * global)
  }
}
