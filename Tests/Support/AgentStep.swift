import Foundation
import Glibc

/// A step of a promotion, a demotion or a fencing, as the agent's log names it at level debug. Killing the agent when it begins, for
/// every step, kills it between every two.
public struct AgentStep: Sendable, Hashable, CustomStringConvertible {
    public enum Scenario: String, Sendable {
        /// Leadership is handed to another node, whose database becomes the primary.
        case promotion
        /// The same, seen from the old leader.
        case demotion
        /// The leader's agent is frozen until another one leads, and then finds itself deposed.
        case fencing
    }

    public var scenario: Scenario
    public var action: String

    public var description: String { "\(scenario.rawValue).\(action)" }

    public static let all: [AgentStep] =
        ["awaitApplied", "unfollow", "holdCommits", "attachCapture", "openWrites"]
        .map { AgentStep(scenario: .promotion, action: $0) }
        + ["closeWrites", "settle", "releaseCommits", "follow"]
        .map { AgentStep(scenario: .demotion, action: $0) }
        + ["kill", "start", "inspect", "follow"].map { AgentStep(scenario: .fencing, action: $0) }

    /// What the cluster's configuration needs for it.
    public static let settings = ["log": ["level = \"debug\""]]
}

/// Kills an agent as soon as its log says that a step begins.
final class StepKiller: @unchecked Sendable {
    private let lock = NSLock()
    private var victim: LabNode?
    private var cancelled = false
    private let done = DispatchSemaphore(value: 0)

    /// Watches what the nodes log from now on.
    init(_ step: AgentStep, of nodes: [LabNode]) throws {
        let logs = try nodes.map { node in
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: node.log))
            try file.seekToEnd()
            return (node, file)
        }
        let thread = Thread { [self] in
            watch(logs, for: "database: \(step.action)")
            done.signal()
        }
        thread.start()
    }

    /// Whether an agent was killed, or nobody waits for it any more.
    var isOver: Bool { lock.withLock { cancelled || victim != nil } }

    /// The agent that was killed; nil when none came to the step within the time.
    func wait(within limit: Duration) -> LabNode? {
        let killed = done.wait(timeout: .now() + .seconds(Int(limit.components.seconds))) == .success
        lock.withLock { cancelled = true }
        if !killed { done.wait() }
        return lock.withLock { victim }
    }

    private func watch(_ logs: [(LabNode, FileHandle)], for text: String) {
        var unread = logs.map { _ in "" }
        while !lock.withLock({ cancelled }) {
            for (index, (node, file)) in logs.enumerated() {
                unread[index] += String(decoding: file.availableData, as: UTF8.self)
                if unread[index].contains(text) {
                    node.endAgent(SIGKILL)
                    return lock.withLock { victim = node }
                }
                // A line may have come in part.
                unread[index] = String(unread[index].suffix(text.count))
            }
            usleep(500)
        }
    }
}
