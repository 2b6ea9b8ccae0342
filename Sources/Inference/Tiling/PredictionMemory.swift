import Network

// What a prediction takes of memory, told before any of it is taken.

extension TiledPrediction {
    /// About how many bytes a network takes for tiles of an image of this size, its weights aside.
    func bytes(height: Int, width: Int) throws -> Double {
        func side(_ size: Int) -> Int {
            // Tiles are no larger than this; those of small images are cut to them.
            switch geometry.padding {
            case .valid: min(tile, geometry.legalInput(outputAtLeast: size))
            case .same: min(tile, geometry.legalInput(atLeast: size))
            }
        }
        return architecture.predictionBytes(height: side(height), width: side(width))
    }
}

extension AveragedPrediction {
    /// About how many bytes the prediction of an image takes at least, the weights aside: the networks' activations, a band
    /// of rows for each network, as the file has it and as the network takes it, and the band's probabilities.
    ///
    /// - Parameter channels: of the image.
    package func bytes(height: Int, width: Int, channels: Int) throws -> Double {
        try networkBytes(height: height, width: width)
            + bandBytes(height: height, width: width, channels: channels)
    }

    /// What of that is networks: one of each architecture.
    package func networkBytes(height: Int, width: Int) throws -> Double {
        var largest: [UNetArchitecture: Double] = [:]
        for member in members {
            largest[member.architecture] = max(
                largest[member.architecture] ?? 0, try member.bytes(height: height, width: width))
        }
        return largest.values.sorted().reduce(0, +)
    }

    /// What of that is the band.
    func bandBytes(height: Int, width: Int, channels: Int) throws -> Double {
        var seen = 0
        var result = 0
        // Not all bands, of which an image that claims to be large has as many as it likes.
        let rows = rowsOfBands(height: height, width: width)
        let count = (height + rows - 1) / rows
        // The first band, one amid the image, and the last.
        for index in Set([0, count / 2, count - 1]) {
            let band = index * rows..<min((index + 1) * rows, height)
            seen = max(seen, try rowsSeen(for: band, height: height).count)
            result = max(result, band.count)
        }
        let perRow = Double(width) * Double(channels) * (4 * Double(members.count) + 4)
        return Double(seen) * perRow + 2 * 4 * Double(result) * Double(width) * Double(classes)
    }
}
