import Kernels
extension UNet {
    public func backwardPass(_ image: TensorView, parameters: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>, trained: TrainedParameters? = nil) -> [Int] {
        var offsets: [Int] = []
        backward(image, parameters: parameters, gradient: gradient, trained: trained) { offsets.append($0) }
        return offsets
    }
}
