import Foundation
import Support

extension Job {
    /// What to type to call this program: `lockstep` where PATH leads to it, else its path.
    static var programName: String {
        let called = CommandLine.arguments.first ?? "lockstep"
        guard called.contains("/") else { return called }
        let own = realPath(called)
        if let found = JobEnvironment.executable("lockstep"), realPath(found) == own { return "lockstep" }
        let here = FileManager.default.currentDirectoryPath + "/"
        return (called.hasPrefix(here) ? String(called.dropFirst(here.count)) : called).shellWord
    }
}
