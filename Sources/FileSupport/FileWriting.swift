import Foundation
import Synchronization

/// Whether this process writes files.
///
/// Of several processes that share one piece of work the first writes, and the others compute the
/// same and keep nothing: for them `AtomicFile`, `AppendOnlyFile` and `FolderLock` do nothing.
public enum FileWriting {
  private static let isSilent = Atomic(false)

  /// Whether nothing is written.
  public static var isOff: Bool {
    get { isSilent.load(ordering: .relaxed) }
    set { isSilent.store(newValue, ordering: .relaxed) }
  }

  /// Removes a file, if it is there.
  public static func remove(_ path: String) {
    if !isOff { unlink(path) }
  }
}
