import CLinux

/// Keeps the resident memory of a long-lived agent near what it uses.
///
/// As it comes, glibc's allocator raises the size from which it maps allocations one by one to that of the largest that was
/// ever freed (up to 32 MB), and keeps what is below for each of eight arenas a core: after a catch-up with large
/// transactions tens of megabytes stay resident that nobody uses. With a fixed threshold large buffers go back at once.
/// See mallopt(3).
enum AllocatorTuning {
    /// Batches of everyday size stay below.
    private static let mappedFromBytes: Int32 = 1 << 20
    /// What the end of an arena may keep free. With glibc's 128 KB each piece of a catch-up gave its pages back and had the kernel
    /// clear new ones, which was half of what compressing it cost.
    private static let keptBytes: Int32 = 4 << 20
    private static let arenas: Int32 = 4

    static func apply() {
        wolfscale_tune_allocator(mappedFromBytes, keptBytes, arenas)
    }
}
