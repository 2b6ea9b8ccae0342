/// im2col: the 3×3 neighbourhoods of a padded activation as the rows of a matrix, `[pixel][3][3][channels]`, a band of rows
/// at a time.
struct Patches {
    /// Activations whose channels stand side by side in a patch.
    let inputs: [TensorView]
    /// Zeros around the activations, on each side.
    let padding: Int

    /// Patches down and across.
    var height: Int { inputs[0].height + 2 * padding - 2 }
    var width: Int { inputs[0].width + 2 * padding - 2 }
    var channels: Int { inputs.reduce(0) { $0 + $1.channels } }
    /// Floats of a patch.
    var length: Int { 9 * channels }

    /// The rows of patches that are laid out at once: enough for an efficient product, few enough for the caches.
    var bands: [Range<Int>] {
        let pixels = max(512, 16_384 / length)
        let rows = min(height, max(1, pixels / width))
        return stride(from: 0, to: height, by: rows).map { $0..<min($0 + rows, height) }
    }

    /// Floats that `layOut` writes for the largest band.
    var bandCount: Int { bands[0].count * width * length }

    /// Writes the patches of the rows in `band`.
    func layOut(_ band: Range<Int>, into matrix: UnsafeMutablePointer<Float>, team: ThreadTeam) {
        team.forEach(band.count) { _, index in
            let y = band.lowerBound + index
            for ky in 0..<3 {
                let row = matrix + index * width * length + ky * 3 * channels
                layOutRow(inputRow: y + ky - padding, into: row)
            }
        }
    }

    /// Writes one of the three rows of each patch of a row: 3·channels floats every `length`.
    private func layOutRow(inputRow y: Int, into matrix: UnsafeMutablePointer<Float>) {
        guard y >= 0 && y < inputs[0].height else {
            for x in 0..<width { (matrix + x &* length).update(repeating: 0, count: 3 * channels) }
            return
        }
        guard inputs.count > 1 else { return layOutPixels(inputs[0], inputs[0].row(y), into: matrix) }
        var offset = 0
        for input in inputs {
            let source = input.row(y)
            let n = input.channels
            for kx in 0..<3 {
                let first = max(0, padding - kx)
                let end = max(first, min(width, input.width + padding - kx))
                let target = matrix + (kx &* channels &+ offset)
                for x in 0..<first { (target + x &* length).update(repeating: 0, count: n) }
                for x in first..<end {
                    let from = (x &+ kx &- padding) &* n
                    let to = target + x &* length
                    for c in 0..<n { to[c] = source[from &+ c] }
                }
                for x in end..<width { (target + x &* length).update(repeating: 0, count: n) }
            }
            offset += n
        }
    }

    /// The same of a single activation, of which three pixels of a row are one piece.
    private func layOutPixels(
        _ input: TensorView, _ source: UnsafePointer<Float>, into matrix: UnsafeMutablePointer<Float>
    ) {
        let n = input.channels
        let piece = 3 &* n
        var target = matrix
        for x in 0..<width {
            let from = source + (x &- padding) &* n
            if x >= padding && x &- padding &+ 3 <= input.width {
                if n == 1 {
                    target[0] = from[0]
                    target[1] = from[1]
                    target[2] = from[2]
                } else {
                    for i in 0..<piece { target[i] = from[i] }
                }
            } else {
                for i in 0..<piece {
                    let pixel = x &- padding &+ i / n
                    target[i] = pixel >= 0 && pixel < input.width ? from[i] : 0
                }
            }
            target += length
        }
    }

    /// The adjoint of `layOut` (col2im): adds each patch of the rows in `band` to the pixels that it was taken from, in
    /// gradients of the inputs' shapes.
    func add(_ band: Range<Int>, _ matrix: UnsafePointer<Float>, to gradients: [TensorView], team: ThreadTeam) {
        let first = max(0, band.lowerBound - padding)
        let end = min(gradients[0].height, band.upperBound + 2 - padding)
        team.forEach(max(0, end - first)) { _, index in
            let y = first + index
            for ky in 0..<3 where band.contains(y + padding - ky) {
                addRow(
                    matrix + ((y + padding - ky - band.lowerBound) * width * length + 3 * ky * channels),
                    to: gradients, row: y)
            }
        }
    }

    /// Adds one of the three rows of each patch of a row.
    private func addRow(_ matrix: UnsafePointer<Float>, to gradients: [TensorView], row y: Int) {
        var offset = 0
        for gradient in gradients {
            let target = gradient.row(y)
            let n = gradient.channels
            for kx in 0..<3 {
                let source = matrix + (kx &* channels &+ offset)
                for x in max(0, padding - kx)..<max(max(0, padding - kx), min(width, gradient.width + padding - kx)) {
                    let from = source + x &* length
                    let to = target + (x &+ kx &- padding) &* n
                    for c in 0..<n { to[c] += from[c] }
                }
            }
            offset += n
        }
    }
}
