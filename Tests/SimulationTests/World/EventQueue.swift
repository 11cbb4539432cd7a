/// What will happen, in the order of its time; of two events at the same time the one that was added first.
struct EventQueue<Event> {
    private struct Item {
        let time: UInt64
        let order: UInt64
        let event: Event
    }

    private var heap: [Item] = []
    private var added: UInt64 = 0

    var count: Int { heap.count }

    mutating func add(_ event: Event, at time: UInt64) {
        added += 1
        heap.append(Item(time: time, order: added, event: event))
        siftUp(heap.count - 1)
    }

    mutating func next() -> (time: UInt64, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return (first.time, first.event)
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        heap[a].time != heap[b].time ? heap[a].time < heap[b].time : heap[a].order < heap[b].order
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard isBefore(child, parent) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var least = parent
            for child in (2 * parent + 1)...(2 * parent + 2) where child < heap.count && isBefore(child, least) {
                least = child
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
