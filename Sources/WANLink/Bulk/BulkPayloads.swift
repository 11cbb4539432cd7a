import NIOCore

/// What the owner of bulk payloads knows of them: they hold parts that are compressed already, and to compress such bytes
/// once more is of no use. Called on worker threads.
public protocol BulkPayloads: Sendable {
    /// The same payload with nothing in it compressed, for a line that compresses by itself.
    ///
    /// - Parameter bytesMax: How long the result may be; what would go beyond stays as it is.
    func expand(_ parts: [ByteBuffer], bytesMax: Int) throws -> [ByteBuffer]

    /// What ``expand(_:bytesMax:)`` gave at the sender, as this node keeps it.
    func pack(_ payload: ByteBuffer) throws -> ByteBuffer
}

/// Payloads of which nothing is known.
public struct OpaquePayloads: BulkPayloads {
    public init() {}
    public func expand(_ parts: [ByteBuffer], bytesMax: Int) -> [ByteBuffer] { parts }
    public func pack(_ payload: ByteBuffer) -> ByteBuffer { payload }
}
