import EventFiles
import Foundation
import Support
import TestSupport
import Testing

@Suite struct EventLogTests {
    /// The vectors of RFC 3720, appendix B.4, and the check value of the catalogue of such codes.
    @Test(
        "CRC-32C",
        arguments: [
            (Data(repeating: 0, count: 32), 0x8A91_36AA), (Data(repeating: 0xFF, count: 32), 0x62A8_AB43),
            (Data(0..<32), 0x46DD_794E), (Data((0..<32).reversed()), 0x113F_DB5C),
            (Data("123456789".utf8), 0xE306_9283),
            (Data(), 0),
        ] as [(Data, UInt32)])
    func checksum(bytes: Data, value: UInt32) { #expect(CRC32C.value(bytes) == value) }

    @Test("a record is framed as TensorFlow's writer does it")
    func framing() {
        // By tensorboard.summary.writer.record_writer.RecordWriter.
        let record = EventRecord.framed(Data("lockstep".utf8))
        #expect(record.base64EncodedString() == "CAAAAAAAAAD/hiQPbG9ja3N0ZXDXrf9y")
    }

    /// A grey PNG of 2×1 pixels.
    private static let png =
        Data(
            base64Encoded:
                "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGNwOAAAAUMBAQURd3wAAAAASUVORK5CYII=")
        ?? Data()

    @Test("what a run and its resumes write reads back, without the steps that a resume repeats")
    func readBack() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("run/tensorboard")
        try folder.write(Self.png, to: "picture.png")
        let first = EventLog(folder: path)
        try first.begin(
            after: 0, parameters: [("rate", .number(0.25)), ("flip", .truth(true)), ("labels", .text("binary"))])
        for step in 1...10 {
            try first.add([("loss", 1 / Double(step)), ("norm", step == 3 ? nil : .nan)], step: step)
        }
        try first.add(picture: folder.path("picture.png"), tag: "previews/a", step: 5)
        try first.add(picture: folder.path("picture.png"), tag: "previews/a", step: 10)
        try first.sync()
        // Killed here, after the checkpoint of step 6.
        let second = EventLog(folder: path)
        try second.begin(after: 6, parameters: [("rate", .number(0.5))])
        for step in 7...12 { try second.add([("loss", 2 / Double(step))], step: step) }
        // Ended at step 11, as was found too late.
        try second.drop(after: 11)
        try second.end()
        #expect(first.isComplete && second.isComplete)

        let found = try EventFileReader(folder: path)
        #expect(found.files.count == 2)
        let loss = (1...11).map { EventFileReader.Point(step: $0, value: Float(($0 > 6 ? 2 : 1) / Double($0))) }
        #expect(found.scalars["loss"] == loss)
        #expect(found.scalars["norm"] == nil)
        #expect(
            found.pictures["previews/a"] == [.init(step: 5, width: 2, height: 1, channels: 1, bytes: Self.png)])
        #expect(found.parameters == [["rate": "0.25", "flip": "true", "labels": "binary"], ["rate": "0.5"]])
        #expect(found.isEnded)
    }

    @Test("a file's name comes behind those before it, whatever the clock says")
    func names() throws {
        let folder = try TemporaryFolder()
        try folder.write("", to: "events.out.tfevents.99999999998.host")
        let log = EventLog(folder: folder.path)
        try log.begin(after: 0, parameters: [])
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names.count == 2 && names[1].hasPrefix("events.out.tfevents.99999999999."))
    }

    @Test("what could not be written goes out with what follows")
    func kept() throws {
        let folder = try TemporaryFolder()
        // A file stands in the folder's place.
        try folder.write("", to: "tensorboard")
        let log = EventLog(folder: folder.path("tensorboard"))
        #expect(throws: Failure.self) { try log.begin(after: 0, parameters: []) }
        #expect(throws: Failure.self) { try log.add([("loss", 1)], step: 1) }
        #expect(!log.isComplete)
        try FileManager.default.removeItem(atPath: folder.path("tensorboard"))
        try log.add([("loss", 2)], step: 2)
        #expect(log.isComplete)
        let found = try EventFileReader(folder: folder.path("tensorboard"))
        #expect(found.scalars["loss"]?.map(\.step) == [1, 2])
    }
}
