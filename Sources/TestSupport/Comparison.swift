import Kernels

/// ‖a − b‖/‖b‖ in Double; 0 where both are zero or empty, infinite where only `b` is, and where a value is not a number.
package func relativeL2(_ a: some Collection<Double>, _ b: some Collection<Double>) -> Double {
    precondition(a.count == b.count, "\(a.count) values against \(b.count)")
    var difference = 0.0
    var norm = 0.0
    for (x, y) in zip(a, b) {
        difference += (x - y) * (x - y)
        norm += y * y
    }
    if difference == 0 { return 0 }
    let ratio = (difference / norm).squareRoot()
    return ratio.isNaN ? .infinity : ratio
}

/// ‖a − b‖/‖b‖ of float32 values against the Double reference.
package func relativeL2(_ a: some Collection<Float>, _ b: some Collection<Double>) -> Double {
    relativeL2(a.map(Double.init), b)
}

/// ‖a − b‖/‖b‖ of a tensor against the reference, in the reference's shape.
package func relativeL2(_ a: TensorView, _ b: ReferenceImage) -> Double {
    precondition(a.shape == b.shape, "\(a.shape) against \(b.shape)")
    return relativeL2(ReferenceImage(a).values, b.values)
}

/// Σ a·b.
package func innerProduct(_ a: [Double], _ b: [Double]) -> Double {
    precondition(a.count == b.count, "\(a.count) values by \(b.count)")
    // A plain loop: tests take it over millions of values in debug builds.
    var sum = 0.0
    var i = 0
    while i < a.count {
        sum += a[i] * b[i]
        i += 1
    }
    return sum
}

/// √Σ a².
package func norm(_ a: [Double]) -> Double { innerProduct(a, a).squareRoot() }

/// Whether two runs of floats have the same bits; tells 0 from −0, and finds a value that is not a number equal to itself.
package func sameBits(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Bool {
    a.lazy.map(\.bitPattern).elementsEqual(b.lazy.map(\.bitPattern))
}
