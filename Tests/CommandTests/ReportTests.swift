import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// `lockstep report`.
    @Suite struct ReportOfFolders {
        private func page(_ place: Place, _ path: String) throws -> String {
            try String(contentsOfFile: place.folder.path(path), encoding: .utf8)
        }

        @Test func aRunHasOnePageWithItsPictures() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--set", "model.class_names=[\"<q>\",cell]"])
            let answer = try place.succeed(["report", "runs/cells", "--json"]).json
            #expect(answer["report"] as? String == "runs/cells/report.html")
            #expect((answer["notes"] as? [String])?.isEmpty == true, "\(answer)")
            let html = try page(place, "runs/cells/report.html")
            #expect(html.utf8.count == answer["bytes"] as? Int && html.utf8.count < 5_000_000)
            #expect(!html.contains("http://") && !html.contains("https://") && !html.contains("<q>"))
            // Both validation images, and what evaluate says of the same checkpoint.
            #expect(html.contains("\"prediction\":") && html.contains("2 of 2 images"))
            #expect(html.contains(try place.digest("runs/cells")))
            #expect(html.contains("lockstep predict runs/cells"))

            // Without the images the rest is there.
            try FileManager.default.moveItem(atPath: place.folder.path("cells"), toPath: place.folder.path("away"))
            let without = try place.succeed(["report", "runs/cells/", "--output", "other.html"])
            #expect(without.errors.contains("without predictions") && without.output.contains("other.html"))
            #expect(try page(place, "other.html").contains("No predictions can be shown"))
        }

        @Test func wrongFoldersAreOneLine() throws {
            let place = try Place()
            for folder in ["cells", "nowhere", "cells.yaml"] {
                let outcome = try place.run(["report", folder])
                #expect(outcome.status == 2 && outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
            }
        }

        @Test func aServedPageFollowsTheRun() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--set", "training.steps=4"])
            let server = try place.start(["report", "runs/cells", "--serve", "--port", "0"])
            try server.wait("said where") { try server.said().contains("Ctrl-C") }
            let address = try #require(
                try server.said().split(separator: " ").first { $0.hasPrefix("http://127.0.0.1:") })
            func get(_ path: String) throws -> Data { try Data(contentsOf: try #require(URL(string: address + path))) }
            #expect(String(decoding: try get(""), as: UTF8.self).contains("connect-src 'self'"))
            let before = try #require(try JSONSerialization.jsonObject(with: get("live")) as? [String: Any])
            #expect((before["badge"] as? [String: Any])?["word"] as? String == "finished")
            try place.succeed(["train", "--resume", "runs/cells", "--set", "training.steps=6"])
            let after = try #require(try JSONSerialization.jsonObject(with: get("live")) as? [String: Any])
            #expect(after["version"] as? Int != before["version"] as? Int)

            // The same port is another's now.
            let port = try #require(address.dropLast().split(separator: ":").last)
            let second = try place.run(["report", "runs/cells", "--serve", "--port", String(port)])
            #expect(second.status == 2 && second.errors.contains("in use"), "\(second.errors)")
            server.send(SIGTERM)
            #expect(try server.outcome(within: 20).status == 0)
        }
    }
}
