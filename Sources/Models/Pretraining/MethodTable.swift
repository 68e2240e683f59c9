extension MethodDescription {
  /// Every pretraining method, in the order of tables.
  public static let allCases: [MethodDescription] = [
    .moby, .mocoV2, .byol, .mocoV3, .dino, .dinoMultiCrop, .supervised,
  ]
}
