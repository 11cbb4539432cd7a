/// All values of one metric at one moment.
public struct MetricFamily: Sendable, Equatable {
    public enum Kind: String, Sendable { case counter, gauge, histogram }

    public struct Sample: Sendable, Equatable {
        /// `_bucket`, `_sum`, `_count` of a histogram.
        public var suffix = ""
        public var labels: [Label] = []
        public var value: Double
    }

    public struct Label: Sendable, Equatable {
        public var name: String
        public var value: String
    }

    /// As `wolfscale_raft_term`; counters end in `_total`, units are base units.
    public var name: String
    public var kind: Kind
    /// One sentence.
    public var help: String
    public var samples: [Sample]

    public static func gauge(_ name: String, _ help: String, _ value: Double?) -> MetricFamily {
        MetricFamily(name: name, kind: .gauge, help: help, samples: value.map { [Sample(value: $0)] } ?? [])
    }

    public static func gauge(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
        gauge(name, help, Double(value))
    }

    public static func gauge(_ name: String, _ help: String, _ value: Bool) -> MetricFamily {
        gauge(name, help, value ? 1 : 0)
    }

    public static func counter(_ name: String, _ help: String, _ value: Double) -> MetricFamily {
        MetricFamily(name: name, kind: .counter, help: help, samples: [Sample(value: value)])
    }

    public static func counter(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
        counter(name, help, Double(value))
    }

    /// - Parameter samples: of ``DurationHistogram``.
    public static func histogram(_ name: String, _ help: String, _ samples: [Sample]) -> MetricFamily {
        MetricFamily(name: name, kind: .histogram, help: help, samples: samples)
    }

    /// One value for each of `items`; those for which it is nil are left out.
    public static func each<Item>(
        _ kind: Kind, _ name: String, _ help: String, _ items: some Sequence<Item>,
        _ value: (Item) -> (labels: KeyValuePairs<String, String>, value: Double)?
    ) -> MetricFamily {
        MetricFamily(
            name: name, kind: kind, help: help,
            samples: items.compactMap { value($0) }.map { one in
                Sample(labels: one.labels.map { Label(name: $0.key, value: $0.value) }, value: one.value)
            })
    }

    /// Which of some words holds: 1 for it, 0 for the others, so that a change is a change of values and not of series.
    public static func state(
        _ name: String, _ help: String, _ words: [String], is current: String, label: String = "state"
    ) -> MetricFamily {
        let all = words.contains(current) ? words : words + [current]
        return each(.gauge, name, help, all) { (["\(label)": $0], $0 == current ? 1 : 0) }
    }
}

/// Counts of durations, in buckets that each hold what is not longer than their bound.
public struct DurationHistogram: Sendable, Hashable {
    /// Upper bounds in seconds, ascending.
    public static let bounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    private var counts = [UInt64](repeating: 0, count: DurationHistogram.bounds.count + 1)
    private var seconds = 0.0

    public init() {}

    public mutating func add(_ duration: Duration) {
        let value = duration / .seconds(1)
        counts[Self.bounds.firstIndex { value <= $0 } ?? Self.bounds.count] += 1
        seconds += value
    }

    /// From counts that somebody else has kept: the last one is of what is longer than all bounds.
    public static func samples(
        labels: [MetricFamily.Label] = [], bounds: [Double], counts: [UInt64], seconds: Double
    ) -> [MetricFamily.Sample] {
        precondition(counts.count == bounds.count + 1, "\(counts.count) counts for \(bounds.count) bounds")
        var sum: UInt64 = 0
        var samples: [MetricFamily.Sample] = []
        for (index, count) in counts.enumerated() {
            sum += count
            let bound = index < bounds.count ? MetricsText.number(bounds[index]) : "+Inf"
            samples.append(
                .init(suffix: "_bucket", labels: labels + [.init(name: "le", value: bound)], value: Double(sum)))
        }
        samples.append(.init(suffix: "_sum", labels: labels, value: seconds))
        samples.append(.init(suffix: "_count", labels: labels, value: Double(sum)))
        return samples
    }

    func samples(labels: [MetricFamily.Label]) -> [MetricFamily.Sample] {
        Self.samples(labels: labels, bounds: Self.bounds, counts: counts, seconds: seconds)
    }
}
