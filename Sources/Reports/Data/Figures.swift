import Foundation
import Metrics
import Support

/// A number for people in three or four significant digits: 0.9123, 12.3, 1,234, 0.00012.
package func figure(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    let size = abs(value)
    if size == 0 { return "0" }
    if size >= 1e7 { return String(format: "%.3g", value) }
    if size >= 1000 { return value < 0 ? "−" + grouped(Int(size.rounded())) : grouped(Int(size.rounded())) }
    if size >= 100 { return decimals(value, 0) }
    if size >= 10 { return decimals(value, 1) }
    if size >= 1 { return decimals(value, 2) }
    return size >= 0.001 ? decimals(value, size >= 0.1 ? 3 : 4) : String(format: "%.2g", value)
}

/// A score between 0 and 1 among others: with three decimals, so that they compare.
func score(_ value: Double?) -> String { value.map { decimals($0, 3) } ?? "–" }

/// Seconds for people: "0.51 s", "42 s", "3 min 10 s".
func briefTime(_ seconds: Double) -> String { seconds < 10 ? "\(figure(seconds)) s" : duration(seconds) }

/// A share of a whole, 0 to 1: "48.1 %".
func percentage(_ share: Double?) -> String { share.map { decimals(100 * $0, 1) + " %" } ?? "–" }

/// Bytes of a file: "1.2 MB".
func fileSize(_ bytes: Int) -> String {
    if bytes < 1000 { return "\(bytes) bytes" }
    if bytes < 1_000_000 { return "\(figure(Double(bytes) / 1e3)) kB" }
    return bytes < 1_000_000_000 ? "\(figure(Double(bytes) / 1e6)) MB" : "\(figure(Double(bytes) / 1e9)) GB"
}

extension SegmentationMetric {
    /// What people call it.
    var title: String {
        switch self {
        case .iou: "IoU"
        case .dice: "Dice"
        case .accuracy: "accuracy"
        case .pixelError: "pixel error"
        case .meanIoU: "mean IoU"
        case .meanDice: "mean Dice"
        case .frequencyWeightedIoU: "frequency-weighted IoU"
        case .frequencyWeightedDice: "frequency-weighted Dice"
        case .seg: "SEG"
        case .ap: "average precision"
        case .ap50: "AP at IoU 0.5"
        case .ap75: "AP at IoU 0.75"
        case .precision50: "precision of objects"
        case .recall50: "recall of objects"
        case .f1At50: "F1 of objects"
        case .adaptedRandError: "adapted rand error"
        case .voi: "variation of information"
        case .voiSplit: "variation of information, split"
        case .voiMerge: "variation of information, merge"
        case .vRand: "V_rand"
        case .vInfo: "V_info"
        case .randError: "rand error"
        case .challengePixelError: "challenge pixel error"
        case .warpingError: "warping error"
        }
    }
}
