import Foundation
import Logging
import Testing

@testable import Agent

@Suite struct StandardErrorLogTests {
    @Test func aTextLineShowsTimeLevelMessageAndMetadata() {
        let line = LogLine.text(
            time: "2026-11-23T05:44:51.123Z", level: .info, message: "hello",
            metadata: ["b": "two words", "a": "1", "c": "say \"x\""])
        #expect(line == "2026-11-23T05:44:51.123Z info     hello a=1 b=\"two words\" c=\"say \\\"x\\\"\"")
    }

    @Test func aMessageCannotBeginALineOfItsOwn() {
        let line = LogLine.text(time: "T", level: .error, message: "a\nT critical b", metadata: ["k": "x\r\ny"])
        #expect(!line.contains("\n") && !line.contains("\r"))
    }

    @Test func aJSONLineIsAnObject() throws {
        let line = LogLine.json(
            time: "T", level: .warning, label: "w", message: "a \"b\"\n\u{1}",
            metadata: [
                "n": .stringConvertible(7), "list": .array(["x"]), "level": "mine", "d": .dictionary(["k": "v"]),
            ])
        #expect(!line.contains("\n"))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["message"] as? String == "a \"b\"\n\u{1}")
        #expect(object["level"] as? String == "warning" && object["metadata.level"] as? String == "mine")
        #expect(object["list"] as? [String] == ["x"] && object["d"] as? [String: String] == ["k": "v"])
    }

    @Test func timesAreISO8601WithMilliseconds() {
        #expect(LogTime.text(of: timespec(tv_sec: 0, tv_nsec: 0)) == "1970-01-01T00:00:00.000Z")
        #expect(LogTime.text(of: timespec(tv_sec: 1_795_412_691, tv_nsec: 123_999_999)) == "2026-11-23T05:44:51.123Z")
    }
}
