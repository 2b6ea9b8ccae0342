import Foundation
import Support
import Sweeps
import Testing

/// The launcher with shell scripts in the places of mpirun and lockstep.
@Suite struct MPILauncherTests {
    private func withScript(_ script: String, _ body: (MPILauncher, TrialLaunchMaker) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "lockstep-launcher-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let mpirun = folder + "/mpirun"
        try ("#!/bin/sh\n" + script + "\n").write(toFile: mpirun, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: mpirun)
        try body(MPILauncher(executable: "/opt/lockstep", mpirun: mpirun), TrialLaunchMaker(log: folder + "/t.log"))
    }

    @Test func theCommandAndItsOutput() throws {
        try withScript("echo \"$@\" $OMPI_ALLOW_RUN_AS_ROOT$OMPI_ALLOW_RUN_AS_ROOT_CONFIRM; echo two >&2; exit 3") {
            (launcher, maker) throws -> Void in
            #expect(try launcher.launch(maker.launch, at: maker.place, stop: StopRequest()) { true } == 3)
            #expect(try launcher.launch(maker.launch, at: maker.place, stop: StopRequest()) { true } == 3)
            let line = "-q --oversubscribe --bind-to none -np 3 /opt/lockstep train a.yaml --set seed=1 11\ntwo\n"
            #expect(try String(contentsOfFile: maker.log, encoding: .utf8) == line + line)
        }
    }

    @Test func aStopSendsTheSignalToSave() throws {
        try withScript(
            "trap 'exit 75' USR1; trap 'exit 9' TERM; i=0; while [ $i -lt 200 ]; do sleep 0.05; i=$((i+1)); done"
        ) { (launcher, maker) throws -> Void in
            for (requests, status) in [(1, Int32(75)), (2, 9)] {
                let stop = StopRequest()
                Thread.detachNewThread {
                    usleep(300_000)
                    for _ in 0..<requests { stop.request() }
                }
                #expect(try launcher.launch(maker.launch, at: maker.place, stop: stop) { true } == status)
            }
        }
    }

    @Test func aSignalsEndIsItsNumber() throws {
        try withScript("kill -9 $$") { (launcher, maker) throws -> Void in
            #expect(try launcher.launch(maker.launch, at: maker.place, stop: StopRequest()) { true } == 137)
        }
    }

    @Test func noMPIIsSaid() throws {
        try withScript("") { (_, maker) throws -> Void in
            #expect(throws: (any Error).self) {
                try MPILauncher(executable: "x", mpirun: "no-such-mpirun").launch(
                    maker.launch, at: maker.place, stop: StopRequest()
                ) { true }
            }
        }
    }
}

private struct TrialLaunchMaker {
    let log: String
    var launch: TrialLaunch {
        TrialLaunch(
            workers: 2, hasCoordinator: true, threads: 1, arguments: ["train", "a.yaml", "--set", "seed=1"],
            logFile: log)
    }
    var place: TrialPlace { .here(processors: []) }
}
