import Foundation

extension FileHandle {
    /// Locks an open file or folder (`flock`) against other processes, until this one and those that inherited the
    /// descriptor have closed it, however they end. File systems without locks are taken as they are.
    ///
    /// - Parameters:
    ///   - patience: seconds to wait for another process that has the lock.
    ///   - isWanted: asked while waiting; false ends it.
    /// - Returns: whether the lock is held; false where another process has it still.
    package func lock(patience: Double = 0, while isWanted: () -> Bool = { true }) -> Bool {
        let deadline = Timeline.now + patience
        while flock(fileDescriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            guard Timeline.now < deadline, isWanted() else { return false }
            usleep(100_000)
        }
        return true
    }
}
