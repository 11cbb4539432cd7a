import MariaDBClient

/// Compares a server's settings with what the agent needs; `wolfscale validate` prints the outcome.
public enum RequirementCheck {
    /// Asks the server. Blocks: call it from a runner's thread.
    /// - Returns: all requirements of the profile, met or not, in a fixed order.
    public static func run(
        _ profile: RequirementProfile, _ session: SQLSession
    ) throws(SQLError) -> [Requirement] {
        let found = try DatabaseProbe.variables(session, profile.settings.map(\.variable))
        let version = try session.query("SELECT @@version").scalar ?? ""
        return requirements(profile, variables: found, version: version)
    }

    /// The comparison alone.
    public static func requirements(
        _ profile: RequirementProfile, variables: [String: String], version: String
    ) -> [Requirement] {
        [versionRequirement(profile, version)]
            + profile.settings.map { setting in
                let found = variables[setting.variable]
                return Requirement(
                    variable: setting.variable, wanted: setting.wanted, found: found, weight: setting.weight,
                    reason: setting.reason, remedy: remedy(setting), isMet: isMet(setting, found))
            }
    }

    private static func remedy(_ setting: RequirementProfile.Setting) -> String {
        // log_bin takes a file name; ON would name the files "ON".
        setting.variable == "log_bin" ? "log_bin = binlog" : "\(setting.variable) = \(setting.wanted)"
    }

    private static func isMet(_ setting: RequirementProfile.Setting, _ found: String?) -> Bool {
        guard let found = found?.uppercased() else { return false }
        // wsrep_mode is a set of words.
        if found == setting.wanted || setting.alsoGood.contains(found) { return true }
        return found.split(separator: ",").contains { $0 == setting.wanted }
    }

    private static func versionRequirement(_ profile: RequirementProfile, _ text: String) -> Requirement {
        let version = ServerVersion(text)
        let wanted: String
        let reason: String
        let isMet: Bool
        if profile.needsTruncation {
            wanted = "10.6.19, 10.11.9, 11.4.3 or later in its series"
            reason =
                "earlier ones commit, after a crash, what never had a majority: init_rpl_role does not undo it there"
            isMet = version?.truncatesUnacknowledgedTail ?? false
        } else {
            wanted = "10.5 or later"
            reason = "earlier ones are not tested"
            isMet = version.map { $0 >= ServerVersion(10, 5, 0) } ?? false
        }
        return Requirement(
            variable: "version", wanted: wanted, found: text, weight: .required, reason: reason,
            remedy: "install MariaDB \(wanted)", isMet: isMet)
    }
}
