import Foundation
import Gateway

#if canImport(Glibc)
    import CoreFoundation
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The agent's process, by the names that Prometheus' own clients use.
enum ProcessMetrics {
    private static let startTime = Date().timeIntervalSince1970

    /// Reads `/proc`; what is not there is left out.
    static func families() -> [MetricFamily] {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let cpu =
            Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
        let pages = text("/proc/self/statm")?.split(separator: " ").compactMap { Double($0) } ?? []
        let pageBytes = Double(sysconf(Int32(_SC_PAGESIZE)))
        var limit = rlimit()
        let hasLimit = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        return [
            .counter("process_cpu_seconds_total", "User and system time of the agent.", cpu),
            .gauge(
                "process_resident_memory_bytes", "Resident memory of the agent.",
                pages.count > 1 ? pages[1] * pageBytes : nil),
            .gauge(
                "process_virtual_memory_bytes", "Virtual memory of the agent.",
                pages.isEmpty ? nil : pages[0] * pageBytes),
            .gauge("process_open_fds", "Open file descriptors of the agent.", openDescriptors()),
            .gauge("process_max_fds", "How many it may have.", hasLimit ? Double(limit.rlim_cur) : nil),
            .gauge("process_start_time_seconds", "When the agent started, in seconds since 1970.", startTime),
        ]
    }

    /// Called at the start, so that the time is right.
    static func begin() { _ = startTime }

    private static func openDescriptors() -> Double? {
        do { return Double(try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) } catch {
            return nil
        }
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
