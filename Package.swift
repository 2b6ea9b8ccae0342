// swift-tools-version: 6.1
import Foundation
import PackageDescription

let environment = ProcessInfo.processInfo.environment

/// The CPU that the kernels are compiled for, as `-march` names it: `native` is the machine that builds,
/// `x86-64-v3` any CPU with AVX2.
let march = environment["LOCKSTEP_MARCH"] ?? "native"

/// Kernels are optimised in debug builds too: unoptimised SIMD code is hundreds of times slower. Not -Ounchecked: it
/// would drop the preconditions at each kernel's door; inner loops use pointers and &+ instead.
var kernelSettings: [SwiftSetting] = [
    .unsafeFlags(["-O", "-Xcc", "-march=\(march)", "-Xcc", "-fno-math-errno"])
]

// Swift's conditions do not know -march: kernels learn here whether they have AVX-512's 32 wide registers.
let wideTargets: Set = [
    "x86-64-v4", "skylake-avx512", "cascadelake", "icelake-server", "sapphirerapids", "znver4", "znver5",
]
let processor = march == "native" ? (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "" : ""
if wideTargets.contains(march) || processor.contains("avx512vl") {
    kernelSettings.append(.define("LOCKSTEP_AVX512"))
}

let package = Package(
    name: "Lockstep",
    products: [.executable(name: "lockstep", targets: ["lockstep"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
        .package(url: "https://github.com/swhitty/FlyingFox", exact: "0.27.1"),
    ],
    targets: [
        .executableTarget(
            name: "lockstep",
            dependencies: [
                "Reports", "Interchange", "Preparation", "Sweeps", "Training", "Inference", "Checkpoints",
                "Configurations", "Datasets", "Metrics", "Network", "FailureDetection", "MPIBackend", "Communication",
                "Kernels", "Images", "Support",
                "CProcessor", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "kernel-benchmark",
            dependencies: [
                "Datasets", "Network", "Kernels", "Support", "TestSupport", "CProcessor",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            exclude: ["baseline.json"], swiftSettings: kernelSettings),
        .target(
            name: "Reports",
            dependencies: [
                "Sweeps", "Inference", "Checkpoints", "Configurations", "Pictures", "Datasets", "Metrics", "Network",
                "Kernels", "Images", "Support", .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "FlyingFox", package: "FlyingFox"), .product(name: "FlyingSocks", package: "FlyingFox"),
            ],
            // In the program itself: a folder of resources beside it would be lost where it is copied.
            resources: [.embedInCode("Assets")]),
        .target(
            name: "Interchange",
            dependencies: [
                "Inference", "Checkpoints", "Configurations", "Pictures", "Datasets", "Network", "Kernels", "Images",
                "Support", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            exclude: ["Generated/README.md"]),
        .target(
            name: "Preparation",
            dependencies: [
                "Configurations", "Datasets", "Metrics", "Network", "Optimization", "Kernels", "Images", "Support",
            ]),
        .target(
            name: "Sweeps",
            dependencies: [
                "Inference", "Checkpoints", "Configurations", "Datasets", "Metrics", "Communication", "Kernels",
                "Support",
            ]),
        .target(
            name: "Training",
            dependencies: [
                "Inference", "Checkpoints", "Configurations", "Pictures", "Datasets", "Metrics", "Network",
                "Optimization", "FailureDetection", "EventFiles", "Communication", "Kernels", "Images", "Support",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "Inference",
            dependencies: [
                "Checkpoints", "Configurations", "ObjectFiles", "Pictures", "Datasets", "Metrics", "Network",
                "Communication", "Kernels", "Images", "Support",
            ]),
        .target(
            name: "Checkpoints", dependencies: ["Configurations", "Network", "Kernels", "Support"],
            plugins: ["SourceRevision"]),
        .target(
            name: "Configurations",
            dependencies: [
                "Pictures", "Datasets", "Metrics", "Network", "Optimization", "Communication", "Kernels", "Images",
                "Support", .product(name: "Yams", package: "Yams"),
            ]),
        .target(name: "Pictures", dependencies: ["Datasets", "Metrics", "Kernels", "Images"]),
        .target(name: "ObjectFiles", dependencies: ["Kernels", "Images", "Support"]),
        .target(
            name: "EventFiles",
            dependencies: ["Images", "Support", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            exclude: ["Proto"]),
        .target(name: "Datasets", dependencies: ["Metrics", "Network", "Kernels", "Images", "Support"]),
        .target(name: "Metrics", dependencies: ["Kernels", "Images", "Support"]),
        .target(name: "Network", dependencies: ["Kernels"]),
        .target(name: "Optimization", dependencies: ["Kernels"]),
        .target(name: "Communication", dependencies: ["Kernels", "Support", "CMemory"]),
        .target(name: "FailureDetection", dependencies: ["Communication", "Support"]),
        .target(name: "MPIBackend", dependencies: ["Communication", "CMPI"]),
        .target(name: "Kernels", dependencies: ["COpenBLAS", "CTarget", "CProcessor"], swiftSettings: kernelSettings),
        .target(name: "Images", dependencies: ["Support", "CPNG", "CTIFF", "CJPEG"]),
        .target(name: "Support", dependencies: ["COpenSSL", "CZip", .product(name: "Logging", package: "swift-log")]),
        .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
        .systemLibrary(name: "CMemory"),
        .target(name: "CTarget", cSettings: [.unsafeFlags(["-march=\(march)"])]),
        .target(name: "CProcessor", dependencies: ["CTarget"]),
        .target(name: "CPNG", linkerSettings: [.linkedLibrary("png"), .linkedLibrary("z")]),
        .target(name: "CTIFF", linkerSettings: [.linkedLibrary("tiff")]),
        .target(name: "CJPEG", linkerSettings: [.linkedLibrary("jpeg")]),

        .plugin(name: "SourceRevision", capability: .buildTool(), path: "Sources/SourceRevision"),

        .target(name: "TestSupport", dependencies: ["Network", "Communication", "Kernels", "Support"]),
        .target(name: "TestTraits"),
        .testTarget(name: "SupportTests", dependencies: ["Support"]),
        .testTarget(name: "KernelsTests", dependencies: ["Kernels", "TestSupport"], exclude: ["Vectors"]),
        .testTarget(
            name: "NetworkTests",
            dependencies: ["Inference", "Datasets", "Network", "Optimization", "Kernels", "Support", "TestSupport"],
            exclude: ["Vectors"]),
        .testTarget(name: "ImagesTests", dependencies: ["Images", "Support", "TestTraits"], exclude: ["Vectors"]),
        .testTarget(
            name: "DatasetsTests",
            dependencies: ["Datasets", "Metrics", "Network", "Kernels", "Images", "Support", "TestSupport"]),
        .testTarget(
            name: "MetricsTests",
            dependencies: ["Metrics", "Kernels", "Images", "TestSupport", "TestTraits"],
            exclude: ["Vectors"]),
        .testTarget(
            name: "PicturesTests", dependencies: ["Pictures", "Datasets", "Metrics", "Kernels", "Images"]),
        .testTarget(
            name: "InferenceTests",
            dependencies: [
                "Inference", "Checkpoints", "Datasets", "Network", "Communication", "Kernels", "Images", "Support",
                "TestSupport",
            ]),
        .testTarget(
            name: "CheckpointsTests",
            dependencies: [
                "Inference", "Checkpoints", "Configurations", "Network", "Support", "TestSupport", "TestTraits",
            ]),
        .testTarget(
            name: "ConfigurationsTests",
            dependencies: [
                "Configurations", "Datasets", "Network", "Optimization", "Images", "Support", "TestTraits",
            ]),
        .testTarget(name: "CommunicationTests", dependencies: ["Communication", "Kernels", "Support", "TestSupport"]),
        .testTarget(name: "FailureDetectionTests", dependencies: ["FailureDetection", "Support", "TestSupport"]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "Training", "Inference", "Checkpoints", "Configurations", "Datasets", "Network", "Communication",
                "Kernels", "Support", "TestSupport",
            ]),
        .testTarget(name: "ReportsTests", dependencies: ["Reports", "Kernels", "Support", "TestSupport"]),
        .testTarget(
            name: "InterchangeTests",
            dependencies: [
                "Interchange", "Inference", "Checkpoints", "Network", "Kernels", "Support", "TestSupport",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        .testTarget(
            name: "PreparationTests",
            dependencies: ["Preparation", "Configurations", "Datasets", "Images", "Support", "TestSupport"]),
        .testTarget(
            name: "ObjectFilesTests", dependencies: ["ObjectFiles", "Metrics", "Kernels", "Images", "TestSupport"]),
        .testTarget(name: "EventFilesTests", dependencies: ["EventFiles", "Support", "TestSupport"]),
        .testTarget(name: "SweepsTests", dependencies: ["Sweeps", "Configurations", "Support"]),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "lockstep", "kernel-benchmark", "Checkpoints", "Datasets", "Kernels", "Images", "TestSupport",
                "TestTraits",
            ],
            exclude: ["cluster"]),
    ],
    swiftLanguageModes: [.v6]
)

// Fuzzing (Tests/Fuzzing/fuzz), in a build with Address Sanitizer: the readers tell libFuzzer, whose library this
// names, which of their branches an input takes.
if let library = environment["LOCKSTEP_FUZZING"] {
    let readers: Set = ["Images", "Checkpoints", "Configurations", "Datasets", "Sweeps", "Support"]
    for target in package.targets where readers.contains(target.name) {
        target.swiftSettings = [.unsafeFlags(["-O", "-sanitize=fuzzer"])]
    }
    for target in package.targets where ["CPNG", "CTIFF", "CJPEG"].contains(target.name) {
        target.cSettings = [.unsafeFlags(["-fsanitize=fuzzer-no-link"])]
    }
    package.targets += [
        .target(name: "CFuzzer", path: "Tests/CFuzzer"),
        .executableTarget(
            name: "fuzz-readers",
            dependencies: [
                "Sweeps", "Inference", "Checkpoints", "Configurations", "Datasets", "Kernels", "Images", "Support",
                "CFuzzer",
            ],
            path: "Tests/Fuzzing", exclude: ["corpus", "fuzz", "make_corpus.py"],
            linkerSettings: [.unsafeFlags([library]), .linkedLibrary("stdc++")]),
    ]
}

// Warnings are errors where the checks of .ci build; not for everyone, since a newer compiler may warn of more.
if environment["LOCKSTEP_WARNINGS"] == "error" {
    for target in package.targets where [.executable, .regular, .test].contains(target.type) {
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-warnings-as-errors"])]
        target.cSettings = (target.cSettings ?? []) + [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]
    }
}

// A check that needs some tests only, "KernelsTests,NetworkTests", spares itself the build of the others.
if let names = environment["LOCKSTEP_TESTS"]?.split(separator: ",").map(String.init) {
    let unknown = Set(names).subtracting(package.targets.filter { $0.type == .test }.map(\.name))
    precondition(unknown.isEmpty, "LOCKSTEP_TESTS names no test target with \(unknown.sorted())")
    package.targets.removeAll { $0.type == .test && !names.contains($0.name) }
}
