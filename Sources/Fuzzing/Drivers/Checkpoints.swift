import CounterRandom
import FileSupport
import Foundation
import Layers
import Models

/// Small networks in the files that the drivers of checkpoints change.
enum SmallCheckpoints {
  typealias Tensors = [(key: String, shape: [Int], values: [Float])]

  private static let swin = Architecture.swin(
    SwinConfiguration(
      embeddingSize: 8, depths: [1, 1, 1, 1], headCounts: [1, 1, 2, 2], windowSize: 2))

  /// Networks by the names of what reads them.
  static func all() -> [Tensors] {
    let initializer = Initializer(seed: 1)
    let backbone = swin.makeBackbone(inputSize: 64, initializer: initializer)
    let own = entries(backbone)
    var vit = VisionTransformerConfiguration(
      patchSize: 8, embeddingSize: 64, depth: 2, headCount: 1)
    vit.hasFixedPositions = false
    let transformer = entries(
      Architecture.visionTransformer(vit).makeBackbone(inputSize: 32, initializer: initializer))
    var detector = DetectorConfiguration.maskRCNN.miniature(classCount: 3)
    (detector.backbone, detector.channels, detector.hiddenSize) = (swin, 8, 16)
    var cascade = DetectorConfiguration.cascadeMaskRCNN.miniature(classCount: 3)
    (cascade.backbone, cascade.channels, cascade.hiddenSize) = (swin, 8, 16)
    var segmentor = SegmentorConfiguration.miniature(classCount: 3)
    (segmentor.backbone, segmentor.channels, segmentor.auxiliaryChannels) = (swin, 8, 8)
    func named(_ prefixes: [String], _ tensors: Tensors) -> Tensors {
      prefixes.flatMap { prefix in tensors.map { (prefix + $0.key, $0.shape, $0.values) } }
    }
    return [
      own, transformer, named(["encoder.", "encoder_k."], own),
      named(["module.base_encoder.", "module.momentum_encoder."], transformer),
      named(["module.backbone."], transformer),
      entries(Detector(detector, initializer: initializer)),
      entries(Detector(cascade, initializer: initializer)),
      entries(Segmentor(segmentor, initializer: initializer)),
      entries(
        Classifier(ClassifierConfiguration(backbone: swin, classCount: 3), initializer: initializer)
      ),
    ]
  }

  private static func entries(_ module: some Module) -> Tensors { StateDictionary(module).entries }

  /// Gives a file to every reader of checkpoints that may want it.
  static func read(_ path: String, _ random: inout RandomStream) throws {
    let branch = random.pick(Array(CheckpointBranch.allCases))
    let isPartial = random.once(in: 2)
    switch random.below(6) {
    case 0:
      let file = try CheckpointFile(path: path)
      for entry in file.entries { _ = entry.tensor.floats().count }
    case 1, 2:
      let loaded = try BackboneLoader.load(
        path: path, inputSize: random.pick([32, 64, 224]), branch: branch,
        allowsPartial: isPartial)
      _ = loaded.report.summary
      guard loaded.backbone.architecture.isDense else { return }
      try Detector(detector, initializer: .blank).backbone.takeWeights(of: loaded)
    case 3: _ = try Detector.load(path: path, allowsPartial: isPartial).report.summary
    case 4: _ = try Classifier.load(path: path, allowsPartial: isPartial).report.summary
    default: _ = try Segmentor.load(path: path, allowsPartial: isPartial).report.summary
    }
  }

  private static var detector: DetectorConfiguration {
    var small = DetectorConfiguration.maskRCNN.miniature(classCount: 3)
    (small.backbone, small.channels, small.hiddenSize) = (swin, 8, 16)
    return small
  }
}

/// Checkpoints of PyTorch whose pickles are changed opcode by opcode, the checksums of the zip
/// repaired, in both forms of file.
struct PickleDriver: FuzzDriver {
  static let name = "pickle"
  private let path: String
  private var files: [(pickle: PickleMutation, storages: [(name: String, bytes: [UInt8])])] = []

