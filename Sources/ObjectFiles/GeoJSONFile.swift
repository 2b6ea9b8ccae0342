import Foundation
import Support

/// Objects as a GeoJSON FeatureCollection (RFC 7946), in pixels with y downwards: what QuPath imports as detections, with
/// class, colour and measurements, and what napari's and GIS's readers of GeoJSON open.
public enum GeoJSONFile {
    /// What QuPath reads of an object (PathObjectTypeAdapters, from 0.4).
    private struct Properties: Encodable {
        struct Classification: Encodable {
            let name: String
            let color: [UInt8]
        }
        let objectType = "detection"
        let name: String
        let classification: Classification
        let measurements: [String: Double]

        init(_ object: OutlinedObject) {
            name = "\(object.number)"
            let color = object.color
            classification = Classification(name: object.className, color: [color.red, color.green, color.blue])
            measurements = Dictionary(
                object.measurements.filter(\.value.isFinite).map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        }
    }

    /// Writes a file, whole or not at all.
    ///
    /// Throws `Failure.running` with the system's reason.
    public static func write(_ objects: [OutlinedObject], to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(path) { file in
            var text = Data("{\"type\":\"FeatureCollection\",\"features\":[".utf8)
            for (index, object) in objects.enumerated() {
                text.append(contentsOf: "\(index == 0 ? "" : ",")\n{\"type\":\"Feature\",\"geometry\":".utf8)
                text.append(contentsOf: geometry(object).utf8)
                text.append(contentsOf: ",\"properties\":".utf8)
                text.append(try encoder.encode(Properties(object)))
                text.append(contentsOf: "}".utf8)
                if text.count > 1 << 20 {
                    try file.write(contentsOf: text)
                    text.removeAll(keepingCapacity: true)
                }
            }
            text.append(contentsOf: "\n]}\n".utf8)
            try file.write(contentsOf: text)
        }
    }

    /// A Polygon; a ring ends with its first corner. `plane` is QuPath's.
    private static func geometry(_ object: OutlinedObject) -> String {
        let rings = object.outline.rings.map { ring in
            "[" + (ring + ring.prefix(1)).map { "[\($0.x),\($0.y)]" }.joined(separator: ",") + "]"
        }
        let plane = object.plane.map { ",\"plane\":{\"c\":-1,\"z\":\($0.slice),\"t\":\($0.frame)}" } ?? ""
        return "{\"type\":\"Polygon\",\"coordinates\":[\(rings.joined(separator: ","))]\(plane)}"
    }
}
