import Threads

/// How a fused operation cuts its rows into panels that stay in the cache of one core.
///
/// The cut depends on the shape alone, never on the number of threads: gradients are summed panel
/// after panel. An even number of panels keeps two cores level.
struct Panels {
  let count: Int
  private let size: Int
  private let total: Int

  /// - Parameters:
  ///   - units: How many indivisible units (rows, or windows) there are.
  ///   - rowsPerUnit: Rows of the matrices in one unit.
  ///   - width: Numbers a row that are in use between two products.
  init(units: Int, rowsPerUnit: Int, width: Int) {
    // Half of a second-level cache of 1 MiB, in whole tiles of the product's rows.
    let tile = max(1, Product.tileRows / rowsPerUnit)
    let largest = max(tile, (1 << 17) / (width * rowsPerUnit) / tile * tile)
    var panels = max(1, (units + largest - 1) / largest)
    if panels < 32, units > 1 { panels += panels % 2 }
    size = max(1, ((units + panels - 1) / panels + tile - 1) / tile * tile)
    count = (units + size - 1) / size
    total = units
  }

  /// The units of one panel.
  subscript(index: Int) -> Range<Int> { index * size..<min(total, (index + 1) * size) }

  /// The most units any panel has.
  var largestSize: Int { size }

  /// Runs `body` on every panel; a single one leaves the threads to its matrix products.
  func forEach(_ body: (Int, Range<Int>) -> Void) {
    ThreadPool.shared.forEach(count) { body($0, self[$0]) }
  }
}
