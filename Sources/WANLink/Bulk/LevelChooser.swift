import NIOCore

/// Chooses the compression level by what was measured: as high as it pays, as long as compressing leaves the processor
/// alone for more than half of the time. Time is wall time, so a machine that is busy with other things lowers the level
/// too.
///
/// Higher levels are not always smaller (with sysbench's rows level 3 was larger than level 1), so each is tried, and
/// left again when it does not pay.
struct LevelChooser: Equatable, Sendable {
    static let ladder = [1, 3, 7, 9]
    /// A change begins the stream's history anew, so it must not happen often.
    static let dwell: TimeAmount = .seconds(2)
    static let retryAfter: TimeAmount = .seconds(60)
    /// Less than this says nothing about the ratio.
    static let sampleRawBytesMin = 1 << 20
    static let busyMax = 0.5
    /// The next step costs about three times the present one.
    static let busyForRaise = 0.15
    static let gainMin = 1.02
    /// What the lowest level hardly shrinks is chance or compressed already: the higher ones only cost.
    static let ratioMinForTrial = 1.05

    private var step = 0
    /// The step to be tried next.
    private var trial = 1
    private var trialNotBefore: NIODeadline?
    private var ratios: [Double?] = Array(repeating: nil, count: ladder.count)
    private var since: NIODeadline?
    private var rawBytes = 0
    private var wireBytes = 0
    private var busyNanoseconds: Int64 = 0

    var level: Int { LevelChooser.ladder[step] }

    /// Takes in what a job did, and decides when it is time to.
    ///
    /// - Parameter receiverLimits: The other side takes no more: smaller bytes would gain nothing.
    mutating func note(
        rawBytes: Int, wireBytes: Int, busy: TimeAmount, now: NIODeadline, receiverLimits: Bool
    ) {
        let begin = since ?? (now - busy)
        since = begin
        self.rawBytes += rawBytes
        self.wireBytes += wireBytes
        busyNanoseconds += busy.nanoseconds
        let elapsed = now - begin
        guard elapsed >= LevelChooser.dwell, self.rawBytes >= LevelChooser.sampleRawBytesMin, self.wireBytes > 0 else {
            return
        }
        let busyShare = Double(busyNanoseconds) / Double(elapsed.nanoseconds)
        let ratio = Double(self.rawBytes) / Double(self.wireBytes)
        ratios[step] = ratio
        decide(busyShare: busyShare, ratio: ratio, now: now, receiverLimits: receiverLimits)
        since = nil
        self.rawBytes = 0
        self.wireBytes = 0
        busyNanoseconds = 0
    }

    private mutating func decide(busyShare: Double, ratio: Double, now: NIODeadline, receiverLimits: Bool) {
        if busyShare > LevelChooser.busyMax {
            if step > 0 { step -= 1 }
            return pauseTrials(now)
        }
        if let better = bestBelow(), let other = ratios[better], other * LevelChooser.gainMin > ratio {
            trial = step + 1
            step = better
            if trial >= LevelChooser.ladder.count { pauseTrials(now) }
            return
        }
        guard busyShare < LevelChooser.busyForRaise, !receiverLimits, trialNotBefore.map({ now >= $0 }) ?? true else {
            return
        }
        guard ratio >= LevelChooser.ratioMinForTrial else { return }
        let next = max(trial, step + 1)
        guard next < LevelChooser.ladder.count else { return pauseTrials(now) }
        step = next
        trial = next + 1
    }

    private mutating func pauseTrials(_ now: NIODeadline) {
        trialNotBefore = now + LevelChooser.retryAfter
        trial = step + 1
    }

    /// The step below with the best ratio seen.
    private func bestBelow() -> Int? {
        (0..<step).filter { ratios[$0] != nil }.max { (ratios[$0] ?? 0) < (ratios[$1] ?? 0) }
    }
}
