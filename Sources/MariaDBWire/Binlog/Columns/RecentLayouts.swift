import Synchronization

/// The layouts of tables whose TABLE_MAP events went by lately. Table numbers are a server's own: what is remembered may be
/// another server's or outdated, so it is good for guesses only.
public final class RecentLayouts: Sendable {
    private static let tablesMax = 256
    private let layouts = Mutex<[UInt64: RowLayout]>([:])

    public init() {}

    func note(_ id: UInt64, _ layout: RowLayout?) {
        layouts.withLock { layouts in
            if layouts.count >= Self.tablesMax, layouts[id] == nil { layouts.removeAll() }
            layouts[id] = layout
        }
    }

    func layout(_ id: UInt64) -> RowLayout? { layouts.withLock { $0[id] } }
}
