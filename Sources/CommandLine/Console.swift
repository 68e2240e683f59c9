import FileSupport
import Foundation
import Processes

/// Text for people: results on stdout, everything else on stderr.
///
/// Of several processes that work together, the first one speaks for all.
public enum Console {
  /// Writes a line of results.
  ///
  /// A reader that has seen enough (`| head`) ends the program quietly; results that cannot be
  /// written end it with an error, because they would be lost.
  public static func output(_ text: String) {
    if Processes.speaks { write(text + "\n", to: STDOUT_FILENO) }
  }

  /// Writes a line that is no result.
  public static func error(_ text: String) {
    if Processes.speaks { write(text + "\n", to: STDERR_FILENO) }
  }

  /// Columns for help: those of the terminal, between 60 and 100, else 80.
  static var helpWidth: Int { columnCount(STDOUT_FILENO).map { min(100, max(60, $0)) } ?? 80 }

  /// Columns of the terminal behind a descriptor; nil where there is none.
  static func columnCount(_ descriptor: Int32) -> Int? {
    var size = winsize()
    guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
    else { return nil }
    return Int(size.ws_col)
  }

  static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count {
      let put = bytes.withUnsafeBytes { buffer in
        Foundation.write(descriptor, buffer.baseAddress.map { $0 + at }, bytes.count - at)
      }
      if put < 0 {
        let code = errno
        if code == EINTR { continue }
        // What goes to stderr is told to nobody when that fails, too.
        guard descriptor == STDOUT_FILENO else { return }
        if code == EPIPE { Processes.current.abort(exitCode: 0) }
        error(
          "Error: standard output: \(String(cString: strerror(code))); no results were printed.")
        Processes.current.abort(exitCode: ExitCode.cannotWrite.rawValue)
      }
      at += put
    }
  }
}
