import CounterRandom
import FileSupport
import Reporting
import VisionData

/// Draws where the network of a run looks: the image as the network saw it, and a sheet of maps a
/// block, the mean over the heads first.
///
/// A map's places are squares of one colour, from black at 0 over red and yellow to white at the map's
/// own largest number.
struct AttentionGallery {
  /// The side of a map in a sheet, in pixels, and maps in a row.
  static let side = 84, columns = 6
  /// Heads of a block that are drawn.
  static let heads = 29

  /// The images of a run that keeps such maps; none of others.
  ///
  /// - Parameter image: Reads an image of the run by its position.
  static func pictures(
    of run: StoredRun, image: (RunImages, Int) throws -> RGBImage
  ) -> [RunPictures] {
    guard let attention = RunAttention(folder: run.path) else { return [] }
    let listed = RunImages(folder: run.path)
    return attention.images.map { entry in
      var shown = GalleryPictures()
      do {
        guard let listed, !listed.root.isEmpty else {
          throw GalleryError.notStored("\(run.name) does not say where its images lie")
        }
        let seen = view(try image(listed, entry.index), attention.view)
        shown.pictures.append(try .init(caption: "as the network sees it", photograph: seen.fitted))
      } catch {
        shown.missing.append("the image: \(error)")
      }
      for map in entry.maps {
        do {
          shown.pictures.append(
            .init(
              caption: "attention " + map.title, bytes: try ImageFile.png(sheet(map)),
              mediaType: "image/png"))
        } catch {
          shown.missing.append("attention \(map.title): \(error)")
        }
      }
      return RunPictures(
        index: entry.index, path: listed?.path(of: entry.index), pictures: shown)
    }
  }

  /// The part of an image that the network saw.
  private static func view(_ image: RGBImage, _ view: RunAttention.View) -> RGBImage {
    var stream = RandomStream(seed: 0, purpose: .augmentation)
    return EvaluationTransform(
      resizeSize: view.shorterSide, cropSize: view.crop,
      filter: ResamplingFilter(rawValue: view.filter) ?? .bilinear
    )(image, stream: &stream)
  }

  /// All maps of a block side by side.
  static func sheet(_ map: RunAttention.Map) -> RGBImage {
    var sheet = ContactSheet(columnCount: columns, cellSize: side)
    sheet.add(tile(map.mean, rows: map.rows, columns: map.columns), caption: "mean")
    for head in 0..<min(map.headCount, heads) {
      sheet.add(
        tile(map.head(head), rows: map.rows, columns: map.columns), caption: "head \(head + 1)")
    }
    return sheet.image()
  }

  /// One map, its longer side at `side` pixels.
  static func tile(_ values: [Float], rows: Int, columns: Int) -> RGBImage {
    let most = max(values.max() ?? 0, .leastNormalMagnitude)
    let longer = max(rows, columns)
    let (height, width) = (max(1, rows * side / longer), max(1, columns * side / longer))
    var pixels: [UInt8] = []
    pixels.reserveCapacity(3 * height * width)
    for y in 0..<height {
      for x in 0..<width {
        pixels += heat(values[y * rows / height * columns + x * columns / width] / most)
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  /// Black, red, yellow, white.
  private static func heat(_ share: Float) -> [UInt8] {
    (0..<3).map { channel in
      UInt8((min(1, max(0, 3 * share - Float(channel))) * 255).rounded())
    }
  }
}
