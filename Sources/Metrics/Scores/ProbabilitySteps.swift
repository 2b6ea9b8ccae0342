extension UInt16 {
    /// A probability as files hold it: 65535 for 1, 0 for what is not a number. An average of eight or more ones may round
    /// to a little more than one.
    @inlinable package init(probability: Float) {
        self = probability.isNaN ? 0 : UInt16((Swift.min(Swift.max(probability, 0), 1) * 65535).rounded())
    }
}
