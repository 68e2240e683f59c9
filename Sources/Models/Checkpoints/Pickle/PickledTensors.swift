/// Everything in an unpickled object that may matter: tensors, plain values near the top, and what
/// could not be taken.
struct PickledTensors {
  /// Tensors with the keys that lead to them, in the file's order.
  private(set) var tensors: [(keys: [String], tensor: PickleTensor)] = []
  /// Numbers and strings near the top.
  private(set) var metadata: [String: String] = [:]
  /// What stands under names of weights and biases and is no tensor, by the keys that lead to it.
  private(set) var others: [(keys: [String], kind: String)] = []
  /// Classes of whole modules that were met; their weights are not looked for.
  private(set) var modules: [String] = []
  /// Whether something lies deeper than weights do and was left out.
  private(set) var isCut = false
  private var open: Set<ObjectIdentifier> = []
  private var visits = 0

  /// Weights lie a few levels down; deeper nesting is no state dictionary.
  private static let depthLimit = 16
  private static let visitLimit = 2_000_000

  /// Collects what an object holds.
  init(_ root: PickleValue) { walk(root, keys: []) }

  private mutating func walk(_ value: PickleValue, keys: [String]) {
    visits += 1
    guard keys.count < Self.depthLimit, visits < Self.visitLimit else {
      isCut = true
      return
    }
    // Arguments and configurations; an optimiser's numbers say nothing of the network.
    let isOptimizer = keys.first.map { $0.contains("optimizer") || $0.contains("sched") } ?? false
    let isNearTop = keys.count < 8 && !isOptimizer
    func note(_ text: String, _ metadata: inout [String: String]) {
      if isNearTop { metadata[keys.joined(separator: "/")] = text }
    }
    if let name = keys.last, name.hasSuffix("weight") || name.hasSuffix("bias"),
      let kind = value.kindOfNoTensor
    {
      others.append((keys, kind))
    }
    switch value {
    case .tensor(let tensor): tensors.append((keys, tensor))
    case .dictionary(let dictionary): enter(dictionary, dictionary.pairs, keys)
    case .opaque(let object):
      let names = Set(object.contents.pairs.compactMap(\.key.asString))
      if names.contains("_parameters"), names.contains("_modules") {
        modules.append(object.name)
      } else {
        enter(object, object.contents.pairs, keys)
      }
    case .list(let list): enter(list, Self.numbered(list.items), keys)
    case .tuple(let tuple):
      for (key, child) in Self.numbered(tuple.items) { descend(key, child, keys) }
    case .int(let number): note(String(number), &metadata)
    case .float(let number): note(String(number), &metadata)
    case .bool(let flag): note(flag ? "true" : "false", &metadata)
    case .string(let text): if text.utf8.count < 1 << 16 { note(text, &metadata) }
    case .none, .bytes, .global, .storage: break
    }
  }

  private static func numbered(
    _ items: [PickleValue]
  ) -> [(key: PickleValue, value: PickleValue)] {
    items.prefix(4096).enumerated().map { (.int($0), $1) }
  }

  private mutating func enter(
    _ container: AnyObject, _ pairs: [(key: PickleValue, value: PickleValue)], _ keys: [String]
  ) {
    let identity = ObjectIdentifier(container)
    // What contains itself is not entered twice.
    guard open.insert(identity).inserted else { return }
    for (key, child) in pairs { descend(key, child, keys) }
    open.remove(identity)
  }

  private mutating func descend(_ key: PickleValue, _ child: PickleValue, _ keys: [String]) {
    guard let name = key.asString ?? key.asInt.map(String.init) else { return }
    walk(child, keys: keys + [name])
  }
}
