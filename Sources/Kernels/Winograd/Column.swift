/// A column of a tile in registers: a few vectors, `step` floats apart in memory. `InlineArray` is the only one.
protocol Column<Element> {
    associatedtype Element: SIMD where Element.Scalar == Float

    /// The vector at a place that the compiler knows, and another in its stead.
    func at(_ index: Int) -> Element
    mutating func set(_ index: Int, _ value: Element)
    init(repeating value: Element)
    init(_ source: UnsafePointer<Float>, step: Int)
    func store(_ target: UnsafeMutablePointer<Float>, step: Int)
    /// Adds what lies in memory to the first `length` vectors.
    mutating func add(_ source: UnsafePointer<Float>, step: Int, length: Int)
    /// The sum of all vectors, from the first to the last.
    var sum: Element { get }
    /// Each vector plus the same.
    func adding(_ value: Element) -> Self
    func map(_ body: (Element) -> Element) -> Self
    func map(with other: Self, _ body: (Element, Element) -> Element) -> Self
}

// Loops that LLVM unrolls, so that the array stays in registers.
extension InlineArray: Column where Element: SIMD, Element.Scalar == Float {
    @inline(__always)
    func at(_ index: Int) -> Element { self[unchecked: index] }

    @inline(__always)
    mutating func set(_ index: Int, _ value: Element) { self[unchecked: index] = value }

    @inline(__always)
    init(_ source: UnsafePointer<Float>, step: Int) {
        self.init(repeating: .zero)
        var p = source
        var i = 0
        while i < count {
            self[unchecked: i] = UnsafeRawPointer(p).loadUnaligned(as: Element.self)
            p += step
            i &+= 1
        }
    }

    @inline(__always)
    func store(_ target: UnsafeMutablePointer<Float>, step: Int) {
        var p = target
        var i = 0
        while i < count {
            UnsafeMutableRawPointer(p).storeBytes(of: self[unchecked: i], as: Element.self)
            p += step
            i &+= 1
        }
    }

    @inline(__always)
    mutating func add(_ source: UnsafePointer<Float>, step: Int, length: Int) {
        var p = source
        var i = 0
        while i < length {
            self[unchecked: i] += UnsafeRawPointer(p).loadUnaligned(as: Element.self)
            p += step
            i &+= 1
        }
    }

    @inline(__always)
    var sum: Element {
        var sum = self[unchecked: 0]
        var i = 1
        while i < count {
            sum += self[unchecked: i]
            i &+= 1
        }
        return sum
    }

    @inline(__always)
    func adding(_ value: Element) -> Self {
        var result = self
        var i = 0
        while i < count {
            result[unchecked: i] += value
            i &+= 1
        }
        return result
    }

    @inline(__always)
    func map(_ body: (Element) -> Element) -> Self {
        var result = self
        var i = 0
        while i < count {
            result[unchecked: i] = body(self[unchecked: i])
            i &+= 1
        }
        return result
    }

    @inline(__always)
    func map(with other: Self, _ body: (Element, Element) -> Element) -> Self {
        var result = self
        var i = 0
        while i < count {
            result[unchecked: i] = body(self[unchecked: i], other[unchecked: i])
            i &+= 1
        }
        return result
    }
}
