import Foundation

/// Keeps a folder for this process; the lock ends with the object or the process.
public final class FolderLock {
  /// The file in the folder that is locked.
  public static let fileName = ".lock"
  private let descriptor: Int32

  /// Takes the lock.
  ///
  /// - Throws: `FileError` when another process has it, or the folder may not be written.
  public init(folder: String) throws(FileError) {
    guard !FileWriting.isOff else {
      descriptor = -1
      return
    }
    let opened = open(folder + "/" + Self.fileName, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard opened >= 0 else {
      let reason = String(cString: strerror(errno))
      throw FileError(
        path: folder, problem: "cannot be written (\(reason))",
        remedy: "change its permissions or choose another --output", exitCode: .cannotWrite)
    }
    guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      close(opened)
      throw FileError(
        path: folder,
        problem: code == EWOULDBLOCK
          ? "is in use by another process"
          : "cannot be locked (\(String(cString: strerror(code))))",
        remedy: code == EWOULDBLOCK
          ? "wait for it or stop it" : "choose an --output on a disk of this machine",
        exitCode: .cannotWrite)
    }
    descriptor = opened
  }

  deinit {
    guard descriptor >= 0 else { return }
    // Unlocked by word: a process that is being started may hold a copy of the descriptor.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
