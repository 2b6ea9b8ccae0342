/// Exponential, logarithm and cosine of basic arithmetic alone, so that their bits are the same on every CPU: a C
/// library's functions may differ from one CPU to the next.
///
/// A product and a sum are either written as `addingProduct`, which is always fused, or apart, which never is.
public enum Elementary {
    /// e^x of sixteen numbers, within 1 ulp: subnormal below −87.34, 0 below −103.98, infinite above 88.72; NaN stays
    /// NaN.
    @inline(__always)
    public static func exp(_ x: SIMD16<Float>) -> SIMD16<Float> {
        // Beyond these the result is 0 or infinite all the same, and 2^n below stays in range.
        var x = x
        x.replace(with: SIMD16(repeating: -104), where: x .< -104)
        x.replace(with: SIMD16(repeating: 89), where: x .> 89)
        // e^x = 2^n·e^r with |r| ≤ log(2)/2. Adding 1.5·2^23 rounds to an integer, and leaves it in the lowest bits.
        let shifted = SIMD16(repeating: shift).addingProduct(x, SIMD16(repeating: 1.442_695_04))
        let n = shifted - shift
        let r = x.addingProduct(n, SIMD16(repeating: -log2High)).addingProduct(n, SIMD16(repeating: -log2Low))
        // Minimax for (e^r − 1 − r)/r²: e^r is within 4.4e-9 of itself.
        var series = SIMD16<Float>(repeating: 1.381_446_4e-3)
        series = SIMD16(repeating: 8.368_781e-3).addingProduct(series, r)
        series = SIMD16(repeating: 4.166_839_3e-2).addingProduct(series, r)
        series = SIMD16(repeating: 1.666_652e-1).addingProduct(series, r)
        series = SIMD16(repeating: 4.999_999_4e-1).addingProduct(series, r)
        series = SIMD16(repeating: 1).addingProduct(series, r)
        series = SIMD16(repeating: 1).addingProduct(series, r)
        // 2^n in two factors: one alone is not a float where the result is subnormal or near the largest.
        let exponent = integers(shifted) &- integers(SIMD16(repeating: shift))
        let half = exponent &>> 1
        return series * powerOfTwo(half) * powerOfTwo(exponent &- half)
    }

    /// log x of sixteen numbers, within 1 ulp: −∞ of 0, NaN of what is negative; NaN and +∞ stay what they are.
    @inline(__always)
    public static func log(_ x: SIMD16<Float>) -> SIMD16<Float> {
        // A subnormal number times 2^23 is a normal one.
        let small = x .< Float.leastNormalMagnitude
        var normal = x
        normal.replace(with: x * 0x1p23, where: small)
        // x = m·2^e with m in [√½, √2): take √½'s bits away, and the exponent's are e.
        let root = SIMD16<Int32>(repeating: 0x3F35_04F3)
        let bits = integers(normal) &- root
        let mantissa = floats((bits & 0x007F_FFFF) &+ root)
        // An integer in the lowest bits of 1.5·2^23 is that much more.
        var e = floats((bits &>> 23) &+ integers(SIMD16(repeating: shift))) - shift
        e.replace(with: e - 23, where: small)
        let f = mantissa - 1
        let square = f * f
        // Minimax for (log(1 + f) − f + f²/2)/f³: log(1 + f) is within 6.4e-9 of itself.
        var series = SIMD16<Float>(repeating: -7.634_495e-2)
        series = SIMD16(repeating: 1.276_157_5e-1).addingProduct(series, f)
        series = SIMD16(repeating: -1.316_018_3e-1).addingProduct(series, f)
        series = SIMD16(repeating: 1.420_175_9e-1).addingProduct(series, f)
        series = SIMD16(repeating: -1.662_335_7e-1).addingProduct(series, f)
        series = SIMD16(repeating: 2.000_122_7e-1).addingProduct(series, f)
        series = SIMD16(repeating: -2.500_082e-1).addingProduct(series, f)
        series = SIMD16(repeating: 3.333_333e-1).addingProduct(series, f)
        let low = (f * square * series).addingProduct(e, SIMD16(repeating: log2Low))
        let rest = f + low.addingProduct(square, SIMD16(repeating: -0.5))
        let logarithm = rest.addingProduct(e, SIMD16(repeating: log2High))
        // NaN is not below infinity.
        var result = x
        result.replace(with: logarithm, where: x .< Float.infinity)
        result.replace(with: SIMD16(repeating: -.infinity), where: x .== 0)
        result.replace(with: SIMD16(repeating: .nan), where: x .< 0)
        return result
    }

    /// 1.5·2^23: a float of this size has no digits after the point.
    private static let shift: Float = 0x1.8p23
    /// log 2 in two parts, of which the first times any exponent is exact.
    private static let log2High: Float = 0.693_359_375
    private static let log2Low: Float = -2.121_944_4e-4

    @inline(__always)
    private static func powerOfTwo(_ n: SIMD16<Int32>) -> SIMD16<Float> { floats((n &+ 127) &<< 23) }

    @inline(__always)
    private static func integers(_ x: SIMD16<Float>) -> SIMD16<Int32> { unsafeBitCast(x, to: SIMD16<Int32>.self) }

