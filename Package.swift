// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Tests run on the release build. Said here and not on the command line, so that the libraries are built as anybody builds them:
    // with it SwiftNIO's internal calls can't be bound early, which costs the proxy a tenth of its processor time.
    .unsafeFlags(["-enable-testing"], .when(configuration: .release)),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
    name: "wolfscale",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "wolfscale", targets: ["Agent"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.10.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        // The C libraries, as Debian packages them.
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CMariaDB", pkgConfig: "libmariadb", providers: [.apt(["libmariadb-dev"])]),
        .target(name: "CChecksum"),
        .target(name: "CLinux"),

        // Ground floor: pure values.
        .target(name: "ClusterCore", exclude: ["Raft/README.md"], swiftSettings: strict),

        .target(name: "Channels", dependencies: [nioCore, logging], swiftSettings: strict),

        // The rooms. They do not import each other; Agent adapts between them.
        .target(
            name: "WriteAheadLog",
            dependencies: [
                "ClusterCore", "CLZ4", "CChecksum", nioCore, logging,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            exclude: ["README.md"], swiftSettings: strict),
        .target(
            name: "MariaDBWire",
            dependencies: [
                "Channels", "ClusterCore", "CZlib", nioCore, nioPosix, logging,
                crypto,
            ],
            swiftSettings: strict),
        .target(name: "MariaDBClient", dependencies: ["CMariaDB"], swiftSettings: strict),
        .target(
            name: "WANLink",
            dependencies: [
                "Channels", "ClusterCore", "CChecksum", "CLZ4", "CZstd", nioCore, nioPosix, nioTLS, nioSSL, x509, asn1,
                crypto, logging,
            ],
            swiftSettings: strict),
        .target(name: "Probes", dependencies: ["ClusterCore", "MariaDBClient", logging], swiftSettings: strict),

        // What applications talk to.
        .target(
            name: "Gateway",
            dependencies: [
                "Channels", "ClusterCore", "CZlib", "MariaDBClient", "MariaDBWire", "Probes", logging, nioCore,
                nioPosix,
                nioTLS, nioSSL, crypto,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: strict),

        // The executable `wolfscale`.
        .executableTarget(
            name: "Agent",
            dependencies: [
                "Channels", "ClusterCore", "WriteAheadLog", "MariaDBWire", "MariaDBClient", "WANLink", "Probes",
                "Gateway",
                "CLinux", .product(name: "DequeModule", package: "swift-collections"), nioCore, nioPosix, nioSSL,
                logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ],
            swiftSettings: strict),

        // Tests: one folder a module; Lab runs real servers.
        .testTarget(name: "ClusterCoreTests", dependencies: ["ClusterCore"], swiftSettings: strict),
        .testTarget(name: "SimulationTests", dependencies: ["ClusterCore"], swiftSettings: strict),
        .testTarget(
            name: "WriteAheadLogTests", dependencies: ["WriteAheadLog", "ClusterCore", nioCore], swiftSettings: strict),
        .testTarget(
            name: "MariaDBWireTests",
            dependencies: ["MariaDBWire", "ClusterCore", "LabSupport", nioCore, nioPosix, nioEmbedded],
            swiftSettings: strict),
        .testTarget(
            name: "WANLinkTests",
            dependencies: [
                "Channels", "WANLink", "ClusterCore", "LabSupport", nioCore, nioPosix, nioEmbedded, nioSSL, x509, asn1,
                crypto,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "ClusterCore", "MariaDBClient", "MariaDBWire", "LabSupport", nioCore, nioPosix, nioEmbedded,
                nioSSL,
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ProbesTests", dependencies: ["Probes", "ClusterCore", "MariaDBClient", "LabSupport"],
            swiftSettings: strict),
        .testTarget(name: "AgentTests", dependencies: ["Agent", "ClusterCore"], swiftSettings: strict),
        .testTarget(
            name: "LabTests", dependencies: ["LabSupport", "MariaDBClient", "ClusterCore"],
            exclude: ["Clients", "Corpus/statements.sql"], swiftSettings: strict),
        .target(
            name: "LabSupport", dependencies: ["MariaDBClient", "ClusterCore", "CLinux", nioCore, nioPosix],
            path: "Tests/Support",
            swiftSettings: strict),
        .executableTarget(
            name: "wolfscale-lab",
            dependencies: [
                "LabSupport", "MariaDBClient", "ClusterCore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Lab", swiftSettings: strict),
    ]
)
