import MariaDBClient

/// One step of `POST /write/transaction`: a row operation as in the routes of its kind, or a statement.
struct Operation: Sendable, Hashable {
    enum Work: Sendable, Hashable {
        case insert(WriteRequest.Insert)
        case update(WriteRequest.Update)
        case delete(WriteRequest.Delete)
        case statement(DMLStatement)
    }

    static let countMax = 1_000

    var work: Work
    /// The transaction is rolled back when the operation affects another number of rows.
    var expectRows: UInt64?

    /// Reads the body `{"operations": […]}`.
    static func list(_ fields: RequestFields) throws(Problem) -> [Operation] {
        try fields.allow(["operations"])
        guard case .array(let elements) = try fields.required("operations") else {
            throw .badRequest("The field 'operations' must be an array.")
        }
        guard (1...countMax).contains(elements.count) else {
            throw .badRequest("A transaction has 1 to \(countMax) operations, not \(elements.count).")
        }
        var operations: [Operation] = []
        for (index, element) in elements.enumerated() {
            do throws(Problem) {
                operations.append(try Operation(try RequestFields(element, place: "It")))
            } catch {
                throw error.at(operation: index)
            }
        }
        return operations
    }

    private init(_ fields: RequestFields) throws(Problem) {
        let kinds = ["insert", "update", "delete", "sql"].filter { fields[$0] != nil }
        guard kinds.count == 1, let kind = kinds.first else {
            throw .badRequest("It must have one of the fields 'insert', 'update', 'delete' and 'sql'.")
        }
        try fields.allow(kind == "sql" ? ["sql", "params", "expect_rows"] : [kind, "expect_rows"])
        switch kind {
        case "insert": work = .insert(try WriteRequest.Insert(try fields.nested(kind)))
        case "update": work = .update(try WriteRequest.Update(try fields.nested(kind)))
        case "delete": work = .delete(try WriteRequest.Delete(try fields.nested(kind)))
        default:
            work = .statement(try DMLStatement(try fields.string("sql"), parameters: try fields.parameters("params")))
        }
        expectRows = try fields.optionalInteger("expect_rows", in: 0...UInt64(Int64.max))
    }

    init(_ work: Work, expectRows: UInt64? = nil) {
        self.work = work
        self.expectRows = expectRows
    }
}

extension RequestFields {
    func nested(_ name: String) throws(Problem) -> RequestFields {
        try RequestFields(try required(name), place: "The field '\(name)'")
    }
}

extension Problem {
    /// The same, naming the operation of a transaction.
    func at(operation index: Int) -> Problem {
        var problem = self
        problem.operation = index
        problem.detail = "operations[\(index)]: \(detail)"
        return problem
    }
}