    @inline(__always)
    private static func floats(_ x: SIMD16<Int32>) -> SIMD16<Float> { unsafeBitCast(x, to: SIMD16<Float>.self) }
}

/// One number at a time in Double: reductions and coefficients of Sun's fdlibm 5.3 (`e_exp.c`, `e_log.c`, `k_cos.c`,
/// `k_sin.c`).
extension Elementary {
    /// e^x within 1 ulp: 0 below −745.14, infinite above 709.78; NaN stays NaN.
    public static func exp(_ x: Double) -> Double {
        guard x > -746 else { return x.isNaN ? x : 0 }
        guard x < 710 else { return .infinity }
        // e^x = 2^n·e^r with |r| ≤ log(2)/2; r is high − low.
        let n = (x * 1.442_695_040_888_963_4).rounded(.toNearestOrEven)
        let high = x - n * doubleLog2High
        let low = n * doubleLog2Low
        let r = high - low
        let square = r * r
        var series = 4.138_136_797_057_238_5e-8
        series = -1.653_390_220_546_525_2e-6 + square * series
        series = 6.613_756_321_437_934_4e-5 + square * series
        series = -2.777_777_777_701_559_3e-3 + square * series
        series = 1.666_666_666_666_660_2e-1 + square * series
        let c = r - square * series
        let fraction = 1 - ((low - r * c / (2 - c)) - high)
        // 2^n in two factors, as for floats.
        let exponent = Int(n)
        let half = exponent >> 1
        return fraction * powerOfTwo(half) * powerOfTwo(exponent - half)
    }

    /// log x within 1 ulp: −∞ of 0, NaN of what is negative; NaN and +∞ stay what they are.
    public static func log(_ x: Double) -> Double {
        guard x > 0 else { return x == 0 ? -.infinity : .nan }
        guard x < .infinity else { return x }
        // x = m·2^e with m in [√½, √2), as for floats.
        let small = x < .leastNormalMagnitude
        let root: Int64 = 0x3FE6_A09E_667F_3BCD
        let bits = Int64(bitPattern: (small ? x * 0x1p52 : x).bitPattern) - root
        let f = Double(bitPattern: UInt64((bits & 0x000F_FFFF_FFFF_FFFF) + root)) - 1
        let e = Double((bits >> 52) - (small ? 52 : 0))
        // log(1 + f) = log((1 + s)/(1 − s)) with s = f/(2 + f).
        let s = f / (2 + f)
        let square = s * s
        var series = 1.479_819_860_511_658_6e-1
        series = 1.531_383_769_920_937_3e-1 + square * series
        series = 1.818_357_216_161_805e-1 + square * series
        series = 2.222_219_843_214_978_4e-1 + square * series
        series = 2.857_142_874_366_239e-1 + square * series
        series = 3.999_999_999_940_942e-1 + square * series
        series = 6.666_666_666_666_735e-1 + square * series
        let halfSquare = 0.5 * f * f
        return e * doubleLog2High - ((halfSquare - (s * (halfSquare + square * series) + e * doubleLog2Low)) - f)
    }

    /// cos(π·t) for any finite t, within 2 ulp; exactly 1, 0 and −1 where it is.
    public static func cosine(halfTurns t: Double) -> Double {
        // All exact: t less whole turns, without its sign, mirrored at a quarter of a turn.
        let turn = (t - 2 * (t / 2).rounded(.toNearestOrEven)).magnitude
        let mirrored = turn > 0.5
        let quarter = mirrored ? 1 - turn : turn
        let cosine = quarter > 0.25 ? sineKernel(.pi * (0.5 - quarter)) : cosineKernel(.pi * quarter)
        return mirrored ? -cosine : cosine
    }

    /// sin x for |x| ≤ π/4.
    private static func sineKernel(_ x: Double) -> Double {
        let square = x * x
        var series = 1.589_690_995_211_550_1e-10
        series = -2.505_076_025_340_686_3e-8 + square * series
        series = 2.755_731_370_707_006_8e-6 + square * series
        series = -1.984_126_982_985_795e-4 + square * series
        series = 8.333_333_333_322_49e-3 + square * series
        series = -1.666_666_666_666_663_2e-1 + square * series
        return x + x * square * series
    }

    /// cos x for |x| ≤ π/4.
    private static func cosineKernel(_ x: Double) -> Double {
        let square = x * x
        var series = -1.135_964_755_778_819_5e-11
        series = 2.087_572_321_298_175e-9 + square * series
        series = -2.755_731_435_139_066_3e-7 + square * series
        series = 2.480_158_728_947_673e-5 + square * series
        series = -1.388_888_888_887_411e-3 + square * series
        series = 4.166_666_666_666_66e-2 + square * series
        // What rounding 1 − x²/2 lost is put back.
        let half = 0.5 * square
        let rounded = 1 - half
        return rounded + (((1 - rounded) - half) + square * square * series)
    }

    /// log 2 in two parts, of which the first times any exponent is exact.
    private static let doubleLog2High = 0x1.62e42feep-1
    private static let doubleLog2Low = 1.908_214_929_270_587_7e-10

    private static func powerOfTwo(_ n: Int) -> Double { Double(bitPattern: UInt64(n + 1023) << 52) }
}
