/// Attaches a backward step to a result that was computed outside of this library's operations.
///
/// - Parameters:
///   - output: The result.
///   - inputs: What it was computed from.
///   - backward: From the gradient of the output to one gradient an input, nil where none is.
/// - Returns: `output`.
@discardableResult
public func recorded(
  _ output: Tensor, inputs: [Tensor], backward: @escaping (Tensor) -> [Tensor?]
) -> Tensor {
  record(output, inputs: inputs, backward: backward)
}
