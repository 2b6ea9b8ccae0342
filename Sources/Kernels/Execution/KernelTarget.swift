internal import CTarget

/// The instruction set that the kernels were compiled for.
public enum KernelTarget {
    public static var description: String { String(cString: lockstep_target_name()) }
}
