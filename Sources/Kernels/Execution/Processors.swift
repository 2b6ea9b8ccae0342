internal import CProcessor
import Glibc

/// The processors that this process may run on.
public enum Processors {
    /// Those of the machine, less where a launcher or a batch system has bound this process.
    public static var available: Int { Int(lockstep_available_processors()) }

    /// Those of the machine.
    public static var online: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
