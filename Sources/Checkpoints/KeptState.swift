import Foundation
import Kernels
import Support

/// A run's state as it was after a step, in memory that outlives the run's processes (`MemoryFolder`): what a run that was
/// lost goes on from.
///
/// A file has `headerBytes` of header, then the values of `TrainingState.buffers`, one after the other. The header is
/// `magic`, the number of bytes of its JSON and their hash, eight bytes each, the least significant first, then the JSON.
/// It is taken away before the values change and written when they are there, so that a kill leaves no file that says what
/// is not so.
package struct KeptState: Codable, Sendable {
    /// What must be the same in a run that goes on from here, or it would not be the same run.
    package struct Run: Codable, Sendable, Equatable {
        /// The run's identity, and its folder's path.
        package let run: String
        package let folder: String
        /// `Configuration.resultDigest`.
        let configuration: String
        /// `SamplePair.digest`, and a hash of `DatasetReview.contents`.
        let images: String
        let contents: String
        /// What computes, as far as bits depend on it.
        let engine: String
        /// Values of a buffer, and how many buffers there are.
        let values: Int
        let buffers: Int

        /// - Parameters:
        ///   - folder: its path without links.
        ///   - engine: with its version.
        package init(
            run: String, folder: String, configuration: String, images: String, contents: String, engine: String,
            state: TrainingState
        ) {
            (self.run, self.folder, self.configuration, self.images) = (run, folder, configuration, images)
            let hash = SHA256()
            hash.update(Data(contents.utf8))
            self.contents = hash.finish().hexadecimal
            self.engine = engine
            (values, buffers) = (state.weights.count, state.buffers.count)
        }

        /// Bytes of a file with its state.
        package var fileBytes: Int { KeptState.headerBytes + valueBytes }

        var valueBytes: Int { 4 * values * buffers }
    }

    package let run: Run
    package let step: Int
    package let elapsed: Double
    /// The learning rate of the next step, by the configuration of whoever kept the state.
    package let learningRate: Double
    /// Steps up to this one whose validation was not known to be over.
    package let validationsDue: [Int]
    /// What the steps before this one were like, as the log has it: the log may end before this step.
    package private(set) var course: [Data]
    /// Who starts the run anew when it is lost, where somebody does.
    package let supervisor: ProcessPlace?
    /// The hash of the values.
    package private(set) var digest: UInt64 = 0

    package init(
        run: Run, state: TrainingState, learningRate: Double, validationsDue: [Int], course: [Data],
        supervisor: ProcessPlace?
    ) {
        (self.run, step, elapsed) = (run, state.step, state.elapsed)
        (self.learningRate, self.validationsDue) = (learningRate, validationsDue)
        (self.course, self.supervisor) = (course, supervisor)
    }

    // MARK: - The file

    private static let headerBytes = 64 << 10
    private static let magic: UInt64 = 0x3154_534B_434F_4C01
    /// Before the JSON.
    private static let fixedBytes = 24

    /// Copies a state to a file of `Run.fileBytes`; returns whether it is there.
    ///
    /// - Parameter team: shares the work.
    package func write(_ state: TrainingState, to file: MemoryFile, team: ThreadTeam) -> Bool {
        precondition(file.size == run.fileBytes && state.buffers.count == run.buffers, "a file of another run")
        guard file.write(Data(count: Self.fixedBytes), at: 0) else { return false }
        var header = self
        header.digest = Self.digest(of: state, to: file.base + Self.headerBytes, team: team)
        guard let bytes = header.encoded() else { return false }
        return file.write(bytes, at: 0)
    }

    /// The header's bytes; what is oldest of the course is left out where there is no room for it.
    private func encoded() -> Data? {
        var header = self
        let encoder = JSONEncoder()
        while let json = try? encoder.encode(header) {
            if json.count <= Self.headerBytes - Self.fixedBytes {
                let hash = json.withUnsafeBytes { CheckedCopy.hash($0, seed: 0) }
                let words = [Self.magic, UInt64(json.count), hash].map(\.littleEndian)
                return words.withUnsafeBytes { Data($0) } + json
            }
            guard !header.course.isEmpty else { return nil }
            header.course.removeFirst((header.course.count + 1) / 2)
        }
        return nil
    }

    /// Reads what a file says of its state; nil where it holds none, or none that is whole.
    package init?(_ file: FileHandle) {
        guard let start = Self.bytes(of: file, at: 0, count: Self.headerBytes) else { return nil }
        let words = start.withUnsafeBytes { bytes in
            (0..<3).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) }
        }
        guard words[0] == Self.magic, words[1] <= UInt64(Self.headerBytes - Self.fixedBytes) else { return nil }
        let json = start[Self.fixedBytes..<Self.fixedBytes + Int(words[1])]
        guard json.withUnsafeBytes({ CheckedCopy.hash($0, seed: 0) }) == words[2],
            let header = try? JSONDecoder().decode(Self.self, from: json)
        else { return nil }
        self = header
    }

    /// Reads the state itself; returns whether it is what the header says.
    package func read(_ file: FileHandle, into state: TrainingState) -> Bool {
        guard state.weights.count == run.values, state.buffers.count == run.buffers else { return false }
        var offset = Self.headerBytes
        for buffer in state.buffers {
            guard Self.fill(buffer.bytes, from: file, at: offset) else { return false }
            offset += buffer.bytes.count
        }
        (state.step, state.elapsed) = (step, elapsed)
        return Self.digest(of: state, to: nil, team: .solo) == digest
    }

    private static func bytes(of file: FileHandle, at offset: Int, count: Int) -> Data? {
        var data = Data(count: count)
        return data.withUnsafeMutableBytes { fill($0, from: file, at: offset) } ? data : nil
    }

    private static func fill(_ bytes: UnsafeMutableRawBufferPointer, from file: FileHandle, at offset: Int) -> Bool {
        var filled = 0
        while filled < bytes.count, let base = bytes.baseAddress {
            let more = pread(file.fileDescriptor, base + filled, bytes.count - filled, off_t(offset + filled))
            if more < 0, errno == EINTR { continue }
            guard more > 0 else { return false }
            filled += more
        }
        return true
    }

    // MARK: - The values

    /// The hash of all values, block by block, which are copied to `target`, where that is given.
    private static func digest(
        of state: TrainingState, to target: UnsafeMutableRawPointer?, team: ThreadTeam
    ) -> UInt64 {
        var hashes: [UInt64] = []
        var offset = 0
        for buffer in state.buffers {
            let bytes = UnsafeRawBufferPointer(buffer.bytes)
            let place = target.map { $0 + offset }
            let count = CheckedCopy.blocks(of: bytes.count)
            hashes += [UInt64](unsafeUninitializedCapacity: count) { part, filled in
                let own = part
                team.forEach(count) { _, block in
                    own.initializeElement(at: block, to: CheckedCopy.block(block, of: bytes, to: place))
                }
                filled = count
            }
            offset += bytes.count
        }
        return hashes.withUnsafeBytes { CheckedCopy.hash($0, seed: UInt64(state.step)) }
    }
}
