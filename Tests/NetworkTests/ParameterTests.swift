import Network
import Testing

@Suite struct ParameterTests {
    @Test("the paper's network has 31,030,658 parameters")
    func paperCount() {
        #expect(ParameterLayout(UNetArchitecture(baseChannels: 64, depth: 4)).count == 31_030_658)
    }

    @Test("names and shapes are the checkpoint's")
    func names() {
        let architecture = UNetArchitecture(inputChannels: 3, classes: 5, baseChannels: 6, depth: 1)
        let expected: [(String, [Int])] = [
            ("encoder.0.conv1.weight", [6, 3, 3, 3]), ("encoder.0.conv1.bias", [6]),
            ("encoder.0.conv2.weight", [6, 6, 3, 3]), ("encoder.0.conv2.bias", [6]),
            ("encoder.1.conv1.weight", [12, 6, 3, 3]), ("encoder.1.conv1.bias", [12]),
            ("encoder.1.conv2.weight", [12, 12, 3, 3]), ("encoder.1.conv2.bias", [12]),
            ("decoder.0.up.weight", [12, 6, 2, 2]), ("decoder.0.up.bias", [6]),
            ("decoder.0.conv1.weight", [6, 12, 3, 3]), ("decoder.0.conv1.bias", [6]),
            ("decoder.0.conv2.weight", [6, 6, 3, 3]), ("decoder.0.conv2.bias", [6]),
            ("head.weight", [5, 6, 1, 1]), ("head.bias", [5]),
        ]
        let entries = ParameterLayout(architecture).entries
        #expect(entries.map(\.name) == expected.map(\.0))
        #expect(entries.map(\.shape) == expected.map(\.1))
    }

    @Test("tensors lie side by side and fill the buffer", arguments: 0...4)
    func offsets(depth: Int) {
        let layout = ParameterLayout(UNetArchitecture(inputChannels: 2, classes: 3, baseChannels: 5, depth: depth))
        var end = 0
        for entry in layout.entries {
            #expect(entry.offset == end)
            end += entry.count
        }
        #expect(layout.count == end)
    }

    @Test("what is imported is exported again, and touches nothing else")
    func roundTrip() {
        let layout = ParameterLayout(UNetArchitecture(inputChannels: 3, classes: 3, baseChannels: 5, depth: 2))
        for entry in layout.entries {
            let file = (0..<entry.count).map { Float($0 + 1) }
            let buffer = ParameterBuffer(layout)
            layout.importTensor(entry, from: file, to: buffer.base)
            let flat = Array(UnsafeBufferPointer(start: buffer.base, count: buffer.count))
            #expect(flat[entry.offset..<entry.offset + entry.count].sorted() == file, "\(entry.name)")
            #expect(flat.reduce(0) { $0 + ($1 == 0 ? 0 : 1) } == entry.count)
            var exported = [Float](repeating: 0, count: entry.count)
            layout.exportTensor(entry, from: buffer.base, to: &exported)
            #expect(exported == file, "\(entry.name)")
        }
    }

    /// [out][in][ky][kx] and [in][out][ky][kx] of PyTorch, [ky][kx][in][out] and [in][ky][kx][out] in memory.
    @Test("PyTorch's order becomes the order of memory")
    func order() {
        let layout = ParameterLayout(UNetArchitecture(inputChannels: 3, classes: 5, baseChannels: 2, depth: 1))
        func memory(_ name: String) -> (ParameterLayout.Entry, [Float]) {
            let entry = layout.entry(name)
            let buffer = ParameterBuffer(layout)
            layout.importTensor(entry, from: (0..<entry.count).map(Float.init), to: buffer.base)
            return (entry, (0..<entry.count).map { buffer.base[entry.offset + $0] })
        }
        for name in ["encoder.0.conv1.weight", "decoder.0.conv1.weight", "head.weight"] {
            let (entry, values) = memory(name)
            let (outputs, inputs, k) = (entry.shape[0], entry.shape[1], entry.shape[2])
            for o in 0..<outputs {
                for i in 0..<inputs {
                    for tap in 0..<k * k {
                        #expect(values[(tap * inputs + i) * outputs + o] == Float((o * inputs + i) * k * k + tap))
                    }
                }
            }
        }
        let (entry, values) = memory("decoder.0.up.weight")
        for i in 0..<entry.shape[0] {
            for o in 0..<entry.shape[1] {
                for tap in 0..<4 {
                    #expect(values[(i * 4 + tap) * entry.shape[1] + o] == Float((i * entry.shape[1] + o) * 4 + tap))
                }
            }
        }
    }

    @Test("initial weights have deviation √(2/N) and are normal; biases are 0")
    func initialWeights() {
        let layout = ParameterLayout(UNetArchitecture(inputChannels: 3, classes: 2, baseChannels: 16, depth: 2))
        let buffer = ParameterBuffer(layout)
        for i in 0..<buffer.count { buffer.base[i] = .nan }
        buffer.initializeWeights(seed: 1)
        for entry in layout.entries {
            let values = (0..<entry.count).map { Double(buffer.base[entry.offset + $0]) }
            guard entry.name.hasSuffix("weight") else {
                #expect(values.allSatisfy { $0 == 0 }, "\(entry.name)")
                continue
            }
            // 9·in for 3×3, in for up-convolution and head.
            let incoming = entry.name.contains(".up.") ? entry.shape[0] : entry.shape[1...].reduce(1, *)
            let n = Double(values.count)
            let variance = 2 / Double(incoming)
            let mean = values.reduce(0, +) / n
            let square = values.reduce(0) { $0 + $1 * $1 } / n
            let fourth = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / n
            // Five deviations of each moment of a normal distribution: variances 1, 2 and 96 over n.
            #expect(abs(mean) < 5 * (variance / n).squareRoot(), "\(entry.name)")
            #expect(abs(square / variance - 1) < 5 * (2 / n).squareRoot(), "\(entry.name)")
            #expect(abs(fourth / variance / variance - 3) < 5 * (96 / n).squareRoot(), "\(entry.name)")
        }
    }

    @Test("initial weights are a function of the seed, and no two tensors share them")
    func seeds() {
        let layout = ParameterLayout(UNetArchitecture(baseChannels: 4, depth: 1))
        func drawn(_ seed: UInt64) -> [Float] {
            let buffer = ParameterBuffer(layout)
            buffer.initializeWeights(seed: seed)
            return (0..<buffer.count).map { buffer.base[$0] }
        }
        #expect(drawn(1) == drawn(1))
        #expect(drawn(1) != drawn(2))
        let weights = drawn(1).filter { $0 != 0 }
        // A handful of 24-bit numbers may meet by chance.
        #expect(Set(weights).count > weights.count * 99 / 100)
    }
}
