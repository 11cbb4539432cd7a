import MariaDBClient

extension Problem {
    /// What a failed write means to the client.
    /// - Parameter id: the key that the row was given, by which the client can look it up later.
    init(_ error: SQLError, id: RowID? = nil) {
        switch error.kind {
        case .connect:
            self = .unavailable("The leader's MariaDB takes no connection: \(error.description)", retryAfterSeconds: 1)
        case .busy, .closed:
            self = .unavailable("Nothing was executed: \(error.message).", retryAfterSeconds: 1)
        case .timeout, .lost, .cancelled:
            self = .unknownOutcome(error.description, id: id)
        case .client:
            self.init(.internalError, status: 500, error.description)
        case .server:
            self = Problem.server(error)
        }
        if error.errno != 0 {
            errno = error.errno
            sqlState = error.sqlState
        }
    }

    /// - Parameter isKeyed: whether the request has an Idempotency-Key.
    static func unknownOutcome(_ reason: String, id: RowID? = nil, isKeyed: Bool = false) -> Problem {
        let advice =
            isKeyed
            ? "Repeat the request with the same Idempotency-Key until it is answered: it is executed once at most."
            : "Read the row by its key at the leader to find out, or send the same write again if a second execution "
                + "does no harm."
        return Problem(
            .unknownOutcome, status: 504,
            "No confirmation came: \(reason). The write may have been executed already, or may still be when its quorum "
                + "comes. \(advice)",
            id: id)
    }

    /// By the error's number, and by its class where the number says nothing special.
    private static func server(_ error: SQLError) -> Problem {
        let detail = error.message
        switch error.errno {
        case 1022, 1062, 1169, 1216, 1217, 1451, 1452, 1557, 1586, 1761, 1762:
            return Problem(.conflict, status: 409, detail)
        case 1044, 1045, 1095, 1142, 1143, 1227, 1370, 1410, 1698:
            return Problem(.forbidden, status: 403, detail)
        case 1290 where detail.contains("read-only") || detail.contains("read_only"), 1792, 1836:
            return Problem(
                .retry, status: 503, "The database has just ceased to be the leader's: \(detail).", retryAfterSeconds: 1
            )
        case 1205, 1213, 1317, 1969:
            return Problem(.retry, status: 503, detail, retryAfterSeconds: 1)
        case 1040, 1041, 1203, 1226, 1461:
            return Problem(.unavailable, status: 503, detail, retryAfterSeconds: 1)
        case 1021, 1114:
            return Problem(.storageFull, status: 507, detail)
        case 1051, 1054, 1091, 1146, 1049, 1050, 1060, 1061, 1068, 1007, 1008:
            return Problem(.badData, status: 422, detail)
        case 1048, 1136, 1210, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1411, 1690, 3819, 4025, 4038, 1906:
            return Problem(.badData, status: 422, detail)
        case 1046:
            return .badRequest("\(detail): write the table as database.table, or configure database.database")
        case 1390:
            return .badRequest("\(detail): one request takes at most 65,535 values")
        default:
            return byClass(error)
        }
    }

    private static func byClass(_ error: SQLError) -> Problem {
        switch error.sqlState.prefix(2) {
        case "22": Problem(.badData, status: 422, error.message)
        case "23": Problem(.conflict, status: 409, error.message)
        case "28": Problem(.forbidden, status: 403, error.message)
        case "40": Problem(.retry, status: 503, error.message, retryAfterSeconds: 1)
        case "42": .badRequest(error.message)
        case "45": Problem(.badData, status: 422, error.message)  // SIGNAL of a trigger
        default: Problem(.database, status: 500, error.message)
        }
    }
}
