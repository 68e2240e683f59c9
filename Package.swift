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
// SWINBENCH_OPTIMIZE=no leaves -O out: quick builds for type checking, far too slow to run.
let isOptimized = ProcessInfo.processInfo.environment["SWINBENCH_OPTIMIZE"] != "no"
let optimized: [SwiftSetting] =
  (isOptimized ? [.unsafeFlags(["-O"], .when(configuration: .debug))] : [])
  + [.unsafeFlags(["-Xcc", processorFlag]), .enableUpcomingFeature("MemberImportVisibility")]
let optimizedC: [CSetting] = [.unsafeFlags(["-O3", "-ffp-contract=off"])]

func library(_ name: String, uses dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: optimized)
}

func benchmark(_ name: String, folder: String, scripts: [String] = []) -> Target {
  .executableTarget(
    name: name, dependencies: ["CommandLine", "Harness", "Inspection"],
    path: "Benchmarks/\(folder)",
    exclude: ["README.md"] + scripts, swiftSettings: optimized)
}

// Tests may use everything that their library may, and more: what is made there is input here.
func tests(_ library: String) -> Target {
  .testTarget(
    name: "\(library)Tests",
    dependencies: libraryNames.map { .target(name: $0) } + ["TestSupport"],
    swiftSettings: optimized)
}

// Lowest first; ARCHITECTURE.md draws the picture.
let libraries = [
  library("CounterRandom", uses: []),
  library("Threads", uses: []),
  library("FileSupport", uses: ["CFormats"]),
  library("Geometry", uses: []),
  library("Processes", uses: ["CMPI", "FileSupport"]),
  library("VectorMath", uses: ["CVector"]),
  library("CommandLine", uses: ["FileSupport", "Processes"]),
  library("CocoFormat", uses: ["CFormats", "FileSupport", "Geometry", "Threads"]),
  library(
    "VisionData",
    uses: [
      "CFormats", "CPixels", "CocoFormat", "CounterRandom", "FileSupport", "Geometry", "Threads",
    ]),
  library(
    "SampleData",
    uses: ["CocoFormat", "CounterRandom", "FileSupport", "Geometry", "VisionData"]),
  library(
    "TensorCore",
    uses: ["COpenBLAS", "CProduct", "CVector", "VectorMath", "CounterRandom", "Threads"]),
  library("Layers", uses: ["TensorCore", "CounterRandom", "Processes"]),
  library(
    "Models",
    uses: [
      "CounterRandom", "FileSupport", "Geometry", "Layers", "Processes", "TensorCore", "Threads",
    ]),
  library(
    "Evaluation",
    uses: ["CocoFormat", "CounterRandom", "FileSupport", "Geometry", "Threads"]),
  library("Reporting", uses: ["Evaluation", "FileSupport"]),
  library(
    "Loading",
    uses: ["CounterRandom", "FileSupport", "Models", "TensorCore", "Threads", "VisionData"]),
  library(
    "Runs",
    uses: ["CommandLine", "FileSupport", "Processes", "Reporting", "TensorCore", "Threads"]),
  library(
    "Protocols",
    uses: ["CommandLine", "Layers", "Loading", "Models", "Reporting", "VisionData"]),
  library(
    "Training",
    uses: ["CommandLine", "FileSupport", "Layers", "Models", "Processes", "Runs", "TensorCore"]),
  library(
    "Scoring",
    uses: [
      "CocoFormat", "CommandLine", "Evaluation", "FileSupport", "Geometry", "Reporting", "Runs",
      "Threads", "VisionData",
    ]),
  library(
    "Inspection",
    uses: [
      "CocoFormat", "CommandLine", "CounterRandom", "Evaluation", "FileSupport", "Geometry",
      "Loading", "Models", "Processes", "Protocols", "Reporting", "Runs", "SampleData", "Scoring",
      "TensorCore",
      "Threads", "VisionData",
    ]),
  library(
    "Harness",
    uses: [
      "CocoFormat", "CommandLine", "CounterRandom", "Evaluation", "FileSupport", "Geometry",
      "Inspection", "Layers", "Loading", "Models", "Processes", "Protocols", "Reporting", "Runs",
      "SampleData", "Scoring", "TensorCore", "Threads", "Training", "VisionData",
    ]),
  library(
    "Fuzzing",
    uses: [
      "CocoFormat", "CommandLine", "CounterRandom", "Evaluation", "FileSupport", "Geometry",
      "Harness", "Layers", "Models", "Reporting", "Runs", "Scoring", "Threads", "Training",
      "VisionData",
    ]),
]

