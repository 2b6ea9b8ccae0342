internal import CTarget

/// Loops over an activation whose arithmetic differs from channel to channel, sixteen values at a time whatever the
/// number of channels: an activation is one run of values in which the channels come again and again, and after a
/// `period` of them the sixteen lanes of a vector stand for the same channels as before.
///
/// Every run of values begins with the first channel.
struct ChannelwiseKernels {
    let channels: Int
    /// A multiple of the channels and of sixteen.
    let period: Int

    /// Values of a period that sums take together, as four vectors: the memory then sees whole lines one after another.
    private static let group = 64
    /// Terms of a sum in Float.
    private static let mostTerms = 256

    init(channels: Int) {
        self.channels = channels
        var length = channels
        while length % 16 != 0 || (length % Self.group != 0 && length < 1024) { length *= 2 }
        period = length
    }

    /// How often `width` values from the place `first` on stand whole in so many.
    private func periods(_ count: Int, _ first: Int, _ width: Int) -> Int {
        count < first &+ width ? 0 : (count &- first &- width) / period &+ 1
    }

    /// Continues a value for each channel over the period.
    func repeatChannels(_ values: UnsafeMutablePointer<Float>) {
        for i in channels..<max(channels, period) { values[i] = values[i &- channels] }
    }

    /// Adds the sums of a period's places to those of their channels.
    func addPlaces(_ places: UnsafePointer<Double>, to sums: UnsafeMutablePointer<Double>) {
        var c = 0
        for i in 0..<period {
            sums[c] += places[i]
            c = c &+ 1 == channels ? 0 : c &+ 1
        }
    }
}

// MARK: Normalisation

extension ChannelwiseKernels {
    /// Normalises a value, x̂ = factor·x + term, then scales and shifts it, y = weight·x̂ + bias: a period of each.
    struct Coefficients {
        let factor: UnsafePointer<Float>
        let term: UnsafePointer<Float>
        let weight: UnsafePointer<Float>
        let bias: UnsafePointer<Float>
    }

    /// The gradient by x is gradient·g + value·x̂ + term: a period of each.
    struct GradientCoefficients {
        let gradient: UnsafePointer<Float>
        let term: UnsafePointer<Float>
        let value: UnsafePointer<Float>
    }

    /// Writes y with its activation function.
    ///
    /// - Parameter ahead: the distance of what is read next, and prefetched meanwhile.
    func normalize(
        _ values: UnsafePointer<Float>, _ by: Coefficients, _ activation: Activation, count: Int, ahead: Int,
        to output: UnsafeMutablePointer<Float>
    ) {
        var start = 0
        while start < count {
            let (input, target) = (values + start, output + start)
            let end = min(period, count &- start)
            var i = 0
            while i &+ 16 <= end {
                lockstep_prefetch(input + (i &+ ahead))
                let normal = load(by.term + i).addingProduct(load(input + i), load(by.factor + i))
                let y = load(by.bias + i).addingProduct(normal, load(by.weight + i))
                store(target + i, activation.applied(to: y))
                i &+= 16
            }
            while i < end {
                let normal = by.term[i].addingProduct(input[i], by.factor[i])
                let y = by.bias[i].addingProduct(normal, by.weight[i])
                target[i] = activation.applied(to: y)
                i &+= 1
            }
            start &+= period
        }
    }

    /// Writes the gradients by x of those by y with its activation function, which may lie in the same place; `ahead` as
    /// above.
    func backward(
        _ values: UnsafePointer<Float>, _ by: Coefficients, _ back: GradientCoefficients, _ activation: Activation,
        count: Int, ahead: Int, _ gradients: UnsafePointer<Float>, to output: UnsafeMutablePointer<Float>
    ) {
        var start = 0
        while start < count {
            let (input, gradient, target) = (values + start, gradients + start, output + start)
            let end = min(period, count &- start)
            var i = 0
            while i &+ 16 <= end {
                lockstep_prefetch(input + (i &+ ahead))
                lockstep_prefetch(gradient + (i &+ ahead))
                let normal = load(by.term + i).addingProduct(load(input + i), load(by.factor + i))
                let y = load(by.bias + i).addingProduct(normal, load(by.weight + i))
                let g = activation.gradient(load(gradient + i), output: activation.applied(to: y))
                let shifted = load(back.term + i).addingProduct(normal, load(back.value + i))
                store(target + i, shifted.addingProduct(g, load(back.gradient + i)))
                i &+= 16
            }
            while i < end {
                let normal = by.term[i].addingProduct(input[i], by.factor[i])
                let y = by.bias[i].addingProduct(normal, by.weight[i])
                let g = activation.gradient(gradient[i], output: activation.applied(to: y))
                target[i] = back.term[i].addingProduct(normal, back.value[i]).addingProduct(g, back.gradient[i])
                i &+= 1
            }
            start &+= period
        }
    }
}

