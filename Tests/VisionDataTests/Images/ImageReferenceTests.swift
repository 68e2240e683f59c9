import FileSupport
import Foundation
import Geometry
import TestSupport
import Testing
import VisionData

private struct Expected: Decodable {
  let files, transforms: [String: String]

  static func load() throws -> Expected {
    let path = SourceTree.fixture("VisionData/images.json")
    return try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private func digest(_ image: RGBImage) -> String {
  image.pixels.withUnsafeBytes { SHA256.digest($0) }
}

@Suite("Images against the Python loader")
struct ImageReferenceTests {
  @Test("Every kind of file decodes to the same pixels")
  func decoding() throws {
    let files = try Expected.load().files
    #expect(files.count > 20)
    for (name, hash) in files {
      let parts = name.split(separator: " ")
      let path = SourceTree.fixture("VisionData/\(parts[0])")
      let image = try ImageFile.decode(path: path, appliesOrientation: parts.count > 1)
      #expect(digest(image) == hash, "\(name)")
    }
  }

  @Test("Every transform gives the same pixels")
  func transforms() throws {
    let expected = try Expected.load().transforms
    let image = try ImageFile.decode(path: SourceTree.fixture("VisionData/scene.png"))
    var results: [String: RGBImage] = [
      "center 30": image.centerCropped(30), "center 41": image.centerCropped(41),
      "center 60": image.centerCropped(60), "gray": image.grayscaled(),
      "solarize": image.solarized(), "flip": image.flippedHorizontally(),
    ]
    for filter in ResamplingFilter.allCases {
      for (w, h) in [(20, 15), (47, 20), (60, 36), (91, 77), (8, 50)] {
        results["resize \(w)x\(h) \(filter.rawValue)"] = image.resized(
          width: w, height: h, filter: filter)
      }
      results["box \(filter.rawValue)"] = image.resized(
        width: 24, height: 24, filter: filter,
        box: PixelBox(left: 5, top: 7, width: 31, height: 23))
      for side in [24, 50] {
        results["shorter \(side) \(filter.rawValue)"] = image.resized(
          shorterSide: side, filter: filter)
      }
    }
    for factor in [0.6, 0.85, 1.0, 1.2, 1.4] {
      results["brightness \(factor)"] = image.brightened(by: factor)
      results["contrast \(factor)"] = image.contrasted(by: factor)
      results["saturation \(factor)"] = image.saturated(by: factor)
    }
    for factor in [-0.1, -0.04, 0.0, 0.03, 0.1, 0.5] {
      results["hue \(factor)"] = image.hueShifted(by: factor)
    }
    for deviation in [0.1, 0.3, 0.7, 1.3, 2.0] {
      results["blur \(deviation)"] = image.gaussianBlurred(deviation: deviation)
    }
    for (name, hash) in expected where name != "normalized" {
      let result = try #require(results[name], "\(name) is not tested")
      #expect(digest(result) == hash, "\(name)")
    }
    var planes = [Float](repeating: 0, count: 3 * image.width * image.height)
    planes.withUnsafeMutableBufferPointer { PixelNormalization.imageNet.write(image, to: $0) }
    #expect(planes.withUnsafeBytes { SHA256.digest($0) } == expected["normalized"])
  }
}
