import Foundation
import Images
import Support
import SwiftProtobuf
import Synchronization

/// A run's events as TensorBoard reads them: scalars, pictures and hyperparameters, in a file that is added to.
///
/// A run that goes on writes a file of its own, which begins by saying from which step on the older ones no longer count.
/// Any thread may write. What cannot be written is kept, and goes out before what follows.
package final class EventLog: Sendable {
    private let file: Mutex<AppendedFile>

    /// A value of a hyperparameter.
    package enum Parameter: Sendable, Equatable {
        case number(Double)
        case truth(Bool)
        case text(String)
    }

    /// - Parameter folder: where the file is made, with the folder, once there is an event.
    package init(folder: String) {
        file = Mutex(AppendedFile("\(folder)/events.out.tfevents") { try Self.makeFile(in: folder) })
    }

    /// Begins a run, or the part of one that goes on after `step`: events of later steps no longer count.
    package func begin(after step: Int, parameters: [(key: String, value: Parameter)]) throws {
        try write {
            $0.what = .fileVersion("brain.Event:2")
        }
        try drop(after: step)
        var start = Tensorboard_SessionStartInfo()
        start.startTimeSecs = Date().timeIntervalSince1970
        for (key, value) in parameters {
            start.hparams[key] =
                switch value {
                case .number(let number): Google_Protobuf_Value(numberValue: number)
                case .truth(let truth): Google_Protobuf_Value(boolValue: truth)
                case .text(let text): Google_Protobuf_Value(stringValue: text)
                }
        }
        try write(.sessionStartInfo(start), tag: "_hparams_/session_start_info")
    }

    /// Takes back the events of steps behind `step`.
    package func drop(after step: Int) throws {
        // Readers drop what they have of this step and later ones.
        try write {
            $0.step = Int64(step + 1)
            $0.what = .sessionLog(.with { $0.status = .start })
        }
    }

    /// Says that the run has ended well.
    package func end() throws {
        let end = Tensorboard_SessionEndInfo.with {
            $0.status = .success
            $0.endTimeSecs = Date().timeIntervalSince1970
        }
        try write(.sessionEndInfo(end), tag: "_hparams_/session_end_info")
    }

    /// Adds a step's values, each to the curve that its tag names; what is not finite has no place there.
    package func add(_ scalars: [(tag: String, value: Double?)], step: Int) throws {
        let values = scalars.compactMap { scalar -> Tensorboard_Summary.Value? in
            guard let value = scalar.value, value.isFinite else { return nil }
            return .with {
                $0.tag = scalar.tag
                $0.simpleValue = Float(value)
            }
        }
        guard !values.isEmpty else { return }
        try write {
            $0.step = Int64(step)
            $0.what = .summary(.with { $0.value = values })
        }
    }

    /// Adds a PNG file, of grey or RGB, to the pictures that its tag names.
    package func add(picture path: String, tag: String, step: Int) throws {
        let header = try PNG.readHeader(path)
        let bytes = try InputFile(path, called: "picture \(shownPath(path))").contents(
            atMost: 64 << 20, as: "a picture")
        let picture = Tensorboard_Summary.Image.with {
            $0.height = Int32(clamping: header.height)
            $0.width = Int32(clamping: header.width)
            $0.colorspace = Int32(clamping: header.channels)
            $0.encodedImageString = bytes
        }
        try write {
            $0.step = Int64(step)
            $0.what = .summary(
                .with {
                    $0.value = [
                        .with {
                            $0.tag = tag
                            $0.image = picture
                        }
                    ]
                })
        }
    }

    /// Brings all events to the disk.
    package func sync() throws { try file.withLock { try $0.sync() } }

    /// Whether every event is in the file.
    package var isComplete: Bool { file.withLock { $0.isComplete } }

    // MARK: - Records

    private func write(_ fill: (inout Tensorboard_Event) -> Void) throws {
        var event = Tensorboard_Event()
        event.wallTime = Date().timeIntervalSince1970
        fill(&event)
        let record = EventRecord.framed(try event.serializedData())
        try file.withLock { try $0.append(record) }
    }

    /// Writes what the hyperparameters' page reads: it stands in a summary's metadata, beside a tensor of no values.
    private func write(_ data: Tensorboard_HParamsPluginData.OneOf_Data, tag: String) throws {
        let content = try Tensorboard_HParamsPluginData.with { $0.data = data }.serializedData()
        try write {
            $0.what = .summary(
                .with {
                    $0.value = [
                        .with {
                            $0.tag = tag
                            $0.metadata.pluginData.pluginName = "hparams"
                            $0.metadata.pluginData.content = content
                            $0.tensor.dtype = .dtFloat
                            $0.tensor.tensorShape.dim = [.init()]
                        }
                    ]
                })
        }
    }

    // MARK: - The file

    /// Makes a file whose name, `events.out.tfevents.SECONDS.HOST`, comes behind those of all that are there: readers take
    /// them in this order, and a clock may have been set back.
    private static func makeFile(in folder: String) throws -> FileHandle {
        try makeFolder(folder, called: shownPath(folder), advice: "check the folder's permissions")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let last = names.compactMap { name -> Int? in
            guard name.hasPrefix(namePrefix) else { return nil }
            return Int(name.dropFirst(namePrefix.count).prefix { $0.isNumber })
        }.max()
        let now = Int(Date().timeIntervalSince1970)
        let seconds = max(now, (last ?? 0) &+ 1)
        let path = "\(folder)/\(namePrefix)\(seconds).\(ProcessInfo.processInfo.hostName)"
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw AppendedFile.failure(path, errno) }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    private static let namePrefix = "events.out.tfevents."
}
