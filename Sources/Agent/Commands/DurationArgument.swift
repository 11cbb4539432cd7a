/// A time as commands take it: `90s`, `30m`, `1h`, `2d`.
enum DurationArgument {
    /// nil for what is no time, and for more than `secondsMax`.
    static func seconds(_ text: String, atMost secondsMax: Int) -> Int? {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let last = text.last, let unit = units[last], let number = Int(text.dropLast()),
            number > 0, number <= secondsMax
        else { return nil }
        let seconds = number * unit
        return seconds <= secondsMax ? seconds : nil
    }
}
