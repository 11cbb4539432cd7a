import Testing

/// Tests with real servers, one after another: each starts one or two.
@Suite(.serialized) enum Lab {}
