import Foundation

/// Held by tests that change what every product of the process is computed with.
let productSettings = NSLock()
