import CProduct
import Threads

/// A matrix laid out as the right operand of products: panels of 32 columns, step by step, or pair
/// of steps by pair of steps in bfloat16.
final class PackedMatrix {
  /// Its rows, over which products sum.
  let depth: Int
  /// Its columns, without those that fill the last panel.
  let columns: Int
  let precision: Precision
  /// Where OpenBLAS finds the matrix as it is stored; nil when it is laid out for our own kernels.
  let plain: (start: UnsafePointer<Float>, row: Int, isTransposed: Bool)?
  private let storage: Storage
  private let panelLength: Int

  /// Lays out `[columns, depth]` (`isTransposed`) or `[depth, columns]`, row-major.
  init(
    _ source: UnsafePointer<Float>, depth: Int, columns: Int, isTransposed: Bool,
    precision: Precision = .current
  ) {
    self.depth = depth
    self.columns = columns
    self.precision = precision
    guard ProductLibrary.current == .own else {
      plain = (source, isTransposed ? depth : columns, isTransposed)
      storage = Storage(count: 0)
      panelLength = 0
      return
    }
    plain = nil
    panelLength = Product.panelWidth * (precision == .f32 ? depth : (depth + 1) / 2)
    let panels = (columns + Product.panelWidth - 1) / Product.panelWidth
    storage = Storage(count: panels * panelLength)
    let (target, length) = (storage.pointer, panelLength)
    ThreadPool.shared.forEach(panels) { panel in
      let first = panel * Product.panelWidth
      let width = min(Product.panelWidth, columns - first)
      let (at, row) = (target + panel * length, isTransposed ? depth : columns)
      let from = source + first * (isTransposed ? row : 1)
      let room = precision == .bf16 ? Storage(count: depth * Product.panelWidth) : nil
      _ = Product.layOut(
        from, row: row, isTransposed: isTransposed, columns: width, depth: depth,
        room: room?.pointer, into: at)
    }
  }

  /// Whether it is the layout that a product with so many columns needs now.
  func serves(_ columns: Int) -> Bool {
    self.columns == columns && precision == .current
      && (plain == nil) == (ProductLibrary.current == .own)
  }

  /// Whether it is laid out in pairs of bfloat16.
  var isPaired: Bool { plain == nil && precision == .bf16 }

  var right: Product.Right {
    Product.Right(
      start: UnsafePointer(storage.pointer), step: Product.panelWidth, panel: panelLength,
      isPaired: isPaired)
  }
}

/// What a tensor's storage remembers of its layouts for products.
struct KeptLayout {
  private var version = -1
  private var requests = 0
  private var matrix: PackedMatrix?

  /// Weights that do not change between requests are laid out once; those of a training step,
  /// which serve once or twice, are not kept: that would double their memory for nothing.
  private static let requestsBeforeKeeping = 3

  mutating func matrix(version current: Int, columns: Int, make: () -> PackedMatrix) -> PackedMatrix
  {
    if version != current
      || matrix.map({ !$0.serves(columns) }) == true
    {
      matrix = nil
      (version, requests) = (current, 0)
    }
    if let matrix { return matrix }
    requests += 1
    let made = make()
    if requests >= Self.requestsBeforeKeeping { matrix = made }
    return made
  }
}

extension Tensor {
  /// A linear map's weight `[O, I]` as the right operand of `x Wᵀ`.
  func packedForward() -> PackedMatrix {
    let (outputs, inputs) = (shape[0], elementCount / max(1, shape[0]))
    func make() -> PackedMatrix {
      PackedMatrix(pointer, depth: inputs, columns: outputs, isTransposed: true)
    }
    guard Recorder.isOff else { return make() }
    return storage.forwardLayout.matrix(version: storage.version, columns: outputs, make: make)
  }

  /// A linear map's weight `[O, I]` as the right operand of `dy W`.
  func packedBackward() -> PackedMatrix {
    PackedMatrix(
      pointer, depth: shape[0], columns: elementCount / max(1, shape[0]), isTransposed: false)
  }
}