// MARK: Sums

extension ChannelwiseKernels {
    /// Adds Σ x and Σ x² of each place of a period, over a rectangle of pixels that the caches hold: two periods of sums.
    ///
    /// A few rows at a time are summed in Float, their squares as distances from their mean; from there on in Double, so
    /// that values far from 0 lose no digits of their deviation.
    func addMoments(_ pixels: PixelRows, to sums: UnsafeMutablePointer<Double>) {
        let most = Self.mostTerms &* period
        let rows = max(1, most / max(pixels.count, 1))
        for row in stride(from: 0, to: pixels.rows, by: rows) {
            for column in stride(from: 0, to: pixels.count, by: most) {
                let part = PixelRows(
                    base: pixels.base + (row * pixels.rowStride + column), rowStride: pixels.rowStride,
                    rows: min(rows, pixels.rows - row), count: min(most, pixels.count - column))
                var first = 0
                while first &+ Self.group <= period {
                    addMoments(part, first, InlineArray<4, Vector>(repeating: .zero), to: sums + first)
                    first &+= Self.group
                }
                while first < period {
                    addMoments(part, first, InlineArray<1, Vector>(repeating: .zero), to: sums + first)
                    first &+= 16
                }
            }
        }
    }

    /// The part of `addMoments` for some vectors of each period from the place `first` on.
    @inline(__always)
    private func addMoments<let vectors: Int>(
        _ pixels: PixelRows, _ first: Int, _ zero: InlineArray<vectors, Vector>, to sums: UnsafeMutablePointer<Double>
    ) {
        let width = 16 &* vectors
        let whole = periods(pixels.count, first, width)
        let terms = Float(whole &* pixels.rows)
        if whole > 0 {
            var sum = zero
            eachVector(pixels, first, whole) { p in
                var v = 0
                while v < vectors {
                    sum[unchecked: v] += load(p + 16 &* v)
                    v &+= 1
                }
            }
            var mean = zero
            var v = 0
            while v < vectors {
                mean[unchecked: v] = sum[unchecked: v] / terms
                v &+= 1
            }
            var squares = zero
            eachVector(pixels, first, whole) { p in
                var v = 0
                while v < vectors {
                    let distance = load(p + 16 &* v) - mean[unchecked: v]
                    squares[unchecked: v].addProduct(distance, distance)
                    v &+= 1
                }
            }
            v = 0
            while v < vectors {
                let (s, m, q) = (sum[unchecked: v], mean[unchecked: v], squares[unchecked: v])
                let at = sums + 16 &* v
                Self.addMoments(s.lowHalf, m.lowHalf, q.lowHalf, terms, at, at + period)
                Self.addMoments(s.highHalf, m.highHalf, q.highHalf, terms, at + 8, at + (period &+ 8))
                v &+= 1
            }
        }
        // What is left of a last period.
        let start = first &+ whole &* period
        for row in 0..<pixels.rows {
            let values = pixels.base + (row &* pixels.rowStride &+ start)
            for i in 0..<max(0, min(width, pixels.count &- start)) {
                let x = Double(values[i])
                sums[i] += x
                sums[period &+ i].addProduct(x, x)
            }
        }
    }

    /// Σ x² = Σ (x − m)² + 2·m·Σ x − n·m².
    @inline(__always)
    private static func addMoments(
        _ sum: SIMD8<Float>, _ mean: SIMD8<Float>, _ squares: SIMD8<Float>, _ terms: Float,
        _ sums: UnsafeMutablePointer<Double>, _ squareSums: UnsafeMutablePointer<Double>
    ) {
        let (s, m) = (SIMD8<Double>(sum), SIMD8<Double>(mean))
        let shift = m * (s + s - m * Double(terms))
        put(get(sums) + s, sums)
        put(get(squareSums) + (SIMD8<Double>(squares) + shift), squareSums)
    }

    /// Calls `body` at place `first` of so many periods of each row.
    @inline(__always)
    private func eachVector(
        _ pixels: PixelRows, _ first: Int, _ periods: Int, _ body: (UnsafePointer<Float>) -> Void
    ) {
        var start = pixels.base + first
        var row = pixels.rows
        while row > 0 {
            var p = start
            var n = periods
            while n > 0 {
                body(p)
                p += period
                n &-= 1
            }
            start += pixels.rowStride
            row &-= 1
        }
    }

