import Communication
import Diagnostics
import Foundation
import Images
import Kernels
import Segmentation

/// Segments the images of a folder, or one image; under `mpirun` the ranks share them out.
public struct PredictionJob {
    /// What is written beside the classes.
    public struct Outputs: Sendable {
        public var probabilities: Bool
        public var overlay: Bool

        public init(probabilities: Bool, overlay: Bool) {
            self.probabilities = probabilities
            self.overlay = overlay
        }
    }

    private let ensemble: ModelEnsemble
    private let world: any Communicator
    private let outputs: Outputs

    public init(_ ensemble: ModelEnsemble, world: any Communicator, outputs: Outputs) {
        self.ensemble = ensemble
        self.world = world
        self.outputs = outputs
    }

    /// Writes into `folder`, which is made, and returns the images' paths; called by all ranks.
    ///
    /// - Parameters:
    ///   - progress: called with the number of images that are done, and all.
    public func run(input: String, output folder: String, progress: (Int, Int) -> Void) throws -> [String] {
        let files = try world.agreeOnRoot { () throws -> [String] in
            let files = try Self.images(in: input)
            let source = (files[0] as NSString).deletingLastPathComponent
            guard Self.realPath(source.isEmpty ? "." : source) != Self.realPath(folder) else {
                throw Failure.request("--output \(folder) is the images' own folder: choose another, or they are lost")
            }
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            } catch {
                throw Failure.request("--output \(folder) cannot be made: choose a folder that can be written")
            }
            guard access(folder, W_OK | X_OK) == 0 else {
                throw Failure.request("--output \(folder) cannot be written: \(Failure.systemReason(errno))")
            }
            return files
        }
        var done = 0
        try world.shareOut(files.count) { index in
            try segment(files[index], into: folder)
            done += 1
            progress(min(done * world.size, files.count), files.count)
        }
        return files
    }

    private static func realPath(_ path: String) -> String {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
    }

    /// The PNG files of a folder in the order of their names, or the one file.
    static func images(in path: String) throws -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw Failure.request("--input \(path) does not exist: name an image or a folder of images")
        }
        guard isFolder.boolValue else { return [path] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let files = names.filter { $0.lowercased().hasSuffix(".png") && !$0.hasPrefix(".") }.sorted()
        guard !files.isEmpty else { throw Failure.request("--input \(path) holds no .png image") }
        return files.map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
    }

    private func segment(_ path: String, into folder: String) throws {
        let (image, probabilities) = try ensemble.predict(path)
        let stem = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        let classes = LabelMap(mostProbable: probabilities)
        try PNG.write(PredictionPictures.classes(classes, count: ensemble.classes), to: "\(folder)/\(stem).png")
        if outputs.probabilities {
            for index in 1..<ensemble.classes {
                let suffix = ensemble.classes == 2 ? "probability" : "class\(index)"
                try PNG.write(
                    PredictionPictures.probability(probabilities, ofClass: index), to: "\(folder)/\(stem).\(suffix).png"
                )
            }
        }
        if outputs.overlay {
            let picture = Overlay(colors: ensemble.classColors).picture(image: image, classes: classes)
            try PNG.write(picture, to: "\(folder)/\(stem).overlay.png")
        }
    }
}
