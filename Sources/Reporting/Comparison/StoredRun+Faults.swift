import FileSupport
import Foundation

extension StoredRun {
  /// What is wrong with the files of the run that are no part of its result, one sentence each.
  ///
  /// The result and its records carry digests, and a run whose digests differ is left out of a report.
  /// What is looked at here only adds to the report: pictures, curves, times. A report without them is
  /// still right, but must not be so in silence.
  var faults: [String] {
    var faults: [String] = []
    func note(_ fault: FileError) {
      faults.append("\(fault.path): \(fault.problem); what is damaged of it is left out")
    }
    func look(_ read: () throws(FileError) -> Void) {
      do throws(FileError) { try read() } catch { note(error) }
    }
    for name in ["timing.json", "manifest.json", "protocol.json"] {
      look { () throws(FileError) in _ = try RunDocument.read(name, in: path) }
    }
    var listed: RunImages?
    look { () throws(FileError) in
      listed = try RunImages.read(folder: path)
    }
    if let problem = listed.flatMap(contradiction) {
      faults.append("\(path)/\(RunImages.name): \(problem); pictures may be of other images")
    }
    var shown: [Int] = []
    look { () throws(FileError) in
      shown = try RunAttention.read(folder: path)?.images.map(\.index) ?? []
    }
    if let known = listed.map({ Set($0.indices) }),
      let lost = shown.first(where: { !known.contains($0) })
    {
      faults.append(
        "\(path)/\(RunAttention.file): has maps of image \(lost), which \(RunImages.name) does not list; "
          + "they are shown without the image")
    }
    if let fault = RunPlots.read(folder: path).fault { note(fault) }
    for name in [RunEvent.file, RunImages.detections] where result.files[name] == nil {
      look { () throws(FileError) in try checkLines(name) }
    }
    return faults
  }

  /// What in the list of images contradicts the result.
  private func contradiction(_ listed: RunImages) -> String? {
    if Set(listed.indices).count < listed.indices.count { return "lists an image twice" }
    guard
      let count = (result.data["validation images"] ?? result.data["test images"])
        .flatMap({ Int($0) }), count != listed.indices.count
    else { return nil }
    return "lists \(listed.indices.count) images, the result is of \(count)"
  }

  /// Makes sure that a file of lines is whole.
  private func checkLines(_ name: String) throws(FileError) {
    let file = path + "/" + name
    guard let size = FileStamp(path: file)?.size else { return }
    let intact = try RecordLines.read(file) { _ in false }.length
    guard intact < size else { return }
    throw RunDocument.fault(
      name, in: path, "ends inside of a line, at byte \(intact) of \(size)")
  }
}