let libraryNames = libraries.map(\.name)

let package = Package(
  name: "SwinBench",
  products: [
    .library(name: "SwinBench", targets: libraryNames.filter { $0 != "Fuzzing" })
  ],
  targets: [
    // MARK: C
    .target(name: "CVector"),
    .target(
      name: "CProduct",
      cSettings: [
        .unsafeFlags(["-O3", "-ffp-contract=off", "-fno-strict-aliasing", processorFlag])
      ]),
    .target(name: "CPixels"),
    .target(
      name: "CMPI", exclude: ["calls.inc"], linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "COpenBLAS", cSettings: optimizedC, linkerSettings: [.linkedLibrary("dl")]),
    .target(
      name: "CFormats", cSettings: optimizedC,
      linkerSettings: [
        .linkedLibrary("png16"), .linkedLibrary("turbojpeg"), .linkedLibrary("jpeg"),
        .linkedLibrary("json-c"), .linkedLibrary("z"), .linkedLibrary("crypto"),
        .linkedLibrary("dl"),
      ]),
    // MARK: Programs
    benchmark("bench-linear", folder: "Linear", scripts: ["every_network.sh"]),
    benchmark("bench-pretrain", folder: "Pretrain", scripts: ["compare_methods.sh"]),
    benchmark("bench-ade20k", folder: "ADE20K"),
    benchmark("bench-data", folder: "Data"),
    benchmark(
      "bench-coco", folder: "Coco", scripts: ["compare_evaluators.py", "compare_evaluators.sh"]),
    benchmark("bench-report", folder: "Report", scripts: ["repeat.py"]),
    benchmark("bench-suite", folder: "Suite"),
    .executableTarget(
      name: "swinbench", dependencies: ["CommandLine", "Harness", "Inspection"],
      path: "Benchmarks/Release",
      exclude: ["README.md", "release.sh"], swiftSettings: optimized),
    .executableTarget(
      name: "bench-fuzz", dependencies: ["CommandLine", "Fuzzing"], path: "Benchmarks/Fuzz",
      exclude: ["README.md", "faults.sh", "kill.sh"], swiftSettings: optimized),
    .executableTarget(
      name: "bench-kernels", dependencies: ["CommandLine", "Models", "Runs", "VisionData"],
      path: "Benchmarks/Kernels", exclude: ["README.md"], swiftSettings: optimized),
    .executableTarget(
      name: "library-example",
      dependencies: [
        "Evaluation", "FileSupport", "Layers", "Loading", "Models", "TensorCore", "VisionData",
      ], path: "Benchmarks/Example", exclude: ["README.md"], swiftSettings: optimized),
    // MARK: Tests
    .target(
      name: "TestSupport",
      dependencies: [
        "CocoFormat", "FileSupport", "Geometry", "Processes", "SampleData", "TensorCore",
        "VisionData",
      ], path: "Tests/TestSupport",
      swiftSettings: optimized),
  ]
    + libraries
    + [
      "CounterRandom", "Threads", "FileSupport", "Geometry", "Processes", "VectorMath",
      "CommandLine", "CocoFormat", "VisionData", "SampleData", "TensorCore", "Layers", "Models",
      "Evaluation", "Reporting", "Loading", "Runs", "Protocols", "Training", "Scoring",
      "Inspection", "Harness", "Fuzzing",
    ].map(tests)
    + [.testTarget(name: "HouseTests", dependencies: ["TestSupport"], swiftSettings: optimized)],
  swiftLanguageModes: [.v6])
