/// The use of a random stream, a part of its key: streams of different uses are independent.
public enum RandomUse: UInt64, Sendable {
    case initialWeights = 1
    case shuffling
    case tilePosition
    case dropout
    case split
    case synthesis
    case trials
    case augmentation
    case foreground
    case audit
}

/// Random numbers as a pure function of a key (seed, use, and what distinguishes one draw from another: epoch,
/// sample, step, slot), so that no state has to be saved or shared between ranks.
///
/// The generator is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014),
/// started at a hash of the key.
public struct RandomStream: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64, use: RandomUse, _ key: Int...) {
        var hash = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
        hash = Self.mix(hash ^ use.rawValue &* 0xD1B5_4A32_D192_ED03)
        for part in key {
            hash = Self.mix((hash ^ UInt64(bitPattern: Int64(part))) &+ 0x9E37_79B9_7F4A_7C15)
        }
        state = hash
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// Leaves out the next so many numbers, at no cost.
    mutating func skip(_ count: Int) { state &+= 0x9E37_79B9_7F4A_7C15 &* UInt64(truncatingIfNeeded: count) }

    /// Uniform in [0, 1), a multiple of 2^-53.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A standard normal (Gaussian) number, by the cosine branch of Box and Muller (1958). Its logarithm and cosine are
    /// `Elementary`'s, so that the bits are the same on every CPU.
    public mutating func gaussian() -> Double {
        let radius = (-2 * Elementary.log(1 - uniform())).squareRoot()
        return radius * Elementary.cosine(halfTurns: 2 * uniform())
    }

    /// An integer, uniform in 0..<`bound`.
    public mutating func integer(below bound: Int) -> Int {
        precondition(bound > 0, "no integer below \(bound)")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// SplitMix64's finalizer: a bijection in which every input bit moves every output bit.
    @inline(__always)
    static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
