import NIOCore

/// A line's round-trip time, smoothed as TCP does it (RFC 6298: an eighth of each new sample), and the shortest of the
/// latest samples, which a busy machine does not lengthen.
struct RoundTrip: Equatable {
    private static let samplesMax = 8

    private(set) var smoothedNanoseconds: UInt64
    private var latest: [UInt64]

    init(previous: RoundTrip?, sampleNanoseconds sample: UInt64) {
        let sample = min(sample, UInt64(1) << 56)
        guard let previous else {
            smoothedNanoseconds = sample
            latest = [sample]
            return
        }
        latest = previous.latest.suffix(RoundTrip.samplesMax - 1) + [sample]
        smoothedNanoseconds = previous.smoothedNanoseconds - previous.smoothedNanoseconds / 8 + sample / 8
    }

    var duration: Duration { .nanoseconds(Int64(smoothedNanoseconds)) }
    var shortest: TimeAmount { .nanoseconds(Int64(latest.min() ?? smoothedNanoseconds)) }
}
