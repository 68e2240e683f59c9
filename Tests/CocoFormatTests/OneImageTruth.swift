import CocoFormat
import FileSupport
import TestSupport

/// A truth of one image without objects, read from a file in a folder.
func oneImageTruth(
  width: Int, height: Int, in folder: TemporaryDirectory
) throws -> CocoAnnotations {
  let path = folder.file("truth.json")
  try AtomicFile.write(
    text: #"{"images":[{"id":1,"file_name":"a.jpg","width":\#(width),"height":\#(height)}],"#
      + #""categories":[{"id":1,"name":"a"}],"annotations":[]}"#, to: path)
  return try CocoAnnotations(path: path)
}