  init(folder: String) throws {
    path = folder + "/input.pth"
    for tensors in SmallCheckpoints.all() {
      // Few tensors, so that a change falls on what matters.
      for part in [Array(tensors.prefix(6)), tensors] {
        try CheckpointWriter.write(part, metadata: [("epoch", "3")], to: path)
        guard let pickle = Self.entry("archive/data.pkl", of: try FileBytes.read(path)) else {
          continue
        }
        files.append(
          (
            PickleMutation(pickle),
            part.enumerated().map { number, tensor in
              ("archive/data/\(number)", tensor.values.withUnsafeBytes { Array($0) })
            }
          ))
      }
    }
  }

  /// The bytes of the first entry, as our own writer lays them out.
  private static func entry(_ name: String, of bytes: [UInt8]) -> [UInt8]? {
    func number(_ at: Int, _ size: Int) -> Int {
      bytes[at..<at + size].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    let start = 30 + number(26, 2) + number(28, 2)
    guard bytes[30...].starts(with: Array(name.utf8)) else { return nil }
    return Array(bytes[start..<start + number(18, 4)])
  }

  mutating func read(_ random: inout RandomStream) throws {
    let file = random.pick(files)
    let pickle = file.pickle.changed(&random)
    if random.once(in: 6) {
      // The form of before PyTorch 1.6: pickles one after the other, then the storages.
      let magic: [UInt8] = [
        0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
      ]
      var keys: [UInt8] = [0x80, 0x02, 0x5D, 0x28]
      var data: [UInt8] = []
      for (number, storage) in file.storages.enumerated() {
        let key = Array(String(number).utf8)
        keys += [0x58] + .little(UInt64(key.count), 4) + key
        data += .little(UInt64(storage.bytes.count / 4), 8) + storage.bytes
      }
      let head = magic + [0x80, 0x02, 0x4D, 0xE9, 0x03, 0x2E, 0x80, 0x02, 0x7D, 0x2E]
      keys += [0x65, 0x2E]
      if random.once(in: 3) { keys = PickleMutation(keys).changed(&random) }
      if random.once(in: 3) { data = ByteMutation.changed(data, &random) }
      try AtomicFile.write(head + pickle + keys + data, to: path)
    } else {
      var entries = [(name: "archive/data.pkl", bytes: pickle)] + file.storages
      if random.once(in: 8) { entries.remove(at: random.below(entries.count)) }
      if random.once(in: 8) { entries.append(random.pick(entries)) }
      if random.once(in: 8) {
        let names = ["archive/byteorder", "byteorder", "archive/constants.pkl", "../x", "/x", ""]
        entries.append((random.pick(names), Array("big".utf8)))
      }
      var bytes = ZipFile.bytes(entries, isDeflated: random.once(in: 6))
      if random.once(in: 10) { bytes = ByteMutation.changed(bytes, &random) }
      try AtomicFile.write(bytes, to: path)
    }
    try SmallCheckpoints.read(path, &random)
  }
}

/// Sound files of tensors whose names and shapes are wrong.
struct ShapeDriver: FuzzDriver {
  static let name = "shapes"
  private let folder: String
  private let sources = SmallCheckpoints.all()

  init(folder: String) throws { self.folder = folder }

  mutating func read(_ random: inout RandomStream) throws {
    var tensors = random.pick(sources)
    for _ in 0...random.below(5) {
      guard !tensors.isEmpty else { break }
      change(&tensors, &random)
    }
    let path = folder + (random.once(in: 2) ? "/input.pth" : "/input.safetensors")
    let group = random.pick(["model", "state_dict", "teacher", "student", "model_ema", ""])
    let metadata = random.once(in: 4) ? [("published_branch", "target")] : []
    try CheckpointWriter.write(tensors, group: group, metadata: metadata, to: path)
    try SmallCheckpoints.read(path, &random)
  }

