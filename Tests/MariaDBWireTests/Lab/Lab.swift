import Testing

/// Tests with real servers, one after another: each starts one or two.
@Suite(.serialized, .timeLimit(.minutes(2))) enum Lab {}
