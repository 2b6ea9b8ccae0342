/// Floats without a fraction as integers. Swift's own conversion checks each number, which costs ten times as much.
enum IntegerRounding {
    static let lanes = 16
    /// The largest number, either way: beyond it the last bits of the sum below are not whole ones.
    static let most = 1 << 22
    /// Where floats are one apart: a whole number added to it stands in the last bits of the sum.
    private static let origin: Float = 0x1.8p23

    static func roundedUp(_ count: Int) -> Int { (count + lanes - 1) / lanes * lanes }

    /// Numbers beyond ±`most` become that.
    @inline(__always)
    static func integers(_ values: SIMD16<Float>) -> SIMD16<Int32> {
        let bound = Float(most)
        let bounded = pointwiseMin(pointwiseMax(values, SIMD16(repeating: -bound)), SIMD16(repeating: bound))
        return unsafeBitCast(bounded + origin, to: SIMD16<Int32>.self) &- Int32(bitPattern: origin.bitPattern)
    }

    /// The number must be within ±`most`.
    @inline(__always)
    static func integer(_ value: Float) -> Int {
        Int(Int32(bitPattern: (value + origin).bitPattern) &- Int32(bitPattern: origin.bitPattern))
    }
}
