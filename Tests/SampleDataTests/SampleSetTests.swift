import FileSupport
import Foundation
import Geometry
import SampleData
import TestSupport
import Testing
import VisionData

@Suite("Sample set")
struct SampleSetTests {
  private var settings: SampleSettings {
    var settings = SampleSettings()
    settings.trainingImagesPerClass = 3
    settings.validationImagesPerClass = 2
    settings.imageSize = 48
    settings.sceneSize = 80
    settings.instanceScenes = .init(training: 12, validation: 6)
    settings.segmentationScenes = .init(training: 4, validation: 2)
    return settings
  }

  @Test("The same seed gives the same bytes, another seed others, and a second call finds the set")
  func determinism() throws {
    let first = try TemporaryDirectory()
    let second = try TemporaryDirectory()
    let other = try TemporaryDirectory()
    let a = try SampleSet(settings).generate(at: first.path)
    let b = try SampleSet(settings).generate(at: second.path)
    #expect(a.manifest.files == b.manifest.files)
    #expect(try SampleSet(settings).generate(at: first.path).wasPresent)
    var changed = settings
    changed.seed = 2
    let c = try SampleSet(changed).generate(at: other.path)
    let pictures = a.manifest.files.filter { $0.path.hasSuffix("JPEG") }
    let others = Dictionary(uniqueKeysWithValues: c.manifest.files.map { ($0.path, $0.sha256) })
    #expect(!pictures.isEmpty && pictures.allSatisfy { others[$0.path] != $0.sha256 })
  }

  @Test("A lost file is noticed and the set is made anew")
  func repair() throws {
    let folder = try TemporaryDirectory()
    let summary = try SampleSet(settings).generate(at: folder.path)
    let victim = folder.path + "/" + (try #require(summary.manifest.files.first)).path
    try FileManager.default.removeItem(atPath: victim)
    #expect(try !SampleSet(settings).generate(at: folder.path).wasPresent)
    #expect(FileManager.default.fileExists(atPath: victim))
  }

  @Test("A place that cannot be written is told in the words of the system, in one sentence")
  func unwritable() throws {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(text: "x", to: folder.file("file"))
    let error = #expect(throws: SampleSetError.self) {
      try SampleSet().generate(at: folder.file("file/sample"))
    }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("Sample set: cannot write '"), "\(text)")
    #expect(text.hasSuffix("; check permissions and free space."), "\(text)")
    #expect(
      !text.contains("The operation could not be completed") && !text.contains(".;"), "\(text)")
  }

  @Test("Other data in the folder are never replaced")
  func occupied() throws {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(text: "mine", to: folder.file("coco/notes.txt"))
    #expect(throws: SampleSetError.self) { try SampleSet(settings).generate(at: folder.path) }
    #expect(try FileBytes.read(folder.file("coco/notes.txt")) == Array("mine".utf8))
  }

  @Test("The classification folder passes the full data check")
  func classification() throws {
    let folder = try TemporaryDirectory()
    let path = try SampleSet(settings).generate(at: folder.path).classificationPath
    let report = DataCheck(root: path, depth: .full).run(threadCount: 2)
    #expect(report.findings.isEmpty, "\(report.text)")
    #expect(report.imageCount == 50 && report.classCount == 10)
  }

  @Test("COCO annotations lie inside their images, with gaps in the category ids")
  func instances() throws {
    let folder = try TemporaryDirectory()
    let path = try SampleSet(settings).generate(at: folder.path).instancesPath
    struct Document: Decodable {
      struct Image: Decodable {
        let id, width, height: Int
        let fileName: String
      }
      struct Annotation: Decodable {
        let id, imageId, categoryId, iscrowd: Int
        let bbox: [Double]
        let area: Double
      }
      struct Category: Decodable {
        let id: Int
        let name: String
      }
      let images: [Image]
      let annotations: [Annotation]
      let categories: [Category]
    }
    let bytes = try FileBytes.read(path + "/annotations/instances_train2017.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let document = try decoder.decode(Document.self, from: Data(bytes))
    #expect(document.images.count == 12 && document.categories.count == 10)
    let images = Dictionary(uniqueKeysWithValues: document.images.map { ($0.id, $0) })
    let ids = document.categories.map(\.id).sorted()
    #expect(zip(ids, ids.dropFirst()).contains { $1 - $0 > 1 })
    #expect(Set(document.annotations.map(\.id)).count == document.annotations.count)
    for annotation in document.annotations {
      let image = try #require(images[annotation.imageId])
      #expect(ids.contains(annotation.categoryId))
      #expect(annotation.bbox[0] >= 0 && annotation.bbox[1] >= 0)
      #expect(annotation.bbox[0] + annotation.bbox[2] <= Double(image.width))
      #expect(annotation.bbox[1] + annotation.bbox[3] <= Double(image.height))
      #expect(annotation.area > 0 && annotation.area <= annotation.bbox[2] * annotation.bbox[3])
    }
    for image in document.images {
      let header = try ImageFile.inspect(path: "\(path)/train2017/\(image.fileName)")
      #expect(header.width == image.width && header.height == image.height)
    }
  }

  @Test("Every segmentation image has labels of its size")
  func segmentation() throws {
    let folder = try TemporaryDirectory()
    let path = try SampleSet(settings).generate(at: folder.path).segmentationPath
    let names = try FileManager.default.contentsOfDirectory(atPath: path + "/images/training")
    #expect(names.count == 4)
    for name in names {
      let image = try ImageFile.inspect(path: path + "/images/training/" + name)
      let stem = (name as NSString).deletingPathExtension
      let labels = try ImageFile.decodeLabels(path: path + "/annotations/training/\(stem).png")
      #expect(labels.width == image.width && labels.height == image.height)
      #expect(Set(labels.labels).count > 1)
    }
  }

  @Test("The mean colour of an image does not give its class away")
  func meanColor() throws {
    let folder = try TemporaryDirectory()
    var settings = settings
    settings.trainingImagesPerClass = 20
    settings.validationImagesPerClass = 10
    settings.instanceScenes = .init(training: 0, validation: 0)
    settings.segmentationScenes = .init(training: 0, validation: 0)
    let path = try SampleSet(settings).generate(at: folder.path).classificationPath
    let data = try ClassificationData(root: path)
    func colors(_ split: ImageFolder) throws -> [[Double]] {
      try (0..<split.count).map { index in
        let image = try ImageFile.decode(path: split.path(index))
        return (0..<3).map { channel in
          stride(from: channel, to: image.pixels.count, by: 3)
            .reduce(0.0) { $0 + Double(image.pixels[$1]) } / Double(image.pixels.count / 3)
        }
      }
    }
    let train = try colors(data.train)
    var right = 0
    for (index, color) in try colors(data.validation).enumerated() {
      let nearest =
        train.indices.min { a, b in
          func distance(_ other: [Double]) -> Double {
            zip(color, other).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
          }
          return distance(train[a]) < distance(train[b])
        } ?? 0
      if data.train.labels[nearest] == data.validation.labels[index] { right += 1 }
    }
    // One in ten is chance; 100 images.
    #expect(right < 30, "\(right) of 100 by mean colour")
  }
}
