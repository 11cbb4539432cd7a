import Hummingbird
import Synchronization

/// Which methods there are for a path, so that the wrong one is told from a path that there is not.
final class AllowedMethods: Sendable {
    private struct Known {
        /// A capture as `{id}` is nil: it stands for any segment.
        var segments: [String?]
        var methods: Set<String>
    }

    private let routes = Mutex<[Known]>([])

    /// To be called when all routes have been added.
    func learn(from router: Router<APIContext>) {
        var methods: [String: Set<String>] = [:]
        for route in router.routes {
            methods["\(route.path)", default: []].insert(route.method.rawValue)
            // The router makes these when it is complete.
            if route.method == .get { methods["\(route.path)", default: []].insert("HEAD") }
        }
        let known = methods.map { path, methods in
            Known(segments: Self.segments(path).map { $0.hasPrefix("{") ? nil : $0 }, methods: methods)
        }
        routes.withLock { $0 = known }
    }

    /// - Returns: sorted; empty when there is no such path.
    func methods(for path: String) -> [String] {
        let segments = Self.segments(path)
        let found = routes.withLock { routes in
            routes.filter { known in
                known.segments.count == segments.count
                    && zip(known.segments, segments).allSatisfy { $0 == nil || $0 == $1 }
            }
        }
        return Set(found.flatMap(\.methods)).sorted()
    }

    private static func segments(_ path: String) -> [String] { path.split(separator: "/").map(String.init) }
}
