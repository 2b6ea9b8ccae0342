import Images

/// A sample of a raster.
protocol RasterSample {
    var float: Float { get }
    var double: Double { get }
}

extension UInt16: RasterSample {
    var float: Float { Float(self) }
    var double: Double { Double(self) }
}

extension Float: RasterSample {
    var float: Float { self }
    var double: Double { Double(self) }
}

/// Sums of each channel: of integers without any rounding.
struct ChannelMeans {
    private var integers: [Int]
    private var floats: [Double]
    private var smallest: [Double]
    private var largest: [Double]
    private var pixels = 0

    init(channels: Int) {
        integers = Array(repeating: 0, count: channels)
        floats = Array(repeating: 0, count: channels)
        smallest = Array(repeating: .infinity, count: channels)
        largest = Array(repeating: -.infinity, count: channels)
    }

    var means: [Double] {
        let count = Double(max(pixels, 1))
        return zip(integers, floats).map { (Double($0) + $1) / count }
    }

    /// A sum of equal floats is rounded, and its mean may miss them by a little, which no factor must blow up.
    var isConstant: [Bool] { zip(smallest, largest).map { $0 >= $1 } }

    mutating func add(_ raster: RasterImage) {
        precondition(raster.palette == nil, "intensities of palette indices")
        let channels = integers.count
        precondition(raster.channels == channels, "\(raster.channels) channels of an image of \(channels)")
        pixels += raster.width * raster.height
        for channel in 0..<channels {
            switch raster.content {
            case .integers(let samples):
                var (sum, low, high) = (0, UInt16.max, UInt16.min)
                samples.withUnsafeBufferPointer { samples in
                    var i = channel
                    while i < samples.count {
                        sum &+= Int(samples[i])
                        low = min(low, samples[i])
                        high = max(high, samples[i])
                        i &+= channels
                    }
                }
                integers[channel] += sum
                smallest[channel] = min(smallest[channel], Double(low))
                largest[channel] = max(largest[channel], Double(high))
            case .floats(let samples):
                var (sum, low, high) = (floats[channel], Float.infinity, -Float.infinity)
                samples.withUnsafeBufferPointer { samples in
                    var i = channel
                    while i < samples.count {
                        sum += Double(samples[i])
                        low = min(low, samples[i])
                        high = max(high, samples[i])
                        i &+= channels
                    }
                }
                floats[channel] = sum
                smallest[channel] = min(smallest[channel], Double(low))
                largest[channel] = max(largest[channel], Double(high))
            }
        }
    }
}

/// Squared differences from each channel's mean.
struct ChannelDeviations {
    private let means: [Double]
    private var squares: [Double]
    private var pixels = 0

    init(_ means: [Double]) {
        self.means = means
        squares = Array(repeating: 0, count: means.count)
    }

    /// Population deviations.
    var deviations: [Double] { squares.map { ($0 / Double(max(pixels, 1))).squareRoot() } }

    mutating func add(_ raster: RasterImage) {
        pixels += raster.width * raster.height
        for channel in 0..<means.count {
            switch raster.content {
            case .integers(let samples): samples.withUnsafeBufferPointer { add($0, channel) }
            case .floats(let samples): samples.withUnsafeBufferPointer { add($0, channel) }
            }
        }
    }

    @inline(__always)
    private mutating func add<Value: RasterSample>(_ samples: UnsafeBufferPointer<Value>, _ channel: Int) {
        let mean = means[channel]
        var sum = squares[channel]
        var i = channel
        while i < samples.count {
            let difference = samples[i].double - mean
            sum += difference * difference
            i &+= means.count
        }
        squares[channel] = sum
    }
}
