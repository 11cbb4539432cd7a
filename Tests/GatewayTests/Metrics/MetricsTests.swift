import ClusterCore
import HTTPTypes
import HummingbirdTesting
import LabSupport
import Testing

@testable import Gateway

@Suite("Metrics") struct MetricsTests {
    @Test("Whatever labels hold, the text is read back as it was", arguments: [UInt64(1), 2, 3, 4, 5])
    func escaping(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let letters: [Character] = ["a", "\"", "\\", "\n", "é", "{", "}", ",", "=", " ", "#", "漢"]
        for _ in 0..<200 {
            let value = String(
                (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                    letters[Int.random(in: 0..<letters.count, using: &generator)]
                })
            let number = Double.random(in: -1e9...1e9, using: &generator)
            let text = MetricsText.render([
                .each(.gauge, "g", "A \\ help\nof two lines.", [value]) { (["a": $0, "b": "x"], number) },
                .counter("c_total", "h", UInt64.max),
            ])
            let read = try PrometheusText.parse(text)
            #expect(
                read.samples[0].labels == ["a": value, "b": "x"] && read.samples[0].value == number, "seed \(seed)")
        }
    }

    @Test(
        "Numbers",
        arguments: [
            (0, "0"), (1.5, "1.5"), (-3, "-3"), (1e15, "1000000000000000"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
            (.nan, "NaN"), (0.0005, "0.0005"),
        ] as [(Double, String)])
    func numbers(value: Double, text: String) { #expect(MetricsText.number(value) == text) }

    @Test("A histogram adds up")
    func histogram() throws {
        var histogram = DurationHistogram()
        for ms in [0, 1, 2, 30, 400, 60_000] { histogram.add(.milliseconds(ms)) }
        let family = MetricFamily(
            name: "d_seconds", kind: .histogram, help: "h",
            samples: histogram.samples(labels: [.init(name: "r", value: "x")]))
        let read = try PrometheusText.parse(MetricsText.render([family]))
        #expect(read.value("d_seconds_count") == 6)
        #expect(read.value("d_seconds_bucket", ["le": "0.001"]) == 2)
        #expect(read.value("d_seconds_bucket", ["le": "10"]) == 5)
        #expect(abs((read.value("d_seconds_sum") ?? 0) - 60.433) < 1e-6)
    }

    @Test("GET /metrics counts requests by their routes; what is asked for besides is one series")
    func requests() async throws {
        try await withAPI { client in
            for _ in 0..<3 { _ = try await client.execute(uri: "/status", method: .get) }
            for number in 0..<5 { _ = try await client.execute(uri: "/nothing/\(number)", method: .get) }
            _ = try await client.execute(uri: "/cluster/members/a", method: .delete)
            _ = try await client.execute(uri: "/cluster/members/b", method: .delete)
            let answer = try await client.execute(uri: "/metrics", method: .get)
            #expect(answer.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            let read = try PrometheusText.parse(answer.text)
            let name = "wolfscale_api_requests_total"
            #expect(read.value(name, ["route": "/status", "method": "GET", "status": "200"]) == 3)
            #expect(read.value(name, ["route": "none", "method": "other", "status": "404"]) == 5)
            #expect(read.value(name, ["route": "/cluster/members/{id}", "status": "200"]) == 2)
            #expect(read.value("wolfscale_api_request_duration_seconds_count", ["route": "/status"]) == 3)
            #expect(read.value("wolfscale_api_requests_in_flight") == 1)
            #expect(read.value("wolfscale_api_tokens", ["role": "admin"]) == 0)
            // Metrics are for those who may read the status.
            let page = try await client.execute(
                uri: "/metrics", method: .get, headers: [.authorization: "Bearer wrong"])
            #expect(page.status == .unauthorized)
        }
    }
}
