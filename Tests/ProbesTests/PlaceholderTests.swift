import Testing

@testable import Probes

@Test func theModuleIsThere() {}
