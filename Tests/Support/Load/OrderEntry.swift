import ClusterCore
import Foundation
import MariaDBClient

/// An order-entry workload with what shops keep: JSON addresses and attributes, notes in prose, random tokens.
///
/// A transaction is one order with one to five lines, and the changes of stock and balance that it makes.
public final class OrderEntry: @unchecked Sendable {
    private static let customers = 5_000
    private static let products = 2_000

    private let node: LabNode
    private let lock = NSLock()
    private var count = 0
    private var stopped = false

    public init(_ node: LabNode) { self.node = node }

    public static func prepare(_ node: LabNode) throws {
        let session = try node.client()
        for statement in [
            """
            CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(80), email VARCHAR(80), address JSON,
            balance DECIMAL(12,2) NOT NULL DEFAULT 0, updated DATETIME(3))
            """,
            """
            CREATE TABLE products (id INT PRIMARY KEY, name VARCHAR(80), price DECIMAL(10,2), stock INT NOT NULL,
            updated DATETIME(3))
            """,
            """
            CREATE TABLE orders (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL, placed DATETIME(3),
            status VARCHAR(12), token CHAR(36), shipping JSON, note TEXT, KEY (customer))
            """,
            """
            CREATE TABLE order_lines (order_id BIGINT UNSIGNED, line INT, product INT NOT NULL, quantity INT,
            price DECIMAL(10,2), attributes JSON, PRIMARY KEY (order_id, line))
            """,
            """
            INSERT INTO customers SELECT seq, CONCAT('Customer ', seq), CONCAT('customer', seq, '@example.com'),
            JSON_OBJECT('street', CONCAT(seq % 300, ' Harbour Road'), 'city', 'Hamburg', 'zip', 20000 + seq), 0, NOW(3)
            FROM seq_1_to_\(customers)
            """,
            """
            INSERT INTO products SELECT seq, CONCAT('Product ', seq), 1 + seq % 500, 1000000, NOW(3)
            FROM seq_1_to_\(products)
            """,
        ] {
            try session.query(statement)
        }
    }

    /// Enters orders until `enough` says so, which is asked ten times a second.
    ///
    /// - Parameter rate: Per second; nil: as many as there can be.
    /// - Returns: how many.
    public func run(clients: Int, rate: Double? = nil, until enough: () throws -> Bool) throws -> Int {
        let group = DispatchGroup()
        for client in 0..<clients {
            group.enter()
            Thread { [self] in
                enter(client, pause: rate.map { Double(clients) / $0 })
                group.leave()
            }.start()
        }
        defer {
            lock.withLock { stopped = true }
            group.wait()
        }
        while try !enough() { usleep(100_000) }
        return lock.withLock { count }
    }

    private func enter(_ client: Int, pause: Double?) {
        var generator = SplitMix64(seed: UInt64(client) &* 7_919 &+ UInt64(Date().timeIntervalSince1970))
        var session: SQLSession?
        var due = Workload.now
        while !lock.withLock({ stopped }) {
            if let pause {
                due += pause
                let wait = due - Workload.now
                if wait > 0 { usleep(useconds_t(wait * 1_000_000)) }
            }
            do {
                if session == nil { session = try node.client(readTimeout: .seconds(60)) }
                guard let session else { continue }
                try Self.order(session, &generator)
                lock.withLock { count += 1 }
            } catch {
                // A deadlock, or a leader that is gone: the next one is a new order.
                session?.close()
                session = nil
                usleep(10_000)
            }
        }
        session?.close()
    }

    private static func order(_ session: SQLSession, _ generator: inout SplitMix64) throws {
        let customer = Int.random(in: 1...customers, using: &generator)
        let bought = (0..<Int.random(in: 1...5, using: &generator)).map { _ in
            Int.random(in: 1...products, using: &generator)
        }
        let items = Set(bought).sorted()
        try session.query("START TRANSACTION")
        let order = try session.query(
            """
            INSERT INTO orders (customer, placed, status, token, shipping, note) VALUES (\(customer), NOW(3), 'placed',
            UUID(), '\(shipping(&generator))', '\(Prose.text(words: 8...60, &generator))')
            """
        ).lastInsertID
        let lines = items.enumerated().map { line, product in
            "(\(order), \(line + 1), \(product), \(Int.random(in: 1...9, using: &generator)), "
                + "\(Int.random(in: 100...99_999, using: &generator)) / 100, '\(attributes(&generator))')"
        }
        try session.query("INSERT INTO order_lines VALUES \(lines.joined(separator: ", "))")
        let list = items.map(String.init).joined(separator: ", ")
        try session.query("UPDATE products SET stock = stock - 1, updated = NOW(3) WHERE id IN (\(list))")
        try session.query("UPDATE customers SET balance = balance + 10, updated = NOW(3) WHERE id = \(customer)")
        try session.query("COMMIT")
    }

    private static func shipping(_ generator: inout SplitMix64) -> String {
        """
        {"name": "\(Prose.name(&generator))", "street": "\(Int.random(in: 1...400, using: &generator)) \
        \(Prose.word(&generator)) street", "city": "\(Prose.city(&generator))", \
        "zip": "\(Int.random(in: 10_000...99_999, using: &generator))", "express": \(Bool.random(using: &generator))}
        """
    }

    private static func attributes(_ generator: inout SplitMix64) -> String {
        """
        {"colour": "\(["red", "green", "blue", "black"][Int.random(in: 0...3, using: &generator)])", \
        "size": \(Int.random(in: 30...60, using: &generator)), "batch": "\(Prose.hex(12, &generator))", \
        "gift": \(Bool.random(using: &generator)), "warehouse": "\(Prose.city(&generator))"}
        """
    }
}

/// Text that compresses as text does: common words more often than rare ones.
enum Prose {
    private static let words = """
        the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what \
        all were we when your can said there use an each which she do how their if will up other about out many then them these \
        so some her would make like him into time has look two more write go see number no way could people my than first water \
        been call who oil its now find long down day did get come made may part parcel delivery please leave neighbour doorbell \
        broken ring twice fragile birthday present wrapped invoice separate company address floor courtyard before noon after \
        evening thanks regards customer order again as usual but quickly
        """.split(separator: " ").map(String.init)
    private static let names = "Anna Ben Clara David Emma Felix Greta Hugo Ida Jonas Klara Leon Mia Noah Olga Paul"
        .split(
            separator: " ")
    private static let cities = "Hamburg Lyon Porto Turin Malmo Ghent Leeds Graz Basel Brno Gdansk Riga Cork Bergen"
        .split(
            separator: " ")

    static func word(_ generator: inout SplitMix64) -> String {
        // Squared: the first words come most often.
        let x = Double.random(in: 0..<1, using: &generator)
        return words[Int(x * x * Double(words.count))]
    }
    static func text(words count: ClosedRange<Int>, _ generator: inout SplitMix64) -> String {
        (0..<Int.random(in: count, using: &generator)).map { _ in word(&generator) }.joined(separator: " ")
    }
    static func name(_ generator: inout SplitMix64) -> String {
        "\(names[Int.random(in: 0..<names.count, using: &generator)]) \(word(&generator))son"
    }
    static func city(_ generator: inout SplitMix64) -> String {
        String(cities[Int.random(in: 0..<cities.count, using: &generator)])
    }
    static func hex(_ count: Int, _ generator: inout SplitMix64) -> String {
        String((0..<count).map { _ in "0123456789abcdef".randomElement(using: &generator) ?? "0" })
    }
}
