/// A dense array of Float32 in row-major order that remembers how it was computed.
///
/// A tensor belongs to the thread that computes with it; threads live inside the operations.
/// Operations never change their inputs. Optimisers, initialisers and running statistics write
/// through `pointer`, which only this module and `Layers` may use; see `withValues` for the others.
public final class Tensor {
  /// Lengths of the axes, outermost first.
  public let shape: [Int]
  let storage: Storage
  /// Whether `backward()` leaves a gradient here; set on parameters.
  public var requiresGradient = false
  /// The sum of the gradients of all `backward()` calls since it was last set to nil.
  public var gradient: Tensor?
  /// The operation that made this tensor, while a gradient may still be asked of it.
  var node: GradientNode?

  /// The product of the shape.
  public var elementCount: Int { storage.count }

  /// The first element; valid while the tensor lives.
  ///
  /// For reading, and for what fills a tensor that is new. Only for `TensorCore` and `Layers`,
  /// which a test makes sure of.
  package var pointer: UnsafeMutablePointer<Float> { storage.pointer }

  /// The first element, to change numbers that others may have seen.
  ///
  /// Ask for it anew at every change: it says that what was derived from the old ones is stale.
  package var mutablePointer: UnsafeMutablePointer<Float> {
    storage.version += 1
    return storage.pointer
  }

  init(shape: [Int], storage: Storage) {
    self.shape = shape
    self.storage = storage
  }

  /// A tensor whose contents are not yet defined.
  public convenience init(uninitialized shape: [Int]) {
    precondition(shape.allSatisfy { $0 >= 0 }, "a shape needs lengths of 0 or more, got \(shape)")
    self.init(shape: shape, storage: Storage(count: shape.reduce(1, *)))
  }

  /// A tensor of zeros.
  public convenience init(zeros shape: [Int]) {
    self.init(uninitialized: shape)
    pointer.update(repeating: 0, count: elementCount)
  }

  /// A tensor of one repeated value.
  public convenience init(repeating value: Float, shape: [Int]) {
    self.init(uninitialized: shape)
    pointer.update(repeating: value, count: elementCount)
  }

  /// A tensor with the given values in row-major order.
  ///
  /// - Precondition: there are as many values as the shape has elements.
  public convenience init(_ values: [Float], shape: [Int]) {
    self.init(uninitialized: shape)
    precondition(
      values.count == elementCount,
      "shape \(shape) needs \(elementCount) values, got \(values.count)")
    values.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
    }
  }

  /// A copy of the elements in row-major order.
  public var values: [Float] {
    Array(UnsafeBufferPointer(start: pointer, count: elementCount))
  }

  /// The only element.
  ///
  /// - Precondition: the tensor has one element.
  public var item: Float {
    precondition(
      elementCount == 1, "item needs a tensor of one element, this one has shape \(shape)")
    return pointer[0]
  }

  /// The same elements, cut off from the operations that made them.
  public func detached() -> Tensor { Tensor(shape: shape, storage: storage) }

  /// The same elements under another shape, outside of any recording.
  func viewed(as newShape: [Int]) -> Tensor { Tensor(shape: newShape, storage: storage) }

  /// A copy in memory of its own, cut off from the operations that made it.
  public func copied() -> Tensor {
    let copy = Tensor(uninitialized: shape)
    copy.pointer.update(from: pointer, count: elementCount)
    return copy
  }

  /// The same elements under another shape.
  ///
  /// - Precondition: the element counts agree.
  public func reshaped(to newShape: [Int]) -> Tensor {
    precondition(
      newShape.reduce(1, *) == elementCount, "cannot view \(shape) as \(newShape)")
    let result = Tensor(shape: newShape, storage: storage)
    let oldShape = shape
    return record(result, inputs: [self]) { gradient in
      [Tensor(shape: oldShape, storage: gradient.storage)]
    }
  }
}
