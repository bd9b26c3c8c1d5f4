// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "vtpm",
    products: [
        .library(name: "TPMEngine", targets: ["TPMEngine"]),
        .library(name: "TPMClient", targets: ["TPMClient"]),
        .library(name: "TPMServer", targets: ["TPMServer"]),
        .library(name: "TPMTesting", targets: ["TPMTesting"]),
        .library(name: "VTPMManager", targets: ["VTPMManager"]),
        .library(name: "XenBackend", targets: ["XenBackend"]),
        .library(name: "HardwareAnchor", targets: ["HardwareAnchor"]),
        .executable(name: "vtpm", targets: ["vtpm"]),
    ],
    traits: [
        .trait(name: "Xen", description: "Serve guests of a real Xen (needs libxen-dev).")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CGMP", providers: [.apt(["libgmp-dev"])]),
        .systemLibrary(name: "CLinux", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(
            name: "CTSS2", pkgConfig: "tss2-esys", providers: [.apt(["libtss2-dev"])]),
        .target(name: "TPMCrypto", dependencies: ["COpenSSL", "CGMP"]),
        .target(name: "TPMWire", dependencies: ["TPMCrypto"]),
        .target(name: "TPMEngine", dependencies: ["TPMCrypto", "TPMWire"]),
        .target(name: "TPMClient", dependencies: ["TPMCrypto", "TPMWire"]),
        .target(
            name: "TPMServer",
            dependencies: [
                "CLinux", "TPMCrypto", "TPMEngine", "TPMWire",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "TPMTesting", dependencies: ["TPMClient", "TPMCrypto", "TPMEngine", "TPMServer", "TPMWire"]),
        .target(
            name: "VTPMManager",
            dependencies: [
                "HardwareAnchor", "TPMClient", "TPMCrypto", "TPMEngine", "TPMServer", "TPMWire",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ]),
        .target(
            name: "HardwareAnchor",
            dependencies: ["CTSS2", "TPMClient", "TPMCrypto", "TPMEngine", "TPMServer", "TPMWire"]),
        .systemLibrary(name: "CXen", providers: [.apt(["libxen-dev"])]),
        .target(
            name: "XenBackend",
            dependencies: [
                "TPMCrypto", "TPMServer", "VTPMManager",
                .target(name: "CXen", condition: .when(traits: ["Xen"])),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "vtpm",
            dependencies: [
                "HardwareAnchor", "TPMClient", "TPMCrypto", "TPMEngine", "TPMServer", "TPMTesting", "TPMWire",
                "VTPMManager", "XenBackend",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(name: "Emulators", dependencies: ["TPMClient"], path: "Tests/Emulators"),
        .target(name: "TestSupport", dependencies: ["TPMCrypto", "TPMEngine"], path: "Tests/TestSupport"),
        .target(
            name: "SimulatedXen",
            dependencies: [
                "CLinux", "TPMClient", "TPMEngine", "TPMServer", "VTPMManager", "XenBackend",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/SimulatedXen"),
        .executableTarget(
            name: "vtpm-benchmark",
            dependencies: [
                "COpenSSL", "Emulators", "SimulatedXen", "TPMClient", "TPMEngine", "TPMTesting", "VTPMManager",
                "XenBackend",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Benchmark"),
        .executableTarget(
            name: "vtpm-differential",
            dependencies: ["Emulators", "TPMClient", "TPMCrypto", "TPMEngine", "TPMTesting", "TPMWire"],
            path: "Tests/Differential"),
        .executableTarget(
            name: "vtpm-store", dependencies: ["TPMCrypto", "TPMEngine", "TPMServer", "VTPMManager"],
            path: "Tests/StoreWriter"),
        .executableTarget(
            name: "vtpm-manager-load", dependencies: ["TPMClient", "TPMCrypto", "TPMWire"], path: "Tests/ManagerLoad"),
        .executableTarget(name: "vtpm-forbidden", dependencies: ["TPMServer"], path: "Tests/Forbidden"),
        .testTarget(name: "TPMCryptoTests", dependencies: ["TPMCrypto"]),
        .testTarget(name: "TPMWireTests", dependencies: ["TPMWire"]),
        .testTarget(name: "TPMEngineTests", dependencies: ["CGMP", "TPMEngine", "TPMClient", "TPMTesting"]),
        .testTarget(
            name: "TPMTestingTests",
            dependencies: ["TPMClient", "TPMCrypto", "TPMEngine", "TPMServer", "TPMTesting", "TPMWire"]),
        .testTarget(name: "TPMClientTests", dependencies: ["TPMClient", "TPMEngine", "TPMTesting"]),
        .testTarget(
            name: "vtpmTests",
            dependencies: ["TPMCrypto", "VTPMManager", "vtpm", .product(name: "Logging", package: "swift-log")]),
        .testTarget(
            name: "HardwareAnchorTests",
            dependencies: [
                "Emulators", "HardwareAnchor", "TPMClient", "TPMCrypto", "TPMEngine", "TPMServer", "TPMWire",
            ]),
        .testTarget(
            name: "TPMServerTests",
            dependencies: ["CLinux", "TPMCrypto", "TPMServer", "TPMClient", "TestSupport", "vtpm-forbidden"]),
        .testTarget(
            name: "VTPMManagerTests",
            dependencies: [
                "Emulators", "HardwareAnchor", "TPMClient", "TPMCrypto", "TPMEngine", "TPMServer", "TPMWire",
                "VTPMManager",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        .testTarget(
            name: "XenBackendTests",
            dependencies: [
                "SimulatedXen", "TPMClient", "TPMCrypto", "TPMEngine", "TPMServer", "TPMWire", "TestSupport",
                "VTPMManager", "XenBackend",
                .product(name: "Logging", package: "swift-log"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
