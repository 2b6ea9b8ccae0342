import Glibc
import Synchronization

/// One end of the TCP connection between a rank's failure detector and rank 0's. Any thread sends; one thread, the
/// detector's, receives. Nothing here ever waits.
package final class HeartbeatConnection: Sendable {
    /// What senders share.
    private struct Outgoing {
        /// What the kernel has not taken yet.
        var unsent: [UInt8] = []
        var isClosed = false
    }

    package let descriptor: Int32
    private let outgoing = Mutex(Outgoing())
    private let incoming = Mutex(HeartbeatMessageBuffer())

    /// Takes over a connected socket.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // A status is worth most when it comes before its rank dies.
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close() }

    /// Sends a message. One that repeats itself soon is left out where the other end takes nothing at the moment.
    package func send(_ message: HeartbeatMessage, isRepeated: Bool = false) {
        outgoing.withLock { outgoing in
            guard !outgoing.isClosed else { return }
            flush(&outgoing.unsent)
            if isRepeated && !outgoing.unsent.isEmpty { return }
            outgoing.unsent += message.bytes
            flush(&outgoing.unsent)
        }
    }

    private func flush(_ unsent: inout [UInt8]) {
        while !unsent.isEmpty {
            // No signal where the other end is gone: that is noticed in receiving.
            let count = unsent.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            unsent.removeFirst(count)
        }
    }

    /// Bytes that are taken at once at most. Whoever sends more than that between two heartbeats waits; a rank sends 2 kB.
    private static let mostAtOnce = 64 << 10

    /// What has come, and whether the connection has ended behind it.
    ///
    /// - Parameter isHello: one message alone is wanted, and nobody knows yet whose.
    package func receive(isHello: Bool = false) -> (messages: [HeartbeatMessage], hasEnded: Bool) {
        incoming.withLock { receive(into: &$0, isHello: isHello) }
    }

    private func receive(
        into buffer: inout HeartbeatMessageBuffer, isHello: Bool
    ) -> (messages: [HeartbeatMessage], hasEnded: Bool) {
        var messages: [HeartbeatMessage] = []
        var hasEnded = false
        var left = isHello ? 4096 : Self.mostAtOnce
        if !isHello { while let message = buffer.next() { messages.append(message) } }
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { bytes in
            while true {
                let count = recv(descriptor, bytes.baseAddress, bytes.count, 0)
                if count < 0 && errno == EINTR { continue }
                if count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) { return }
                // Reset by the other end is an end too.
                guard count > 0 else {
                    hasEnded = true
                    return
                }
                buffer.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<count]))
                while let message = buffer.next() {
                    messages.append(message)
                    // What follows a stranger's first message is of no interest, and a rank waits for the answer.
                    if isHello { return }
                }
                if buffer.isBroken {
                    hasEnded = true
                    return
                }
                left -= count
                if left <= 0 { return }
            }
        }
        return (messages, hasEnded)
    }

    /// Says that nothing more will be sent; the other end notices at once.
    func finishSending() {
        outgoing.withLock { _ = $0.isClosed ? 0 : shutdown(descriptor, Int32(SHUT_WR)) }
    }

    package func close() {
        outgoing.withLock { outgoing in
            guard !outgoing.isClosed else { return }
            outgoing.isClosed = true
            Glibc.close(descriptor)
        }
    }
}

/// Wakes a thread that sleeps in `poll`.
final class WakeupPipe: Sendable {
    /// There is something to read once `wake` was called.
    let descriptor: Int32
    private let writingEnd: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        (descriptor, writingEnd) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        close(descriptor)
        close(writingEnd)
    }

    func wake() {
        var byte: UInt8 = 0
        _ = write(writingEnd, &byte, 1)
    }

    /// Takes what `wake` wrote, so that the next sleep is one.
    func clear() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { while read(descriptor, $0.baseAddress, 64) > 0 {} }
    }
}

/// `POLLRDHUP`, which Swift does not see: the other end has sent all that it will.
private let pollEnd: Int16 = 0x2000

/// Sleeps until something happens on one of the descriptors, or the seconds are over; returns those on which it did.
///
/// - Parameters:
///   - reading: wake when there is something to read.
///   - ending: wake only when the connection ends.
func sleep(reading: [Int32], ending: [Int32] = [], seconds: Double) -> Set<Int32> {
    var polled =
        reading.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        + ending.map { pollfd(fd: $0, events: pollEnd, revents: 0) }
    let count = poll(&polled, nfds_t(polled.count), Int32(min(max(seconds * 1000, 0), 1e6).rounded(.up)))
    guard count > 0 else { return [] }
    return Set(polled.filter { $0.revents != 0 }.map { $0.fd })
}
