import Threads

/// How a fused operation cuts its rows into panels that stay in the cache of one core.
///
/// The cut depends on the shape alone, never on the number of threads: gradients are summed panel
/// after panel. Few panels are even in number, which keeps two cores level; many are whole rounds of
/// 64, which keeps any usual number of cores level.
struct Panels {
  let count: Int
  // Units that are not torn apart, and how many of them there are.
  private let tile: Int
  private let tileCount: Int
  private let total: Int

  /// - Parameters:
  ///   - units: How many indivisible units (rows, or windows) there are.
  ///   - rowsPerUnit: Rows of the matrices in one unit.
  ///   - width: Numbers a row that are in use between two products.
  init(units: Int, rowsPerUnit: Int, width: Int) {
    // Half of a second-level cache of 1 MiB, in whole tiles of the product's rows.
    tile = max(1, Product.tileRows / rowsPerUnit)
    let largest = max(tile, (1 << 17) / (width * rowsPerUnit) / tile * tile)
    tileCount = (units + tile - 1) / tile
    var panels = max(1, (units + largest - 1) / largest)
    if panels >= Self.round * 3 / 4 {
      panels = (panels + Self.round / 2) / Self.round * Self.round
    } else if panels < Self.round / 2, units > 1 {
      panels += panels % 2
    }
    count = max(1, min(panels, tileCount))
    total = units
  }

  private static let round = 64

  /// The units of one panel.
  subscript(index: Int) -> Range<Int> {
    func start(_ index: Int) -> Int { min(total, tileCount * index / count * tile) }
    return start(index)..<start(index + 1)
  }

  /// The most units any panel has.
  var largestSize: Int { (tileCount + count - 1) / count * tile }

  /// Runs `body` on every panel; a single one leaves the threads to its matrix products.
  func forEach(_ body: (Int, Range<Int>) -> Void) {
    ThreadPool.shared.forEach(count) { body($0, self[$0]) }
  }
}
