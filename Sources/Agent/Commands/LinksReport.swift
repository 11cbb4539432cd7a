import Foundation
import Gateway

/// The lines to the other members for people.
enum LinksReport {
    private static let barWidth = 20

    static func line(_ link: LinkRecord) -> String {
        var parts = ["\(link.peer): \(link.state.rawValue)"]
        if let rtt = link.rttMS { parts.append("\(rtt) ms") }
        if link.streams > 1 { parts.append("\(link.streams) streams") }
        if let congestion = link.congestion { parts.append(congestion) }
        if let level = link.level { parts.append("\(link.compression) level \(level)") }
        if link.bytesRaw > 0 { parts.append("sent \(size(link.bytesRaw)) as \(size(link.bytesWire))") }
        if let obstacle = link.obstacle { parts.append(obstacle) }
        if link.state == .down, let failure = link.lastFailure { parts.append(failure) }
        if let catchUp = link.catchUp { parts.append(progress(catchUp)) }
        return parts.joined(separator: ", ")
    }

    /// `[########            ] 41 %, 12345 entries (512 MB) to go at 11 MB/s, about 46 s`
    static func progress(_ catchUp: CatchUp) -> String {
        let done = Int((catchUp.fractionDone * Double(barWidth)).rounded(.down))
        let bar = String(repeating: "#", count: done) + String(repeating: " ", count: barWidth - done)
        return "[\(bar)] \(Int(catchUp.fractionDone * 100)) %, \(catchUp.description)"
    }

    static func size(_ bytes: UInt64) -> String {
        switch bytes {
        case ..<(10 << 10): "\(bytes) B"
        case ..<(10 << 20): "\(bytes >> 10) KB"
        case ..<(10 << 30): "\(bytes >> 20) MB"
        default: "\(bytes >> 30) GB"
        }
    }
}
