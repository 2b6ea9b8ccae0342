import Kernels

/// Regions that grow from markers until they meet, lowest pixels first: the flooding of Beucher and Meyer 1993.
public enum Watershed {
    /// Floods `heights` from `markers` with 4-connected steps. Of the pixels that were reached the lowest is taken next,
    /// of equally low ones the one that was reached first; markers, and the neighbours of a pixel, are reached in raster
    /// order.
    ///
    /// - Parameters:
    ///   - heights: a value for each pixel of `markers`, row by row; none is NaN.
    ///   - markers: numbers above 0 are where regions begin; a region bears its marker's number.
    ///   - mask: pixels that may be flooded, row by row; nil for all. Markers outside of it are left out.
    ///   - keepsLines: whether a pixel stays 0 that lies beside two regions when its turn comes, so that lines one pixel
    ///     wide part the regions. Markers that touch each other stay as they are.
    /// - Returns: the region of each pixel; 0 outside the mask, on lines, and where no region has come.
    public static func flood(
        _ heights: [Float], markers: LabelMap, within mask: [Bool]? = nil, keepsLines: Bool
    ) -> LabelMap {
        let (height, width) = (markers.height, markers.width)
        let count = height * width
        precondition(heights.count == count, "\(heights.count) heights for \(height)×\(width) markers")
        precondition(mask.map { $0.count == count } ?? true, "a mask of another size than \(height)×\(width)")
        let regions = LabelMap(height: height, width: width, filledWith: 0)
        let out = regions.values
        // A pixel is reached once: who reaches it first would take it first.
        var isReached = mask.map { $0.map { !$0 } } ?? [Bool](repeating: false, count: count)
        var queue = FloodQueue()

        func reach(_ pixel: Int, from region: Int32) {
            guard !isReached[pixel] else { return }
            isReached[pixel] = true
            queue.push(pixel, region: region, height: heights[pixel])
        }
        for pixel in 0..<count where markers.values[pixel] > 0 && !isReached[pixel] {
            out[pixel] = markers.values[pixel]
            reach(pixel, from: out[pixel])
        }
        while let (pixel, region) = queue.pop() {
            let x = pixel % width
            let up = pixel >= width ? pixel - width : nil
            let left = x > 0 ? pixel - 1 : nil
            let right = x < width - 1 ? pixel + 1 : nil
            let down = pixel + width < count ? pixel + width : nil
            if keepsLines && out[pixel] == 0 {
                func isOther(_ neighbour: Int?) -> Bool {
                    guard let neighbour else { return false }
                    return out[neighbour] != 0 && out[neighbour] != region
                }
                if isOther(up) || isOther(left) || isOther(right) || isOther(down) { continue }
            }
            out[pixel] = region
            if let up { reach(up, from: region) }
            if let left { reach(left, from: region) }
            if let right { reach(right, from: region) }
            if let down { reach(down, from: region) }
        }
        return regions
    }
}

/// Pixels by height, first come, first served among equals: a binary heap.
private struct FloodQueue {
    private struct Entry {
        let height: Float
        /// How many came before.
        let turn: UInt32
        let pixel: Int32
        let region: Int32

        func isBefore(_ other: Entry) -> Bool {
            height < other.height || height == other.height && turn < other.turn
        }
    }

    private var heap: [Entry] = []
    private var turns: UInt32 = 0

    mutating func push(_ pixel: Int, region: Int32, height: Float) {
        let entry = Entry(height: height, turn: turns, pixel: Int32(pixel), region: region)
        turns += 1
        heap.append(entry)
        heap.withUnsafeMutableBufferPointer { heap in
            var place = heap.count - 1
            while place > 0 {
                let parent = (place - 1) / 2
                guard entry.isBefore(heap[parent]) else { break }
                heap[place] = heap[parent]
                place = parent
            }
            heap[place] = entry
        }
    }

    mutating func pop() -> (pixel: Int, region: Int32)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap.withUnsafeMutableBufferPointer { heap in
                var place = 0
                while true {
                    var child = 2 * place + 1
                    guard child < heap.count else { break }
                    if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
                    guard heap[child].isBefore(last) else { break }
                    heap[place] = heap[child]
                    place = child
                }
                heap[place] = last
            }
        }
        return (Int(first.pixel), first.region)
    }
}