  private func change(_ tensors: inout SmallCheckpoints.Tensors, _ random: inout RandomStream) {
    let at = random.below(tensors.count)
    var tensor = tensors[at]
    switch random.below(10) {
    case 0: tensors.remove(at: at)
    case 1...4:
      // Another length of an axis, or another number of axes, and as many numbers as that takes.
      let lengths = [0, 1, 2, 3, 5, 7, 8, 9, 16, 48, 64, 100, 1000, 20_000]
      switch random.below(5) {
      case 0: tensor.shape.append(random.pick(lengths))
      case 1: if !tensor.shape.isEmpty { tensor.shape.removeLast() }
      case 2: tensor.shape.reverse()
      default:
        if !tensor.shape.isEmpty {
          tensor.shape[random.below(tensor.shape.count)] = random.pick(lengths)
        }
      }
      var count = 1
      for length in tensor.shape { count = min(1 << 30, count * length) }
      guard count <= 200_000 else { return }
      tensor.values = (0..<count).map {
        tensor.values.isEmpty ? 0 : tensor.values[$0 % tensor.values.count]
      }
      tensors[at] = tensor
    case 5:
      // Numbers in names: stages and blocks that are not there.
      let number = random.pick([
        "0", "1", "5", "15", "16", "999", "1000", "99999999999999999999", "-1",
      ])
      var parts = tensor.key.split(separator: ".", omittingEmptySubsequences: false).map(
        String.init)
      let places = parts.indices.filter { Int(parts[$0]) != nil }
      if places.isEmpty { parts.append(number) } else { parts[random.pick(places)] = number }
      tensor.key = parts.joined(separator: ".")
      tensors.append(tensor)
    case 6:
      let prefix = random.pick([
        "module.", "_orig_mod.", "encoder.", "encoder_q.", "encoder_k.", "backbone.", "model.",
        "base_encoder.", "momentum_backbone.", "online_net.", "swin.", "vit.",
      ])
      if random.once(in: 2) {
        tensors = tensors.map { (prefix + $0.key, $0.shape, $0.values) }
      } else {
        tensors[at].key = prefix + tensor.key
      }
    case 7:
      tensors[at].values = tensor.values.map { _ in
        random.pick([.nan, .infinity, -.infinity, 1e30, 0, 1])
      }
    case 8:
      let other = random.pick(sources)
      tensors += other.prefix(random.below(other.count))
    default:
      let keys = [
        "head.weight", "head.bias", "cls_token", "dist_token", "pos_embed", "mask_token",
        "norm.weight",
        "layers.3.downsample.reduction.weight", "blocks.0.gamma_1", "fc.weight", "queue",
        "queue_ptr",
      ]
      tensors.append((random.pick(keys), tensor.shape, tensor.values))
    }
  }
}

/// Headers of safetensors files, and indices of sharded ones, with the length repaired.
struct TensorTableDriver: FuzzDriver {
  static let name = "safetensors"
  private let folder: String
  private var files: [(header: JSONMutation, data: [UInt8])] = []
  private let index: JSONMutation

  init(folder: String) throws {
    self.folder = folder
    let part = folder + "/part.safetensors"
    for tensors in SmallCheckpoints.all() {
      for few in [Array(tensors.prefix(5)), tensors] {
        try CheckpointWriter.write(few, metadata: [("a", "b")], to: part)
        let bytes = try FileBytes.read(part)
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        files.append((JSONMutation(Array(bytes[8..<8 + length])), Array(bytes[(8 + length)...])))
      }
    }
    let names = SmallCheckpoints.all()[0].map { "\"\($0.key)\":\"part.safetensors\"" }
    let text = "{\"metadata\":{\"total_size\":1},\"weight_map\":{\(names.joined(separator: ","))}}"
    index = JSONMutation(Array(text.utf8))
    try CheckpointWriter.write(SmallCheckpoints.all()[0], to: part)
  }

  mutating func read(_ random: inout RandomStream) throws {
    if random.once(in: 8) {
      let path = folder + "/model.safetensors.index.json"
      try AtomicFile.write(index.changed(&random), to: path)
      return try SmallCheckpoints.read(path, &random)
    }
    let path = folder + "/input.safetensors"
    let file = random.pick(files)
    let header = file.header.changed(&random)
    let length =
      random.once(in: 20) ? random.pick(ByteMutation.numbers) : UInt64(header.count)
    try AtomicFile.write(.little(length, 8) + header + file.data, to: path)
    try SmallCheckpoints.read(path, &random)
  }
}
