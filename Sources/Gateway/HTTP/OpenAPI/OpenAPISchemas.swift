/// The JSON schemas of bodies and answers, by name, as JSON text.
enum OpenAPISchemas {
    static let all: [(name: String, text: String)] = problems + writes + queries + cluster

    private static let problems: [(String, String)] = [
        (
            "Problem",
            """
            {"type":"object","description":"RFC 9457.","required":["type","title","status","detail"],"properties":{
            "type":{"type":"string","enum":[\(Problem.Kind.allCases.map { "\"urn:wolfscale:problem:\($0.rawValue)\"" }.joined(separator: ","))]},
            "title":{"type":"string"},"status":{"type":"integer"},
            "detail":{"type":"string","description":"What happened and what to do."},
            "errno":{"type":"integer","description":"MariaDB's error number."},"sqlstate":{"type":"string"},
            "id":{"$ref":"#/components/schemas/ID"},
            "operation":{"type":"integer","description":"Which operation of a transaction, from 0."},
            "retry_after_seconds":{"type":"integer"}}}
            """
        ),
        ("ID", #"{"type":["integer","string","null"],"description":"A row's key."}"#),
        ("Document", #"{"type":"object"}"#),
    ]

    private static let writes: [(String, String)] = [
        (
            "Value",
            """
            {"description":"What a column gets: null; true and false as 1 and 0; whole numbers and decimals exactly; numbers with an \
            exponent as DOUBLE; strings; {\\"base64\\": …} as bytes; other objects and arrays as JSON text.",
            "type":["null","boolean","number","string","object","array"]}
            """
        ),
        (
            "Insert",
            """
            {"type":"object","additionalProperties":false,"required":["table","values"],"properties":{
            "table":{"type":"string","minLength":1,"examples":["users","shop.users"]},
            "values":{"type":"object","propertyNames":{"minLength":1},
            "additionalProperties":{"$ref":"#/components/schemas/Value"}}},
            "examples":[{"table":"users","values":{"name":"Alice"}}]}
            """
        ),
        (
            "Update",
            """
            {"type":"object","additionalProperties":false,"required":["table","set","where_key"],"properties":{
            "table":{"type":"string","minLength":1},
            "set":{"type":"object","minProperties":1,"propertyNames":{"minLength":1},
            "additionalProperties":{"$ref":"#/components/schemas/Value"}},
            "where_key":{"type":"object","minProperties":1,"propertyNames":{"minLength":1},
            "additionalProperties":{"$ref":"#/components/schemas/Value"}}},
            "examples":[{"table":"users","set":{"name":"Bob"},"where_key":{"id":1}}]}
            """
        ),
        (
            "Delete",
            """
            {"type":"object","additionalProperties":false,"required":["table","where_key"],"properties":{
            "table":{"type":"string","minLength":1},
            "where_key":{"type":"object","minProperties":1,"propertyNames":{"minLength":1},
            "additionalProperties":{"$ref":"#/components/schemas/Value"}}},
            "examples":[{"table":"users","where_key":{"id":1}}]}
            """
        ),
        (
            "DDL",
            """
            {"type":"object","additionalProperties":false,"required":["ddl"],"properties":{"ddl":{"type":"string","minLength":1,
            "description":"One CREATE, ALTER, DROP, RENAME or TRUNCATE statement."}},
            "examples":[{"ddl":"ALTER TABLE users ADD COLUMN email VARCHAR(255)"}]}
            """
        ),
        (
            "Operation",
            """
            {"type":"object","additionalProperties":false,"description":"One of insert, update, delete and sql.","oneOf":[
            {"required":["insert"]},{"required":["update"]},{"required":["delete"]},{"required":["sql"]}],"properties":{
            "insert":{"$ref":"#/components/schemas/Insert"},"update":{"$ref":"#/components/schemas/Update"},
            "delete":{"$ref":"#/components/schemas/Delete"},
            "sql":{"type":"string","minLength":1,"description":"One INSERT, REPLACE, UPDATE or DELETE with ? for values."},
            "params":{"type":"array","items":{"$ref":"#/components/schemas/Value"}},
            "expect_rows":{"type":"integer","minimum":0,
            "description":"Everything is rolled back, with 409, when another number of rows is affected."}}}
            """
        ),
        (
            "Transaction",
            """
            {"type":"object","additionalProperties":false,"required":["operations"],"properties":{"operations":{"type":"array",
            "minItems":1,"maxItems":\(Operation.countMax),"items":{"$ref":"#/components/schemas/Operation"}}},
            "examples":[{"operations":[{"sql":"UPDATE accounts SET balance = balance - ? WHERE id = ? AND balance >= ?",
            "params":[5,1,5],"expect_rows":1},{"insert":{"table":"transfers","values":{"source":1,"amount":5}}}]}]}
            """
        ),
        (
            "WriteAnswer",
            """
            {"type":"object","required":["lsn","gtid","id","affected_rows"],"properties":{
            "lsn":{"type":["integer","null"],"description":"Where it stands in the replicated log."},
            "gtid":{"$ref":"#/components/schemas/GTID"},"id":{"$ref":"#/components/schemas/ID"},
            "affected_rows":{"type":"integer"},"replayed":{"$ref":"#/components/schemas/Replayed"}}}
            """
        ),
        (
            "TransactionAnswer",
            """
            {"type":"object","required":["lsn","gtid","results"],"properties":{
            "lsn":{"type":["integer","null"]},"gtid":{"$ref":"#/components/schemas/GTID"},
            "results":{"type":"array","items":{"type":"object","required":["affected_rows","id"],"properties":{
            "affected_rows":{"type":"integer"},"id":{"$ref":"#/components/schemas/ID"}}}},
            "replayed":{"$ref":"#/components/schemas/Replayed"}}}
            """
        ),
        (
            "Replayed",
            """
            {"type":"boolean","const":true,"description":"An earlier request with this Idempotency-Key did it. Then lsn is null, and gtid is \
            a position that holds it."}
            """
        ),
        (
            "Identifiers",
            #"{"type":"object","required":["ids"],"properties":{"ids":{"type":"array","items":{"type":["integer","string"]}}}}"#
        ),
    ]

    private static let queries: [(String, String)] = [
        (
            "GTID",
            #"{"type":["string","null"],"description":"A position for the 'after' of a query.","examples":["0-1-42"]}"#
        ),
        (
            "Query",
            """
            {"type":"object","additionalProperties":false,"required":["sql"],"properties":{
            "sql":{"type":"string","minLength":1,"description":"One statement that reads, with ? for values."},
            "params":{"type":"array","items":{"$ref":"#/components/schemas/Value"}},
            "consistency":{"type":"string","enum":["causal","eventual","leader"]},
            "after":{"$ref":"#/components/schemas/GTID"},"schema":{"type":"string"},
            "timeout_ms":{"type":"integer","minimum":1},"max_rows":{"type":"integer","minimum":0},
            "big_integers":{"type":"string","enum":["number","string"]},
            "json":{"type":"string","enum":["text","nested"],"default":"text"}},
            "examples":[{"sql":"SELECT id, name FROM users WHERE id > ?","params":[10],"after":"0-1-42"}]}
            """
        ),
        (
            "QueryAnswer",
            """
            {"type":"object","required":["columns","gtid","rows","truncated"],"properties":{
            "columns":{"type":"array","items":{"type":"object","required":["name","type"],"properties":{
            "name":{"type":"string"},"type":{"type":"string","examples":["BIGINT UNSIGNED"]},
            "encoding":{"type":"string","const":"base64"}}}},
            "gtid":{"$ref":"#/components/schemas/GTID"},
            "rows":{"type":"array","items":{"type":"array","items":{}}},
            "truncated":{"type":"boolean","description":"Whether rows beyond max_rows were left out."}}}
            """
        ),
    ]

    private static let cluster: [(String, String)] = [
        ("Health", #"{"type":"object","properties":{"status":{"type":"string"},"reason":{"type":"string"}}}"#),
        ("GaleraEndpoints", #"{"type":"array","items":{"type":"object"}}"#),
        (
            "Status",
            """
            {"type":"object","properties":{"node":{"type":"object"},"cluster":{"type":"object"},"raft":{"type":"object"},
            "log":{"type":"object"},"database":{"type":"object"},"lag":{"type":"object"},"version":{"type":"string"},
            "warnings":{"type":"array","items":{"type":"string"}}}}
            """
        ),
        (
            "Cluster",
            """
            {"type":"object","properties":{"leader_id":{"type":["string","null"]},"term":{"type":"integer"},
            "members":{"$ref":"#/components/schemas/Members"}}}
            """
        ),
        (
            "Members",
            """
            {"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"number":{"type":"integer"},
            "role":{"type":"string"},"site":{"type":"string"},"address":{"type":"string"},"api":{"type":"string"},
            "state":{"type":"string","enum":["active","lagging","syncing","joining","offline","needs_provision","diverged"]},
            "match_lsn":{"type":["integer","null"]},"applied_lsn":{"type":["integer","null"]},
            "last_contact_ms":{"type":["integer","null"]}}}}
            """
        ),
        ("Route", #"{"type":"object"}"#),
        ("Events", #"{"type":"array","items":{"type":"object"}}"#),
        (
            "MemberAddition",
            """
            {"type":"object","required":["id","address"],"properties":{"id":{"type":"string"},"address":{"type":"string"},
            "api":{"type":"string"},"role":{"type":"string","enum":["voter","learner","witness"]},"site":{"type":"string"},
            "number":{"type":"integer","minimum":1,"maximum":1023}}}
            """
        ),
        (
            "MembershipChange",
            #"{"type":"object","properties":{"member":{"type":"object"},"lsn":{"type":"integer"}}}"#
        ),
        (
            "Switchover",
            """
            {"type":"object","properties":{"to":{"type":"string"},"force":{"type":"boolean"},"dry_run":{"type":"boolean"}}}
            """
        ),
        (
            "SwitchoverResult",
            """
            {"type":"object","properties":{"leader_id":{"type":"string"},"term":{"type":"integer"},
            "pause_ms":{"type":["integer","null"]}}}
            """
        ),
        ("BridgeRetry", #"{"type":"object","properties":{"accept_orphans":{"type":"boolean"}}}"#),
        ("BridgeRetryResult", #"{"type":"object","properties":{"before":{"type":"string"}}}"#),
    ]
}
