import Logging

/// A logger that says nothing: tests provoke errors on purpose.
let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
