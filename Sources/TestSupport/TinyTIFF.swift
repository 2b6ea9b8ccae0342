import Foundation

/// TIFF files put together byte by byte: several pages, any number of channels, 8 or 16 bits or floating-point.
package enum TinyTIFF {
    /// A page of `samples`, a pixel's channels side by side; little-endian, in one strip, uncompressed.
    package struct Page: Sendable {
        let width: Int
        var channels = 1
        let bytes: [UInt8]
        let bits: Int
        /// SampleFormat: 1 unsigned, 3 floating-point.
        let format: Int

        package init(_ width: Int, channels: Int = 1, _ samples: [UInt8]) {
            (self.width, self.channels, bytes, bits, format) = (width, channels, samples, 8, 1)
        }

        package init(_ width: Int, channels: Int = 1, wide samples: [UInt16]) {
            (self.width, self.channels, bits, format) = (width, channels, 16, 1)
            bytes = samples.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        }

        package init(_ width: Int, channels: Int = 1, floats samples: [Float]) {
            (self.width, self.channels, bits, format) = (width, channels, 32, 3)
            bytes = samples.flatMap { sample in (0..<4).map { UInt8(sample.bitPattern >> (8 * $0) & 255) } }
        }
    }

    package static func data(_ pages: [Page]) -> Data {
        var data = Data([0x49, 0x49, 42, 0, 0, 0, 0, 0])
        func number(_ value: Int, bytes: Int) -> Data { Data((0..<bytes).map { UInt8(value >> (8 * $0) & 255) }) }
        // Where the last page's successor, or the first page, is to be named.
        var link = 4
        for page in pages {
            let strip = data.count
            data += page.bytes + (page.bytes.count % 2 == 0 ? [] : [0])
            // Of several channels the bits and formats do not fit into their entries.
            let bits = data.count
            for _ in 0..<page.channels { data += number(page.bits, bytes: 2) }
            let formats = data.count
            for _ in 0..<page.channels { data += number(page.format, bytes: 2) }
            let extras = data.count
            for _ in 0..<page.channels { data += number(0, bytes: 2) }
            let height = page.bytes.count * 8 / page.bits / page.width / page.channels
            func list(_ place: Int, _ count: Int, _ value: Int) -> (Int, Int) {
                count > 2 ? (count, place) : (count, (0..<count).reduce(0) { $0 | value << (16 * $1) })
            }
            // Tag, type (3: 16 bits, 4: 32), count, value or place.
            var entries: [(Int, Int, (Int, Int))] = [
                (256, 4, (1, page.width)), (257, 4, (1, height)), (258, 3, list(bits, page.channels, page.bits)),
                (259, 3, (1, 1)), (262, 3, (1, 1)), (273, 4, (1, strip)), (277, 3, (1, page.channels)),
                (278, 4, (1, height)), (279, 4, (1, page.bytes.count)), (284, 3, (1, 1)),
            ]
            if page.channels > 1 { entries.append((338, 3, list(extras, page.channels - 1, 0))) }
            entries.append((339, 3, list(formats, page.channels, page.format)))
            data.replaceSubrange(link..<link + 4, with: number(data.count, bytes: 4))
            data += number(entries.count, bytes: 2)
            for (tag, type, (count, value)) in entries {
                data +=
                    number(tag, bytes: 2) + number(type, bytes: 2) + number(count, bytes: 4) + number(value, bytes: 4)
            }
            link = data.count
            data += number(0, bytes: 4)
        }
        return data
    }
}
