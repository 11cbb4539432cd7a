import Logging
import NIOPosix

/// What is wrong with the nodes' settings is said while the bridge runs, not only by `wolfscale validate`.
extension BridgeDriver {
    /// At the start, and again when a node has come back. Each finding is logged once, and stays in `/status` until it is mended.
    func checkSettings() {
        guard checking == nil else { return }
        checking = Task { [weak self, threads, settings, logger] in
            do {
                let findings = try await threads.runIfActive { settings.findings() }
                self?.found(findings)
            } catch { logger.debug("the nodes' settings were not checked", metadata: ["error": "\(error)"]) }
            self?.checking = nil
        }
    }

    private func found(_ findings: [Check]) {
        for finding in findings where !settingFindings.contains(finding) {
            logger.log(level: finding.result == .failed ? .error : .warning, "\(finding.message)")
            delegate?.bridgeRecorded("galera.setting", finding.message)
        }
        settingFindings = findings
    }
}
