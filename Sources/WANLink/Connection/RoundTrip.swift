/// A line's round-trip time, smoothed as TCP does it (RFC 6298: an eighth of each new sample).
struct RoundTrip: Equatable {
    private(set) var smoothedNanoseconds: UInt64

    init(previous: RoundTrip?, sampleNanoseconds sample: UInt64) {
        let sample = min(sample, UInt64(1) << 56)
        guard let previous else {
            smoothedNanoseconds = sample
            return
        }
        smoothedNanoseconds = previous.smoothedNanoseconds - previous.smoothedNanoseconds / 8 + sample / 8
    }

    var duration: Duration { .nanoseconds(Int64(smoothedNanoseconds)) }
}
