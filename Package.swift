// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "vtpm",
    products: [
        .library(name: "TPMEngine", targets: ["TPMEngine"]),
        .library(name: "TPMClient", targets: ["TPMClient"]),
    ],
    targets: [
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CGMP", providers: [.apt(["libgmp-dev"])]),
        .target(name: "TPMCrypto", dependencies: ["COpenSSL", "CGMP"]),
        .target(name: "TPMWire", dependencies: ["TPMCrypto"]),
        .target(name: "TPMEngine", dependencies: ["TPMCrypto", "TPMWire"]),
        .target(name: "TPMClient", dependencies: ["TPMCrypto", "TPMWire"]),
        .testTarget(name: "TPMCryptoTests", dependencies: ["TPMCrypto"]),
        .testTarget(name: "TPMWireTests", dependencies: ["TPMWire"]),
        .testTarget(name: "TPMEngineTests", dependencies: ["TPMEngine", "TPMClient"]),
    ],
    swiftLanguageModes: [.v6]
)
