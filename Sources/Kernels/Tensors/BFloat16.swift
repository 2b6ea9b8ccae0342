/// Floats as bfloat16, their upper 16 bits, for messages of half the size.
public enum BFloat16 {
    /// Rounds to the nearest, ties to even; infinities stay, and what is no number stays none.
    public static func pack(_ values: UnsafePointer<Float>, to packed: UnsafeMutablePointer<UInt16>, count: Int) {
        for i in 0..<count {
            let bits = values[i].bitPattern
            let rounded = (bits &+ 0x7FFF &+ ((bits &>> 16) & 1)) &>> 16
            // Rounding could carry a number that is none into infinity or zero.
            let isNumber = bits & 0x7FFF_FFFF <= 0x7F80_0000
            packed[i] = UInt16(truncatingIfNeeded: isNumber ? rounded : (bits &>> 16) | 0x40)
        }
    }

    /// The floats that `packed` stands for, exactly.
    public static func unpack(_ packed: UnsafePointer<UInt16>, to values: UnsafeMutablePointer<Float>, count: Int) {
        for i in 0..<count { values[i] = Float(bitPattern: UInt32(packed[i]) &<< 16) }
    }
}
