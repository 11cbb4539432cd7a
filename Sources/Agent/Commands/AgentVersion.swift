/// The release, as `wolfscale --version` and `GET /status` say it.
enum AgentVersion {
    static let text = "0.1.0"
}
