import Kernels

extension RandomStream {
    /// The numbers 0..<`count` in random order (Fisher and Yates; Knuth, The Art of Computer Programming 2, 3.4.2 P).
    ///
    /// Our own and not the standard library's `shuffled(using:)`, whose use of the generator may change.
    mutating func permutation(of count: Int) -> [Int] {
        var order = Array(0..<count)
        for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, integer(below: last + 1)) }
        return order
    }
}
