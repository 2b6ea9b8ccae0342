import Images

/// What stands around the panels of a picture: a caption above each, and below them all what the colours mean.
struct Legend {
    /// An entry: a colour and what it stands for, or words alone.
    struct Entry: Hashable {
        var color: RGBColor?
        var text: String

        init(_ color: RGBColor?, _ text: String) { (self.color, self.text) = (color, text) }
    }

    private static let gap = 6

    /// Panels of one size, `columns` in a row, with their captions and a legend.
    static func picture(_ panels: [(caption: String, canvas: Canvas)], columns: Int, _ entries: [Entry]) -> Canvas {
        let (width, height) = (panels[0].canvas.width, panels[0].canvas.height)
        let scale = width >= 700 ? 2 : 1
        let rows = (panels.count + columns - 1) / columns
        let line = (BitmapFont.height + 4) * scale
        let captionHeight = panels.contains { !$0.caption.isEmpty } ? line : 0
        let whole = min(columns, panels.count) * (width + gap) - gap
        let lines = wrapped(entries, scale: scale, width: whole)
        let legendHeight = lines.isEmpty ? 0 : lines.count * line + gap
        var picture = Canvas(
            width: whole, height: rows * (captionHeight + height + gap) - gap + legendHeight,
            filledWith: Canvas.white)
        for (number, panel) in panels.enumerated() {
            let (x, y) = (number % columns * (width + gap), number / columns * (captionHeight + height + gap))
            let caption = String(panel.caption.prefix(width / (BitmapFont.width * scale)))
            picture.write(caption, x: x + 2, y: y + 2 * scale, scale: scale, Canvas.ink)
            picture.paste(panel.canvas, x: x, y: y + captionHeight)
        }
        var y = picture.height - legendHeight + gap
        for entries in lines {
            var x = 2
            for entry in entries {
                if let color = entry.color {
                    let side = 10 * scale
                    picture.fill(x: x, y: y + scale, width: side, height: side, Canvas.ink)
                    picture.fill(x: x + 1, y: y + scale + 1, width: side - 2, height: side - 2, color)
                    x += 14 * scale
                }
                picture.write(entry.text, x: x, y: y, scale: scale, Canvas.ink)
                x += (entry.text.count + 2) * BitmapFont.width * scale
            }
            y += line
        }
        return picture
    }

    /// The entries in lines that are not too long; one that would fill several is cut.
    private static func wrapped(_ entries: [Entry], scale: Int, width: Int) -> [[Entry]] {
        var lines: [[Entry]] = []
        var rest = 0
        for entry in entries {
            var entry = entry
            let swatch = entry.color == nil ? 0 : 14 * scale
            entry.text = String(entry.text.prefix(max(1, (width - 2 - swatch) / (BitmapFont.width * scale))))
            let length = swatch + entry.text.count * BitmapFont.width * scale
            if lines.isEmpty || rest < length {
                lines.append([])
                rest = width - 2
            }
            lines[lines.count - 1].append(entry)
            rest -= length + 2 * BitmapFont.width * scale
        }
        return lines
    }
}
