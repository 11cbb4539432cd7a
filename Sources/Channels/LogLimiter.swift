import Logging
import NIOCore

/// Lets one log line through in an interval and counts the others, so that a scanner or a broken peer cannot fill the
/// log.
public struct LogLimiter: Sendable {
    private let interval: TimeAmount
    private var last: NIODeadline?
    private var suppressed = 0

    public init(interval: TimeAmount = .seconds(10)) { self.interval = interval }

    public mutating func warn(_ logger: Logger, _ message: @autoclosure () -> String, now: NIODeadline = .now()) {
        if let last, now - last < interval {
            suppressed += 1
            return
        }
        let more = suppressed == 0 ? "" : " (and \(suppressed) more like it)"
        logger.warning("\(message())\(more)")
        last = now
        suppressed = 0
    }
}
