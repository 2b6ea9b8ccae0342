import Kernels
import Metrics
import ObjectFiles
import Testing

@Suite struct ObjectOutlineTests {
    /// Rows of digits as object numbers.
    private func map(_ rows: [String]) -> LabelMap {
        let objects = LabelMap(height: rows.count, width: rows[0].count, filledWith: 0)
        for (y, row) in rows.enumerated() {
            for (x, digit) in row.enumerated() { objects[y, x] = Int32(digit.wholeNumberValue ?? 0) }
        }
        return objects
    }

    private func signedArea(_ ring: [ObjectOutline.Corner]) -> Int {
        let next = ring.dropFirst() + ring.prefix(1)
        return zip(ring, next).reduce(0) { $0 + Int($1.0.x) * Int($1.1.y) - Int($1.1.x) * Int($1.0.y) } / 2
    }

    @Test("every shape of 4×4 pixels: areas are pixels, rings are simple and run the right way")
    func allSmallShapes() {
        for bits in 1..<(1 << 16) {
            let classes = LabelMap(height: 4, width: 4, filledWith: 0)
            for pixel in 0..<16 { classes.values[pixel] = Int32(bits >> pixel & 1) }
            let (objects, count) = ConnectedComponents.label(classes)
            let outlines = ObjectOutline.all(objects, count: count)
            var isRight = outlines.count == count
            for (index, outline) in outlines.enumerated() {
                let pixels = (0..<16).count { objects.values[$0] == Int32(index + 1) }
                isRight = isRight && outline.area == pixels && signedArea(outline.rings[0]) >= pixels
                for (place, ring) in outline.rings.enumerated() {
                    // No corner twice, none on a straight line.
                    isRight = isRight && Set(ring).count == ring.count && (place == 0) == (signedArea(ring) > 0)
                    for (a, (b, c)) in zip(
                        ring, zip(ring.dropFirst() + ring.prefix(1), ring.dropFirst(2) + ring.prefix(2)))
                    {
                        isRight = isRight && (a.x == b.x) != (b.x == c.x) && (a.x == b.x) != (a.y == b.y)
                    }
                }
            }
            guard isRight else {
                Issue.record("shape \(String(bits, radix: 2)): \(outlines)")
                return
            }
        }
    }

    @Test("a hole is a ring of its own, and what fills it an object of its own")
    func holes() {
        let outlines = ObjectOutline.all(map(["11111", "12101", "11111"]), count: 2)
        #expect(outlines[0].rings.count == 3 && outlines[0].area == 13)
        #expect(outlines[1].rings == [[.init(2, 1), .init(2, 2), .init(1, 2), .init(1, 1)]])
    }

    @Test("a ring that closes at a corner alone has a hole there, and no outer ring that touches itself")
    func closedAtACorner() {
        let outline = ObjectOutline.all(map(["0111", "1101", "1001", "1111"]), count: 1)[0]
        #expect(outline.rings.count == 2 && outline.area == 12)
        let open = ObjectOutline.all(map(["0110", "1001", "1001", "1110"]), count: 1)
        #expect(open[0].rings.map { Set($0).count == $0.count } == open[0].rings.map { _ in true })
    }
}
