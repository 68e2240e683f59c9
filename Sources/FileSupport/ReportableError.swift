import Foundation

/// What a program's exit status says.
public enum ExitCode: Int32, Sendable {
  /// The work is done.
  case success = 0
  /// The work is done and a quality gate failed.
  case gateFailed = 1
  /// The command line is wrong.
  case usage = 64
  /// The data are wrong.
  case badData = 65
  /// A file is missing.
  case missingFile = 66
  /// The program itself failed.
  case internalFailure = 70
  /// A file cannot be written.
  case cannotWrite = 73
  /// Interrupted; the state was saved first.
  case interrupted = 130
}

/// An error that is one clear sentence to the user: what, where, and what to do.
public protocol ReportableError: Error, CustomStringConvertible, Sendable {
  /// The status the program ends with.
  var exitCode: ExitCode { get }
}

extension ReportableError {
  /// The description as one line of a length that can be read.
  ///
  /// Names and values in it come from outside, and may hold line ends, escapes of terminals, or
  /// megabytes.
  public var sentence: String { description.onOneLine }
}

extension String {
  /// The text as one line of a length that can be read, what would end or change it spelled out.
  var onOneLine: String {
    var line = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator:
        line.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
      default: line.append(scalar)
      }
    }
    let room = 1500
    guard line.count > room else { return String(line) }
    // The beginning says which file, the end says what to do.
    return String(line.prefix(room - 500)) + " … " + String(line.suffix(500))
  }
}

/// A failure of the file system, or of reading a file's bytes.
public struct FileError: ReportableError, Equatable {
  /// The file.
  public let path: String
  /// What is wrong with it, without the path.
  public let problem: String
  /// What the user can do, without a full stop.
  public let remedy: String
  public let exitCode: ExitCode

  /// Describes a failure.
  public init(path: String, problem: String, remedy: String, exitCode: ExitCode) {
    self.path = path
    self.problem = problem
    self.remedy = remedy
    self.exitCode = exitCode
  }

  public var description: String { "\(path): \(problem); \(remedy)." }

  /// The error for a failed system call.
  static func system(_ path: String, doing action: String, code: Int32) -> FileError {
    if let link = FileTree.brokenLink(path, code: code) {
      return FileError(
        path: path, problem: link.problem, remedy: link.remedy,
        exitCode: action == "write" ? .cannotWrite : .missingFile)
    }
    let (problem, remedy, exit): (String, String, ExitCode) =
      switch code {
      case ENOENT:
        ("does not exist", "check the path", action == "write" ? .cannotWrite : .missingFile)
      case EACCES, EPERM:
        (
          "may not be \(action == "write" ? "written" : "read") by this user",
          "change its permissions or choose another place",
          action == "write" ? .cannotWrite : .missingFile
        )
      case ENOSPC, EDQUOT:
        ("could not be written, the disk is full", "free some space and run again", .cannotWrite)
      case EROFS:
        ("is on a read-only file system", "choose another place", .cannotWrite)
      case EISDIR:
        (
          "is a folder, not a file", "name a file",
          action == "write" ? .cannotWrite : .missingFile
        )
      case ENOTDIR:
        ("lies under something that is not a folder", "check the path", .missingFile)
      default:
        (
          "could not be \(action == "write" ? "written" : "read") (\(String(cString: strerror(code))))",
          "check the disk", action == "write" ? .cannotWrite : .missingFile
        )
      }
    return FileError(path: path, problem: problem, remedy: remedy, exitCode: exit)
  }
}
