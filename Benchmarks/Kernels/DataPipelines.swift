import CounterRandom
import Foundation
import VisionData

/// Measures what happens to a photograph before a network sees it, one thread from JPEG to normalised
/// numbers: the test view, a random crop, and the two views of contrastive methods.
///
/// `Benchmarks/PyTorch/data_pipelines.py` does the same to the same files.
enum DataPipelines {
  private static let imageCount = 32

  /// Makes the photographs, measures all pipelines, and leaves the files in a folder where one is
  /// named.
  static func measure(folder: String?) {
    do {
      let photographs = try (0..<imageCount).map { try ImageFile.jpeg(photograph($0), quality: 92) }
      if let folder {
        let place = URL(fileURLWithPath: folder)
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        for (index, bytes) in photographs.enumerated() {
          try Data(bytes).write(to: place.appendingPathComponent("\(100 + index).jpg"))
        }
      }
      try measure(photographs)
    } catch {
      FileHandle.standardError.write(Data("Error: \(error)\n".utf8))
      exit(70)
    }
  }

  private static func measure(_ photographs: [[UInt8]]) throws {
    var first = ContrastiveView(size: 224)
    first.crop = RandomResizedCrop(scale: 0.2...1)
    var second = first
    (second.blurProbability, second.solarizeProbability) = (0.1, 0.2)
    let pipelines: [(String, [any ImageTransform])] = [
      ("decode", []),
      ("evaluation", [EvaluationTransform(resizeSize: 256, cropSize: 224, filter: .bicubic)]),
      ("crop and flip", [CropFlipTransform(size: 224)]),
      ("two views", [first, second]),
    ]
    for (name, transforms) in pipelines {
      // Seconds of the processor, the least of several runs after one to warm up: all of it is one
      // thread's work, and other programs do not count.
      var (least, total, epoch) = (Double.infinity, 0.0, 0)
      while epoch < 4 || total < 4 {
        let start = processorSeconds()
        try see(photographs, transforms, epoch: epoch)
        let seconds = processorSeconds() - start
        if epoch > 0 { least = min(least, seconds) }
        total += seconds
        epoch += 1
      }
      BenchKernels.report([
        "part": "data", "name": name, "imagesPerSecond": Double(photographs.count) / least,
        "kibibytes": photographs.reduce(0) { $0 + $1.count } / photographs.count / 1024,
      ])
    }
  }

  private static func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static func see(
    _ photographs: [[UInt8]], _ transforms: [any ImageTransform], epoch: Int
  ) throws {
    var numbers = [Float](repeating: 0, count: 3 * 224 * 224)
    for (index, bytes) in photographs.enumerated() {
      let image = try ImageFile.decode(bytes: bytes, name: "photograph")
      for (view, transform) in transforms.enumerated() {
        var stream = RandomStream(
          seed: 0, purpose: .augmentation, epoch: epoch, sample: index * 16 + view)
        numbers.withUnsafeMutableBufferPointer {
          transform.write(image, normalization: .imageNet, stream: &stream, to: $0)
        }
      }
    }
  }

  // MARK: Photographs

  /// A picture of ImageNet's usual size: soft shading, a few dozen discs with sharp edges, and grain,
  /// which makes files as large as photographs are.
  private static func photograph(_ number: Int) -> RGBImage {
    let isWide = number % 4 != 3
    let (width, height) = isWide ? (500, 375) : (375, 500)
    var image = RGBImage(width: width, height: height)
    var stream = RandomStream(seed: 0, purpose: .test, epoch: 0, sample: number)
    let waves = (0..<9).map { _ in
      (
        stream.uniform(-0.02, 0.02), stream.uniform(-0.02, 0.02), stream.uniform(0, 6.28),
        stream.uniform(10, 40)
      )
    }
    let discs = (0..<40).map { _ in
      (
        x: stream.below(width), y: stream.below(height), radius: 4 + stream.below(60),
        color: (0..<3).map { _ in stream.uniform(-60, 60) }
      )
    }
    for y in 0..<height {
      for x in 0..<width {
        let covering = discs.filter { disc in
          let (dx, dy) = (x - disc.x, y - disc.y)
          return dx * dx + dy * dy < disc.radius * disc.radius
        }
        let grain = 14 * (stream.uniformDouble() + stream.uniformDouble() - 1)
        for channel in 0..<3 {
          var value = 120 + grain
          for wave in waves[3 * channel..<3 * channel + 3] {
            value += wave.3 * sin(wave.0 * Double(x) + wave.1 * Double(y) + wave.2)
          }
          for disc in covering { value += disc.color[channel] }
          image.pixels[(y * width + x) * 3 + channel] = UInt8(min(255, max(0, value)))
        }
      }
    }
    return image
  }
}
