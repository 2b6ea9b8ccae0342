import Support

/// What ImageJ writes into a TIFF's ImageDescription: `ImageJ=1.54f`, then lines of names and values; Fiji's SCIFIO begins
/// with `SCIFIO=` and lists the axes.
struct ImageJDescription {
    /// Images of the stack, channels counted one by one; nil where it does not say.
    private let images: Int?
    let channels: Int
    let slices: Int
    let frames: Int
    /// Of lengths; nil where it does not say, and where it says that it is a pixel.
    let unit: String?
    /// The lines that say what units and distances are.
    let calibration: [String]
    /// The axes, the fastest first; those of ImageJ itself: czt.
    private let order: String

    /// Nil for the description of another program.
    init?(_ description: String) {
        guard description.hasPrefix("ImageJ=") || description.hasPrefix("SCIFIO=") else { return nil }
        var values: [Substring: Substring] = [:]
        for line in description.split(whereSeparator: \.isNewline) {
            guard let sign = line.firstIndex(of: "=") else { continue }
            values[line[..<sign]] = line[line.index(after: sign)...]
        }
        func number(_ key: Substring) -> Int? { values[key].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } }
        images = number("images")
        channels = number("channels") ?? 1
        slices = number("slices") ?? 1
        frames = number("frames") ?? 1
        let axes = values["axes"].map { axes in
            let named = axes.split(separator: ",").compactMap {
                ["channel": "c", "z": "z", "time": "t"][$0.lowercased()]
            }
            return (named + ["c", "z", "t"].filter { !named.contains($0) }).joined()
        }
        order = values["order"]?.lowercased() ?? axes ?? "czt"
        unit = values["unit"].map(String.init).flatMap { ["pixel", "pixels", ""].contains($0) ? nil : $0 }
        let kept: [Substring] = [
            "unit", "yunit", "zunit", "spacing", "finterval", "tunit", "fps", "xorigin", "yorigin", "zorigin",
        ]
        calibration = kept.compactMap { key in values[key].map { "\(key)=\($0)" } }
    }

    /// Images of the stack, channels counted one by one.
    var count: Int { images ?? min(channels, 1 << 20) * min(slices, 1 << 20) * min(frames, 1 << 20) }

    /// The pages of each image's channels.
    ///
    /// - Parameter samples: of a pixel of a page.
    ///
    /// Throws `Failure.request` where the channels are not as many for each image.
    func images(pages: Int, samples: Int, path: String) throws -> [[Int]] {
        // The samples of a pixel may be counted as channels.
        guard channels > 1, channels != samples else { return (0..<pages).map { [$0] } }
        guard pages % channels == 0 else {
            throw Failure.request(
                "image \(path) has \(pages) pages, and ImageJ's description says that an image has \(channels) channels: "
                    + "save it again, or set data.pages: images or channels")
        }
        if let axes = StackAxes(fastestFirst: order, c: channels, z: slices, t: frames), axes.count == pages {
            return axes.images()
        }
        return stride(from: 0, to: pages, by: channels).map { Array($0..<$0 + channels) }
    }
}

/// The order in which the planes of a stack follow each other.
struct StackAxes {
    private let axes: [Character]
    private let sides: [Character: Int]

    /// - Parameter order: the letters c, z and t. Nil where it is another word, or a side is none.
    init?(fastestFirst order: String, c: Int, z: Int, t: Int) {
        axes = Array(order.lowercased())
        sides = ["c": c, "z": z, "t": t]
        guard axes.sorted() == ["c", "t", "z"], sides.values.allSatisfy({ (1...1 << 20).contains($0) }) else {
            return nil
        }
    }

    var count: Int { sides.values.reduce(1, *) }

    /// The place of a plane in the stack; nil outside of it.
    func index(c: Int, z: Int, t: Int) -> Int? {
        let place: [Character: Int] = ["c": c, "z": z, "t": t]
        var (index, step) = (0, 1)
        for axis in axes {
            guard let at = place[axis], let side = sides[axis], (0..<side).contains(at) else { return nil }
            index += at * step
            step *= side
        }
        return index
    }

    /// The planes of each image's channels, whatever the order of the planes: the slices of the first frame, then those
    /// of the next, so that stacks of one experiment pair that two programs have written.
    func images() -> [[Int]] {
        guard let channels = sides["c"], let slices = sides["z"], let frames = sides["t"] else { return [] }
        return (0..<frames).flatMap { t in
            (0..<slices).map { z in (0..<channels).compactMap { index(c: $0, z: z, t: t) } }
        }
    }
}
