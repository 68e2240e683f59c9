// swift-tools-version: 6.1
import Foundation
import PackageDescription

// The instruction set that the kernels are compiled for. `native` is right for a build from source;
// set SWINBENCH_CPU (for example x86-64-v3) to build for another machine of the same kind.
let processor = ProcessInfo.processInfo.environment["SWINBENCH_CPU"] ?? "native"
#if arch(arm64)
  let processorFlag = "-mcpu=\(processor)"
#else
  let processorFlag = "-march=\(processor)"
#endif

// Plain `swift run` builds for debugging; kernels must be fast there too. These flags follow
// SwiftPM's own -Onone and win. They only forbid use as a versioned dependency, which we are not.
let optimized: [SwiftSetting] = [
  .unsafeFlags(["-O"], .when(configuration: .debug)),
  .unsafeFlags(["-Xcc", processorFlag]),
]
let optimizedC: [CSetting] = [.unsafeFlags(["-O3", "-ffp-contract=off"])]

func library(_ name: String, uses dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: optimized)
}

func benchmark(_ name: String, folder: String, scripts: [String] = []) -> Target {
  .executableTarget(
    name: name, dependencies: ["Harness"], path: "Benchmarks/\(folder)",
    exclude: ["README.md"] + scripts, swiftSettings: optimized)
}

func tests(_ library: String, uses dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: "\(library)Tests", dependencies: [.target(name: library), "TestSupport"] + dependencies,
    swiftSettings: optimized)
}

let package = Package(
  name: "SwinBench",
  targets: [
    // MARK: C
    .target(name: "CVector"),
    .target(name: "COpenBLAS", cSettings: optimizedC, linkerSettings: [.linkedLibrary("dl")]),
    .target(
      name: "CFormats", cSettings: optimizedC,
      linkerSettings: [
        .linkedLibrary("png16"), .linkedLibrary("turbojpeg"), .linkedLibrary("jpeg"),
        .linkedLibrary("json-c"), .linkedLibrary("z"), .linkedLibrary("crypto"),
      ]),
    // MARK: Libraries, lowest first
    library("CounterRandom", uses: []),
    library("Threads", uses: []),
    library("Masks", uses: []),
    library("VectorMath", uses: ["CVector"]),
    library("TensorCore", uses: ["COpenBLAS", "VectorMath", "CounterRandom", "Threads"]),
    library("Layers", uses: ["TensorCore", "CounterRandom"]),
    library("FileSupport", uses: ["CFormats"]),
    library("VisionData", uses: ["CFormats", "CounterRandom", "FileSupport", "Masks", "Threads"]),
    library("Models", uses: ["Layers", "FileSupport", "Masks", "VisionData"]),
    library("Evaluation", uses: ["CounterRandom", "VisionData"]),
    library("Reporting", uses: ["Evaluation", "FileSupport"]),
    library("Harness", uses: ["Models", "VisionData", "Masks", "Reporting"]),
    // MARK: Programs
    benchmark("bench-linear", folder: "Linear"),
    benchmark("bench-pretrain", folder: "Pretrain", scripts: ["compare_methods.sh"]),
    benchmark("bench-ade20k", folder: "ADE20K"),
    benchmark("bench-data", folder: "Data"),
    benchmark(
      "bench-coco", folder: "Coco", scripts: ["compare_evaluators.py", "compare_evaluators.sh"]),
    benchmark("bench-report", folder: "Report", scripts: ["suite.sh"]),
    .executableTarget(
      name: "bench-kernels", dependencies: ["Models"], path: "Benchmarks/Kernels",
      exclude: ["README.md"], swiftSettings: optimized),
    // MARK: Tests
    .target(
      name: "TestSupport", dependencies: ["TensorCore"], path: "Tests/TestSupport",
      swiftSettings: optimized),
    tests("CounterRandom"), tests("FileSupport"), tests("TensorCore"), tests("Layers"),
    tests("Masks", uses: ["Reporting"]), tests("VisionData"),
    tests("Evaluation", uses: ["VisionData", "CounterRandom"]),
    tests("Models"), tests("Reporting", uses: ["Evaluation", "VisionData"]), tests("Harness"),
  ],
  swiftLanguageModes: [.v6])
