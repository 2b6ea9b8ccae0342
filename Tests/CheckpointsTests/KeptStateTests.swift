import Checkpoints
import Foundation
import Network
import Support
import TestSupport
import Testing

@Suite struct KeptStateTests {
    private let folder: TemporaryFolder
    private var memory: MemoryFolder { MemoryFolder(folder: folder.path) }

    init() throws { folder = try TemporaryFolder() }

    /// A state of which every value is another.
    private func state(step: Int, isAveraged: Bool = true) -> TrainingState {
        var model = UNetArchitecture()
        (model.baseChannels, model.depth) = (32, 2)
        let state = TrainingState(ParameterLayout(model), isAveraged: isAveraged)
        for (number, buffer) in state.buffers.enumerated() {
            for i in 0..<buffer.count { buffer.base[i] = Float(i * 3 + number + step) }
        }
        (state.step, state.elapsed) = (step, 1.5)
        return state
    }

    private func run(of state: TrainingState) -> KeptState.Run {
        .init(
            run: "1-2", folder: "/runs/a", configuration: "c", images: "i", contents: "abc", engine: "native 2",
            state: state)
    }

    private func keep(_ state: TrainingState, threads: Int = 1, course: [Data] = []) throws -> MemoryFile {
        let file = try MemoryFile(
            MemoryFolder.nextName(run: "1-2"), in: memory, size: run(of: state).fileBytes)
        let kept = KeptState(
            run: run(of: state), state: state, learningRate: 0.125, validationsDue: [3], course: course,
            supervisor: ProcessPlace(host: "node1", number: 7))
        #expect(kept.write(state, to: file, team: .init(threads: threads)))
        return file
    }

    private func open() throws -> FileHandle {
        let name = try #require(memory.names().first)
        return try #require(memory.open(name))
    }

    /// What the file says; nil where it holds no state.
    private func kept() throws -> KeptState? { KeptState(try open()) }

    /// Whether the file holds a state that is whole.
    private func isWhole(_ copy: TrainingState) throws -> Bool {
        guard let kept = try kept() else { return false }
        return kept.read(try open(), into: copy)
    }

    @Test("a state comes back as it was", arguments: [(1, true), (3, false)])
    func roundTrip(threads: Int, isAveraged: Bool) throws {
        let state = state(step: 5, isAveraged: isAveraged)
        _ = try keep(state, threads: threads, course: [Data("x".utf8)])
        let kept = try #require(try self.kept())
        #expect(kept.run == run(of: state) && kept.step == 5 && kept.elapsed == 1.5 && kept.learningRate == 0.125)
        #expect(kept.validationsDue == [3] && kept.course == [Data("x".utf8)])
        #expect(kept.supervisor == ProcessPlace(host: "node1", number: 7))
        let copy = TrainingState(state.weights.layout, isAveraged: isAveraged)
        #expect(try isWhole(copy))
        #expect(copy.digest == state.digest && copy.elapsed == 1.5)
        #expect(try !isWhole(TrainingState(state.weights.layout, isAveraged: !isAveraged)))
    }

    @Test("a changed byte of the values, or one of the header, is found")
    func damage() throws {
        let state = state(step: 5)
        let file = try keep(state)
        let copy = state.copied()
        for place in [65_536, 65_536 + 2_000_000, file.size - 1] {
            file.base.storeBytes(
                of: file.base.load(fromByteOffset: place, as: UInt8.self) ^ 4, toByteOffset: place, as: UInt8.self)
            #expect(try !isWhole(copy), "\(place)")
            file.base.storeBytes(
                of: file.base.load(fromByteOffset: place, as: UInt8.self) ^ 4, toByteOffset: place, as: UInt8.self)
        }
        #expect(try isWhole(copy))
        for place in [0, 9, 17, 60] {
            let byte = file.base.load(fromByteOffset: place, as: UInt8.self)
            file.base.storeBytes(of: byte ^ 1, toByteOffset: place, as: UInt8.self)
            #expect(try kept() == nil, "\(place)")
            file.base.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
        }
        #expect(truncate(file.path, 100_000) == 0)
        #expect(try kept() != nil && !isWhole(copy))
        #expect(truncate(file.path, 100) == 0)
        #expect(try kept() == nil)
    }

    @Test func aCourseThatIsTooLongLosesItsBeginning() throws {
        let steps = (0..<40).map { Data(repeating: UInt8($0), count: 3000) }
        _ = try keep(state(step: 5), course: steps)
        let kept = try #require(try self.kept())
        #expect(!kept.course.isEmpty && kept.course.count < 40 && kept.course == Array(steps.suffix(kept.course.count)))
    }
}
