import Foundation
import Kernels
import Network

/// Networks that compute tiles side by side, each with its share of the threads.
///
/// A network holds the activations of a tile and no weights: one of an architecture serves all members of an ensemble.
///
/// Unchecked `Sendable`, and sound because the lock guards the list of free lanes, and one thread at a time has a lane.
final class TileLanes: @unchecked Sendable {
    private let makeEngine: () -> Engine
    private let lock = NSLock()
    private var free: [Lane] = []

    /// - Parameter makeEngine: makes that of a lane, whose threads nobody else gives work.
    init(_ makeEngine: @escaping () -> Engine) { self.makeEngine = makeEngine }

    /// The probabilities that a tile keeps, from a band as its network wants it; called by as many threads at a time as
    /// there shall be lanes.
    func probabilities(_ tile: BandTile, of band: ImageBand, by member: TiledPrediction) -> Tensor {
        let lane = lock.withLock { free.popLast() } ?? Lane(makeEngine())
        defer { lock.withLock { free.append(lane) } }
        return lane.probabilities(tile, of: band, by: member)
    }

    private final class Lane {
        private let engine: Engine
        private var networks: [UNetArchitecture: UNet] = [:]
        /// The tile's input, from one tile to the next.
        private var window: Tensor?

        init(_ engine: Engine) { self.engine = engine }

        func probabilities(_ tile: BandTile, of band: ImageBand, by member: TiledPrediction) -> Tensor {
            let shape = ImageShape(
                tile.rows.source.count, tile.columns.source.count, member.architecture.inputChannels)
            precondition(band.tensor.channels == shape.channels, "\(band.tensor.shape) for \(member.architecture)")
            let window = window(shape)
            tile.gather(from: band.tensor.base, into: window)
            let logits = network(member.architecture).forward(window.view, parameters: member.parameters.base)
            SoftmaxCrossEntropy.probabilities(logits, team: engine.team)
            return tile.kept(of: logits)
        }

        private func network(_ architecture: UNetArchitecture) -> UNet {
            if let network = networks[architecture] { return network }
            let new = UNet(architecture, engine: engine, purpose: .inference)
            networks[architecture] = new
            return new
        }

        private func window(_ shape: ImageShape) -> Tensor {
            if let window, window.shape == shape { return window }
            let new = Tensor(shape)
            window = new
            return new
        }
    }
}
