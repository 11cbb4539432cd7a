import Testing

@testable import Gateway

@Suite struct ReplicaRotationTests {
    private func replica(_ host: String, _ weight: Int) -> ProxyView.Replica {
        .init(address: .tcp(host: host, port: 3_306), weight: weight)
    }

    private func turns(_ count: Int, _ rotation: inout ReplicaRotation, _ replicas: [ProxyView.Replica]) -> String {
        (0..<count).map { _ in
            if case .tcp(let host, _) = rotation.next(of: replicas) { host } else { "-" }
        }.joined()
    }

    @Test func eachIsChosenAsOftenAsItsWeightSays() {
        var rotation = ReplicaRotation()
        #expect(turns(2, &rotation, []) == "--")
        #expect(turns(3, &rotation, [replica("a", 5)]) == "aaa")
        let both = [replica("a", 3), replica("b", 1)]
        let order = turns(8, &rotation, both)
        #expect(order.filter { $0 == "a" }.count == 6 && !order.contains("aaaa"), "\(order)")
        // One that comes later gets its share from then on and nothing for the time before.
        let three = both + [replica("c", 4)]
        let later = turns(16, &rotation, three)
        #expect(later.filter { $0 == "c" }.count == 8 && later.filter { $0 == "b" }.count == 2, "\(later)")
        rotation.forget(allBut: both)
        #expect(!turns(8, &rotation, both).contains("c"))
    }
}
