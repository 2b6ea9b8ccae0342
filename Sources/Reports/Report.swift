import Checkpoints
import Foundation
import Inference
import Support

/// A report of a run, a sweep or a cross-validation.
public struct Report {
    /// What a folder holds.
    private enum Subject {
        case run(RunPage)
        case sweep(SweepPage)
        case crossValidation(CrossValidationPage)
    }

    /// What was written.
    public struct Outcome: Encodable, Sendable {
        /// The page's path.
        public let report: String
        public let bytes: Int
        /// What the page could not show, and why.
        public let notes: [String]
    }

    private let folder: String
    private var subject: Subject
    private let page: HTMLPage

    /// Looks at a folder.
    ///
    /// Throws `Failure.request` for one that holds none of them.
    public init(_ path: String) throws {
        let folder = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.folder = folder
        page = try HTMLPage()
        guard let isFolder = isFolder(folder) else {
            throw Failure.request("\(folder) does not exist: name the folder of a run, a sweep or a cross-validation")
        }
        guard isFolder else {
            throw Failure.request("\(folder) is a file: name the folder of a run, a sweep or a cross-validation")
        }
        let run = RunDirectory(folder)
        if !CrossValidationPage.foldNames(in: folder).isEmpty {
            subject = .crossValidation(try CrossValidationPage(folder))
        } else if FileManager.default.fileExists(atPath: "\(folder)/sweep.yaml") {
            subject = .sweep(try SweepPage(folder))
        } else if run.holdsRun || FileManager.default.fileExists(atPath: run.metrics) {
            subject = .run(try RunPage(folder))
        } else {
            let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
            let below = names.first { RunDirectory("\(folder)/\($0)").holdsRun }
            throw Failure.request(
                "\(folder) holds no run, sweep or cross-validation: name such a folder"
                    + (below.map { ", \(folder)/\($0) say" } ?? ", runs/NAME say"))
        }
    }

    /// Evaluates a run's best checkpoint for the page; the others need none. What cannot be evaluated is said on the page.
    ///
    /// - Parameter progress: is told how far it is; what it throws ends the evaluation.
    public mutating func review(by evaluation: EvaluationJob, threads: Int, progress: (String) throws -> Void) {
        guard case .run(let page) = subject else { return }
        let directory = directory
        take(
            Result {
                guard let file = page.reviewedFile else { throw Failure.request("the run has no checkpoint yet") }
                return try Review(
                    of: file, in: directory, evaluation: evaluation, threads: threads, progress: progress)
            })
    }

    /// Writes the page, whole or not at all.
    ///
    /// - Parameter path: nil for `report.html` in the folder.
    public func write(to path: String? = nil) throws -> Outcome {
        let path = path ?? "\(folder)/report.html"
        let html = try html(isServed: false)
        try AtomicFile.write(path) { try $0.write(contentsOf: html) }
        var notes: [String] = []
        if case .run(let run) = subject, let failure = run.reviewFailure {
            notes = ["without predictions: \(failure)"]
        }
        return Outcome(report: path, bytes: html.count, notes: notes)
    }

    // MARK: - While it lasts

    /// Reads what has come since.
    mutating func update() throws {
        switch subject {
        case .run(var page):
            try page.update()
            subject = .run(page)
        case .sweep(var page):
            try page.update()
            subject = .sweep(page)
        case .crossValidation(var page):
            try page.update()
            subject = .crossValidation(page)
        }
    }

    package var live: Live {
        get throws {
            switch subject {
            case .run(let page): try page.live
            case .sweep(let page): try page.live
            case .crossValidation(let page): try page.live
            }
        }
    }

    package func html(isServed: Bool) throws -> Data {
        switch subject {
        case .run(let page): try self.page.render(page, isServed: isServed)
        case .sweep(let page): try self.page.render(page, isServed: isServed)
        case .crossValidation(let page): try self.page.render(page, isServed: isServed)
        }
    }

    /// What tells the checkpoint that is worth a review from the one before; nil where there is none.
    var reviewedFile: String? {
        guard case .run(let page) = subject, let path = page.reviewedFile else { return nil }
        return realPath(path)
    }

    /// Says on the page that there will be a review.
    mutating func awaitReview() {
        guard case .run(var page) = subject else { return }
        page.awaitsReview = true
        subject = .run(page)
    }

    /// Takes over what was found out about a checkpoint.
    mutating func take(_ review: Result<Review, any Error>) {
        guard case .run(var page) = subject else { return }
        switch review {
        case .success(let review): (page.review, page.reviewFailure) = (review, nil)
        case .failure(let error): page.reviewFailure = "\(error)"
        }
        page.awaitsReview = false
        subject = .run(page)
    }

    /// The run's folder, whatever else the folder may be.
    var directory: RunDirectory { RunDirectory(folder) }
}
