/// What of a machine a training's size depends on.
package struct Machine: Sendable {
    package let cores: Int
    /// Bytes that a training may take.
    package let memory: Double
    /// Floating-point operations a second of one core, as a training step's direct convolutions count them.
    package let operationsPerSecond: Double

    package init(cores: Int, memory: Double, operationsPerSecond: Double) {
        (self.cores, self.memory, self.operationsPerSecond) = (cores, memory, operationsPerSecond)
    }
}