    /// Adds Σ g and Σ g·x̂ of each place of a period over a run of at most `mostTerms` periods, g being the gradient by y before the
    /// activation function: two periods of sums.
    func addGradients(
        _ values: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>, _ by: Coefficients,
        _ activation: Activation, count: Int, to sums: UnsafeMutablePointer<Double>
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * Self.group) { floats in
            guard let floats = floats.baseAddress else { return }
            var first = 0
            while first < period {
                let width = first + Self.group <= period ? Self.group : 16
                if width == Self.group {
                    sumFour(values, gradients, by, activation, count, first, into: floats)
                } else {
                    sumOne(values, gradients, by, activation, count, first, into: floats)
                }
                Self.add(floats, width, to: sums + first)
                Self.add(floats + Self.group, width, to: sums + (period + first))
                // What is left of a last period.
                let start = first + periods(count, first, width) * period
                for i in start..<max(start, min(start + width, count)) {
                    let lane = first + i - start
                    let normal = by.term[lane].addingProduct(values[i], by.factor[lane])
                    let y = by.bias[lane].addingProduct(normal, by.weight[lane])
                    let g = Double(activation.gradient(gradients[i], output: activation.applied(to: y)))
                    sums[lane] += g
                    sums[period + lane].addProduct(g, Double(normal))
                }
                first += width
            }
        }
    }

    /// Σ g and Σ g·x̂ of four vectors of each period, from the place `first` on: `group` floats each. Functions of their own:
    /// in one as long as its caller the compiler takes vectors apart.
    @inline(never)
    private func sumFour(
        _ values: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>, _ by: Coefficients,
        _ activation: Activation, _ count: Int, _ first: Int, into sums: UnsafeMutablePointer<Float>
    ) {
        sum(
            values, gradients, by, activation, count, first, InlineArray<4, Vector>(repeating: .zero), into: sums)
    }

    @inline(never)
    private func sumOne(
        _ values: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>, _ by: Coefficients,
        _ activation: Activation, _ count: Int, _ first: Int, into sums: UnsafeMutablePointer<Float>
    ) {
        sum(
            values, gradients, by, activation, count, first, InlineArray<1, Vector>(repeating: .zero), into: sums)
    }

    @inline(__always)
    private func sum<let vectors: Int>(
        _ values: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>, _ by: Coefficients,
        _ activation: Activation, _ count: Int, _ first: Int, _ zero: InlineArray<vectors, Vector>,
        into sums: UnsafeMutablePointer<Float>
    ) {
        var (total, product) = (zero, zero)
        let (factor, term) = (by.factor + first, by.term + first)
        let (weight, bias) = (by.weight + first, by.bias + first)
        var (x, g) = (values + first, gradients + first)
        var left = count &- first
        while left >= 16 &* vectors {
            var v = 0
            while v < vectors {
                let at = 16 &* v
                let normal = load(term + at).addingProduct(load(x + at), load(factor + at))
                let y = load(bias + at).addingProduct(normal, load(weight + at))
                let own = activation.gradient(load(g + at), output: activation.applied(to: y))
                total[unchecked: v] += own
                product[unchecked: v] = product[unchecked: v].addingProduct(own, normal)
                v &+= 1
            }
            x += period
            g += period
            left &-= period
        }
        var v = 0
        while v < vectors {
            store(sums + 16 &* v, total[unchecked: v])
            store(sums + (Self.group &+ 16 &* v), product[unchecked: v])
            v &+= 1
        }
    }

    /// Adds so many floats, a multiple of eight.
    private static func add(_ values: UnsafePointer<Float>, _ count: Int, to sums: UnsafeMutablePointer<Double>) {
        var i = 0
        while i < count {
            let eight = UnsafeRawPointer(values + i).loadUnaligned(as: SIMD8<Float>.self)
            put(get(sums + i) + SIMD8<Double>(eight), sums + i)
            i &+= 8
        }
    }

    @inline(__always)
    private static func get(_ p: UnsafePointer<Double>) -> SIMD8<Double> {
        UnsafeRawPointer(p).loadUnaligned(as: SIMD8<Double>.self)
    }

    @inline(__always)
    private static func put(_ v: SIMD8<Double>, _ p: UnsafeMutablePointer<Double>) {
        UnsafeMutableRawPointer(p).storeBytes(of: v, as: SIMD8<Double>.self)
    }

    @inline(__always)
    private func get(_ p: UnsafePointer<Double>) -> SIMD8<Double> { Self.get(p) }

    @inline(__always)
    private func put(_ v: SIMD8<Double>, _ p: UnsafeMutablePointer<Double>) { Self.put(v, p) }
}
