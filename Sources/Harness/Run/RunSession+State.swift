import FileSupport
import Foundation
import Reporting
import Runs
import Training

extension RunSession {
  /// Goes on where the same run stopped at an image that could not be decoded, now that such images
  /// are to be left out: up to there none was.
  ///
  /// - Parameters:
  ///   - state: This run's; one that is there stays.
  ///   - stateKey: A state's key by the run's.
  /// - Throws: `FileError` when the other run's state cannot be used.
  func takeUp(
    _ state: TrainingState, stateKey: (String) -> String = { $0 }
  ) throws(FileError) {
    guard let twin, !FileManager.default.fileExists(atPath: state.path) else { return }
    let file = (state.path as NSString).lastPathComponent
    let other = TrainingState(path: twin.path + "/" + file, key: stateKey(twin.digest))
    guard FileManager.default.fileExists(atPath: other.path) else { return }
    // Lines first: a state counts those that must be there.
    let lines = try RunDirectory.rows(twin.path + "/" + RunEvent.file)
    try directory.rewrite(RunEvent.file, with: [lines])
    _ = try state.adopt(other)
  }
}
