import ArgumentParser
import CProcessor
import Checkpoints
import Foundation
import MPIBackend
import Support

/// The program: joins the job, if there is one, runs the command and leaves with its exit status.
@main
enum Lockstep {
    static func main() {
        lockstep_require_processor()
        StandardStream.prepare()
        // Before MPI starts: a signal that comes early must not kill a job that it only asks to save and stop.
        let command = CommandLine.arguments.dropFirst().first
        let isTraining = command == "train"
        let isStoppable = isTraining || command == "predict" || command == "verify"
        if isStoppable { StopSignal.install() }
        let job: Job
        do {
            job = try Job.join(isWatched: isTraining, isStoppable: isStoppable)
        } catch {
            Job.complain("\(error)")
            end(Failure.Kind.running.rawValue)
        }
        let status = job.run(LockstepCommand.self, Array(CommandLine.arguments.dropFirst()))
        job.leave()
        end(status)
    }

    /// Ends the process without the libraries' own farewells: where memory is short, OpenBLAS waits without end for a thread
    /// of its own that cannot begin.
    private static func end(_ status: Int32) -> Never {
        fflush(nil)
        _exit(status)
    }
}

/// The root of the command line.
struct LockstepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lockstep",
        abstract: "Trains U-Nets on CPUs, from a laptop to a cluster.",
        discussion: """
            A first run:          lockstep train
            On your own images:   lockstep init my-cells, then lockstep train my-cells.yaml
            With four workers:    mpirun --oversubscribe -np 5 lockstep train my-cells.yaml

            One more process than workers: it coordinates. --oversubscribe is for machines of fewer cores, and as root \
            mpirun wants --allow-run-as-root too; launch/train my-cells.yaml --workers 4 knows both.

            Exit status: 0 done, 1 failed while running, 2 the request is wrong, 75 stopped on a signal after saving a \
            checkpoint (go on with --resume).
            """,
        version: versionText,
        subcommands: [
            InitCommand.self, TrainCommand.self, PredictCommand.self, EvaluateCommand.self,
            CrossvalidateCommand.self, SweepCommand.self, ReportCommand.self, VerifyCommand.self, InspectCommand.self,
            SynthesizeCommand.self, BenchCommand.self, PlanCommand.self, LayoutCommand.self,
            DoctorCommand.self, ConfigCommand.self,
            ExportCommand.self, ImportCommand.self,
        ])

    static var versionText: String {
        """
        lockstep \(BuildInformation.version) (\(BuildInformation.revision))
        target CPU: \(BuildInformation.target)
        MPI: \(MPICommunicator.libraryDescription)
        BLAS: \(BuildInformation.blas)
        """
    }
}
