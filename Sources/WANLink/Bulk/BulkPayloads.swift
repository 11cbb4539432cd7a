import NIOCore

/// What the owner of bulk payloads knows of them: they hold parts that are compressed already, and to compress such bytes
/// once more is of no use. Called on worker threads.
public protocol BulkPayloads: Sendable {
    /// The same payload with nothing in it compressed, for a line that compresses by itself.
    ///
    /// - Parameters:
    ///   - bytesMax: How long the result may be; what would go beyond stays as it is.
    ///   - groups: Whether the peer's release understands groups of batches.
    /// - Returns: parts; with `groups`, those of ``StreamCompressor/ownBlockBytesMin`` and more are compressed with statistics
    ///   of their own.
    func expand(_ parts: [ByteBuffer], bytesMax: Int, groups: Bool) throws -> [ByteBuffer]

    /// What ``expand(_:bytesMax:groups:)`` gave at the sender, as this node keeps it.
    func pack(_ payload: ByteBuffer) throws -> ByteBuffer
}

/// Payloads of which nothing is known.
public struct OpaquePayloads: BulkPayloads {
    public init() {}
    public func expand(_ parts: [ByteBuffer], bytesMax: Int, groups: Bool) -> [ByteBuffer] { parts }
    public func pack(_ payload: ByteBuffer) -> ByteBuffer { payload }
}
