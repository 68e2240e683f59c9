import TensorCore

/// A part of a network that owns parameters under the official key names.
///
/// Every layer lists its tensors itself; nothing is found by reflection. Names are joined with
/// dots, so the tree of modules spells the keys of the published checkpoints.
public protocol Module: AnyObject {
  /// Calls `visit` with the key and tensor of every trainable parameter.
  ///
  /// - Parameter prefix: Empty, or the keys' beginning with its trailing dot.
  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void)

  /// Calls `visit` with the key and tensor of everything else that a checkpoint stores.
  func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void)
}

extension Module {
  /// Most modules store nothing but parameters.
  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {}

  /// Every parameter with its key, in the order the module lists them.
  public var parameters: [(key: String, tensor: Tensor)] {
    var list: [(String, Tensor)] = []
    visitParameters("") { list.append(($0, $1)) }
    return list.map { (key: $0.0, tensor: $0.1) }
  }

  /// Every buffer with its key.
  public var buffers: [(key: String, tensor: Tensor)] {
    var list: [(String, Tensor)] = []
    visitBuffers("") { list.append(($0, $1)) }
    return list.map { (key: $0.0, tensor: $0.1) }
  }

  /// How many numbers the parameters hold.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.tensor.elementCount } }

  /// Turns the gradients of all parameters on or off.
  public func setRequiresGradient(_ value: Bool) {
    visitParameters("") { $1.requiresGradient = value }
  }

  /// Forgets the gradients of all parameters.
  public func clearGradients() {
    visitParameters("") { $1.gradient = nil }
  }
}

/// The tensors of a module by key, copied out of it.
public struct StateDictionary {
  /// Key, shape and values, in the module's order: parameters, then buffers.
  public private(set) var entries: [(key: String, shape: [Int], values: [Float])]

  /// Copies every parameter and buffer of `module`.
  public init(_ module: some Module) {
    entries = (module.parameters + module.buffers).map {
      ($0.key, $0.tensor.shape, $0.tensor.values)
    }
  }

  /// The keys in order.
  public var keys: [String] { entries.map(\.key) }
}

extension Module {
  /// Copies the values of another module of the same structure into this one.
  ///
  /// - Precondition: keys and shapes agree.
  public func copyParameters(from other: some Module) {
    let source = other.parameters + other.buffers
    let target = parameters + buffers
    precondition(source.map(\.key) == target.map(\.key), "modules differ in their keys")
    for (from, to) in zip(source, target) {
      precondition(from.tensor.shape == to.tensor.shape, "\(from.key): shapes differ")
      to.tensor.mutablePointer.update(from: from.tensor.pointer, count: to.tensor.elementCount)
    }
  }
}
