#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// `WOLFSCALE_SIM_STEPS` is how many steps a suite takes; `WOLFSCALE_SIM_SEED` replays one seed and tells its story.
enum SimulationSettings {
    private static func environment(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

    static var isReplay: Bool { environment("WOLFSCALE_SIM_SEED") != nil }

    static func seeds(stepsPerSeed: Int) -> [UInt64] {
        if let seed = environment("WOLFSCALE_SIM_SEED") { return [seed] }
        let steps = environment("WOLFSCALE_SIM_STEPS") ?? 400_000
        return (1...max(steps / UInt64(stepsPerSeed), 4)).map { $0 }
    }
}
