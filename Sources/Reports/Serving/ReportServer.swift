import FlyingFox
import FlyingSocks
import Foundation
import Inference
import Support
import Synchronization

/// Serves a report on this machine alone, and follows what it is of.
///
/// The page asks every few seconds for what is new. A run's best checkpoint is evaluated again whenever another one has
/// become the best, by the thread that serves.
public final class ReportServer: Sendable {
    private let report: Mutex<Report>
    private let port: UInt16

    /// - Parameter port: 0 for any that is free.
    public init(_ report: consuming sending Report, port: UInt16) {
        self.report = Mutex(report)
        self.port = port
    }

    /// Serves until a stop is requested.
    ///
    /// Throws `Failure.request` where the port is another program's.
    ///
    /// - Parameters:
    ///   - evaluation: scores checkpoints; nil for a page without their predictions.
    ///   - threads: that compute.
    ///   - say: is told the address, and what cannot be shown.
    public func run(
        evaluation: EvaluationJob?, threads: Int, until stop: StopRequest, say: (String) -> Void
    ) throws {
        if evaluation != nil { report.withLock { $0.awaitReview() } }
        // What is trained on this machine goes first; the threads to come inherit it.
        _ = nice(10)
        let server = HTTPServer(
            address: try sockaddr_in.inet(ip4: "127.0.0.1", port: port), logger: .disabled, handler: handler)
        let ending = Ending()
        Task {
            do { try await server.run() } catch { ending.error.withLock { $0 = error } }
            ending.isOver.store(true, ordering: .sequentiallyConsistent)
        }
        let place = Place()
        Task {
            try? await server.waitUntilListening()
            if case .ip4(let host, let port)? = await server.listeningAddress {
                place.address.withLock { $0 = "http://\(host):\(port)/" }
            }
        }
        var isSaid = false
        var reviewed: String?
        while !stop.isRequested {
            if ending.isOver.load(ordering: .sequentiallyConsistent) { throw failure(ending.error.withLock { $0 }) }
            if !isSaid, let address = place.address.withLock({ $0 }) {
                say(address)
                isSaid = true
            }
            if isSaid, let evaluation, let file = report.withLock({ $0.reviewedFile }), file != reviewed {
                reviewed = file
                review(file, by: evaluation, threads: threads, until: stop)
            }
            usleep(100_000)
        }
    }

    /// What the server's own thread leaves behind.
    private final class Ending: Sendable {
        let isOver = Atomic<Bool>(false)
        let error = Mutex<(any Error)?>(nil)
    }

    /// Where it listens.
    private final class Place: Sendable {
        let address = Mutex<String?>(nil)
    }

    private func failure(_ error: (any Error)?) -> Failure {
        guard case .failed(_, let code, _)? = error as? SocketError else {
            return .running(
                "the report cannot be served: \(error.map { "\($0)" } ?? "the server ended"): try another --port")
        }
        return code == EADDRINUSE
            ? .request("port \(port) is in use by another program: choose another --port, or 0 for any that is free")
            : .running(
                "the report cannot be served on port \(port): \(Failure.systemReason(code)): choose another --port")
    }

    private func review(_ file: String, by evaluation: EvaluationJob, threads: Int, until stop: StopRequest) {
        struct Stopped: Error {}
        let directory = report.withLock { $0.directory }
        let review = Result {
            try Review(of: file, in: directory, evaluation: evaluation, threads: threads) { _ in
                if stop.isRequested { throw Stopped() }
            }
        }
        report.withLock { $0.take(review) }
    }

    // MARK: - Answers

    private var handler: any HTTPHandler {
        ClosureHTTPHandler { [self] request in
            // A page from elsewhere, whose name has come to mean this machine, gets nothing.
            let host = request.headers[.host] ?? ""
            let name = host.split(separator: ":").first.map(String.init) ?? ""
            guard request.method == .GET, ["127.0.0.1", "localhost"].contains(name) else {
                return HTTPResponse(statusCode: .forbidden)
            }
            return answer(request.path, version: request.query["version"].flatMap { Int($0) })
        }
    }

    private func answer(_ path: String, version: Int?) -> HTTPResponse {
        func response(_ type: String, _ body: Data) -> HTTPResponse {
            HTTPResponse(
                statusCode: .ok,
                headers: [
                    .contentType: type, HTTPHeader("Cache-Control"): "no-store",
                    HTTPHeader("X-Content-Type-Options"): "nosniff",
                ], body: body)
        }
        do {
            switch path {
            case "/":
                let html = try report.withLock { report in
                    try report.update()
                    return try report.html(isServed: true)
                }
                return response("text/html; charset=utf-8", html)
            case "/live":
                let live = try report.withLock { report in
                    try report.update()
                    let live = try report.live
                    return live.version == version ? nil : try live.json
                }
                return live.map { response("application/json", $0) } ?? HTTPResponse(statusCode: .noContent)
            default: return HTTPResponse(statusCode: .notFound)
            }
        } catch {
            return HTTPResponse(
                statusCode: .internalServerError, headers: [.contentType: "text/plain; charset=utf-8"],
                body: Data("\(error)\n".utf8))
        }
    }
}
