/// Whose attention is told.
public enum AttentionQueries: Sendable {
  /// That of one token.
  case token(Int)
  /// The mean over the tokens of each window.
  case window
}

/// How much attention each token receives in an attention branch, head by head.
///
/// With p = softmax(q kᵀ / √d + bias + mask) of a window it is the row of one query, or the mean of all
/// rows: the weights with which values enter the mean of the window's outputs. Padding slots ask
/// nothing, and what they receive is left out; without them the numbers of a window add up to 1.
///
/// Shapes: `B` images, `L` tokens, `C` channels, `h` heads.
/// - in: x `[B, L, C]`
/// - out: `[B, h, L]`, without gradients
///
/// - Precondition: a single query lies in every window, as in global attention.
public func attentionReceived(
  _ x: Tensor, weights: AttentionWeights, geometry: WindowGeometry, from queries: AttentionQueries
) -> Tensor {
  if case .token(let token) = queries {
    precondition(
      geometry.windowCount == 1 && (0..<geometry.tokenCount).contains(token),
      "token \(token) of \(geometry.tokenCount) in \(geometry.windowCount) windows")
  }
  let job = AttentionJob(x: x, weights: weights, geometry: geometry, factors: nil)
  let (slots, length, row) = (geometry.slotCount, geometry.rowLength, 3 * job.channels)
  let toQKV = weights.qkvWeight.packedForward()
  let (heads, tokens) = (weights.headCount, geometry.tokenCount)
  let out = Tensor(zeros: [x.shape[0], heads, tokens])
  nonisolated(unsafe) let target = out.pointer
  job.panels.forEach { _, windows in
    let normalized = Storage(count: windows.count * slots * Product.rowLength(job.channels))
    let qkv = Storage(count: windows.count * slots * row)
    job.project(windows, by: toQKV, normalized: normalized.pointer, into: qkv.pointer)
    job.forEachHead(windows) { window, own in
      let room = Storage(count: slots * length + job.panelRoom)
      let held = (0..<slots).map { job.token(window: window, slot: $0) }
      let asking = held.indices.filter { slot in
        if case .token(let token) = queries { return slot == token }
        return held[slot] != nil
      }
      for head in own {
        job.probabilities(
          window: window, head: head,
          qkv: qkv.pointer + (window - windows.lowerBound) * slots * row,
          panels: room.pointer + slots * length, into: room.pointer)
        for (slot, token) in held.enumerated() {
          guard let token else { continue }
          var sum: Float = 0
          for query in asking { sum += room.pointer[query * length + slot] }
          let (image, place) = (token / tokens, token % tokens)
          target[(image * heads + head) * tokens + place] = sum / Float(asking.count)
        }
      }
    }
  }
  return out
}
