import NIOCore

/// The streams of zlib that the sessions of one event loop share, made when the first asks. Confined to that loop.
final class CompressionTools {
    private lazy var deflater = Deflater()
    private lazy var scratch = UnsafeMutableRawBufferPointer.allocate(
        byteCount: CompressedFraming.plainBytesPerFrame, alignment: 1)
    private var hasScratch = false
    private var spareDeflater: Deflater?
    /// Those of no frame at the moment.
    private var inflaters: [Inflater] = []
    private static let sparesMax = 4

    /// For one frame: a client whose frames come whole needs one only for a moment.
    func takeInflater() -> Inflater {
        guard let one = inflaters.popLast() else { return Inflater() }
        one.reset()
        return one
    }

    deinit { if hasScratch { scratch.deallocate() } }

    /// Runs `body` with the compressed form of `plain`, when that is shorter.
    func compress(_ plain: ByteBuffer, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
        hasScratch = true
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch.prefix(plain.readableBytes - 1))
        guard let count = plain.withUnsafeReadableBytes({ deflater.deflate($0, into: room) }) else { return false }
        body(UnsafeRawBufferPointer(rebasing: room.prefix(count)))
        return true
    }

    /// For one frame whose bytes don't come at once.
    func takeDeflater() -> Deflater {
        guard let one = spareDeflater else { return Deflater() }
        spareDeflater = nil
        one.reset()
        return one
    }

    func giveBack(_ deflater: Deflater) { spareDeflater = deflater }

    func giveBack(_ inflater: Inflater) {
        if inflaters.count < Self.sparesMax { inflaters.append(inflater) }
    }
}
