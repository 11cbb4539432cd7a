extension APIOperation {
    static let all: [APIOperation] = health + status + data + administration

    private static let health: [APIOperation] = [
        APIOperation(
            method: "GET", path: "/health", need: .nothing, summary: "Whether this node does its job",
            description: "503 when not; the reason is for those who may read the status.", answer: "Health",
            failures: [503]),
        APIOperation(
            method: "GET", path: "/health/galera", need: .nothing, summary: "Which Galera nodes are healthy",
            description: "200 when one of them is, or the named one; for a load balancer's checks.",
            parameters: [
                Parameter(
                    name: "endpoint", place: .query, description: "One node, `host:port`.",
                    schema: #"{"type":"string"}"#)
            ], answer: "GaleraEndpoints", failures: [404, 503]),
    ]

    private static let status: [APIOperation] = [
        APIOperation(method: "GET", path: "/status", need: .status, summary: "What this node is", answer: "Status"),
        APIOperation(
            method: "GET", path: "/cluster", need: .status, summary: "What the cluster is, as this node sees it",
            answer: "Cluster"),
        APIOperation(method: "GET", path: "/cluster/nodes", need: .status, summary: "Its members", answer: "Members"),
        APIOperation(
            method: "GET", path: "/cluster/route", need: .status, summary: "Where a proxy should send its clients",
            answer: "Route", failures: [404]),
        APIOperation(
            method: "GET", path: "/events", need: .status, summary: "What happened here, the newest first",
            parameters: [
                Parameter(
                    name: "limit", place: .query, description: "How many.",
                    schema: #"{"type":"integer","minimum":1,"maximum":1000,"default":100}"#)
            ], answer: "Events"),
        APIOperation(
            method: "GET", path: "/metrics", need: .status, summary: "Measurements in Prometheus' text format"),
        APIOperation(
            method: "GET", path: "/openapi.json", need: .status, summary: "This document", answer: "Document"),
    ]

    private static let writeFailures = [409, 413, 415, 422, 503, 504, 507]

    private static func write(
        _ path: String, _ summary: String, body: String, description: String = "", answer: String = "WriteAnswer"
    ) -> APIOperation {
        APIOperation(
            method: "POST", path: path, need: .write, summary: summary,
            description: description
                + "A follower passes it on to the leader. 504 means that the outcome is not known: repeat it with the same "
                + "Idempotency-Key.",
            parameters: [.idempotencyKey, .bigIntegers], body: body, answer: answer, failures: writeFailures)
    }

    private static let data: [APIOperation] = [
        write("/write/insert", "Insert a row", body: "Insert"),
        write("/write/update", "Update the rows of a key", body: "Update"),
        write("/write/delete", "Delete the rows of a key", body: "Delete"),
        write(
            "/write/ddl", "Change the schema", body: "DDL",
            description:
                "In no transaction: if the leader is lost meanwhile, a repeated request answers 409 of the type "
                + "`unknown-outcome`. "),
        write(
            "/write/transaction", "Several changes, all or none", body: "Transaction",
            description: "A problem's `operation` says which one failed; then nothing was executed. ",
            answer: "TransactionAnswer"),
        APIOperation(
            method: "POST", path: "/query", need: .query, summary: "Read rows",
            description:
                "Streamed; with `Accept: application/x-ndjson` as lines. A JSON answer that breaks off is not complete; "
                + "of lines the last one says how it ended.",
            parameters: [.bigIntegers], body: "Query", answer: "QueryAnswer", failures: [413, 415, 422, 503, 504]),
        APIOperation(
            method: "POST", path: "/ids", need: .write, summary: "Make identifiers",
            description: "Snowflakes of this node: unique in the cluster, rising, below 2^63. Any node makes them.",
            parameters: [
                Parameter(
                    name: "count", place: .query, description: "How many.",
                    schema: #"{"type":"integer","minimum":1,"maximum":10000,"default":1}"#), .bigIntegers,
            ], answer: "Identifiers", failures: [503]),
    ]

    private static let administration: [APIOperation] = [
        APIOperation(
            method: "POST", path: "/cluster/members", need: .administer, summary: "Add a member",
            body: "MemberAddition",
            answer: "MembershipChange", failures: [404, 409, 413, 415, 503, 504]),
        APIOperation(
            method: "DELETE", path: "/cluster/members/{id}", need: .administer, summary: "Remove a member",
            parameters: [
                Parameter(name: "id", place: .path, description: "Its `node.id`.", schema: #"{"type":"string"}"#)
            ], answer: "MembershipChange", failures: [404, 409, 503, 504]),
        APIOperation(
            method: "POST", path: "/cluster/switchover", need: .administer, summary: "Hand the leadership over",
            body: "Switchover", needsBody: false, answer: "SwitchoverResult", failures: [404, 409, 413, 415, 503, 504]),
        APIOperation(
            method: "POST", path: "/bridge/retry", need: .administer,
            summary: "Let this node's site of a bridge try again",
            body: "BridgeRetry", needsBody: false, answer: "BridgeRetryResult", failures: [409, 413, 415, 503]),
    ]
}
