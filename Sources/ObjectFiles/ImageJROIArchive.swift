import Foundation
import Support

/// Objects as a zip of ImageJ's ROIs, which its ROI Manager opens (More » Open…, or the file dropped on the window).
public enum ImageJROIArchive {
    /// Writes a file, whole or not at all. Entries bear no time, so that the same objects are the same bytes.
    ///
    /// Throws `Failure.running` with the system's reason.
    public static func write(_ objects: [OutlinedObject], to path: String) throws {
        try ZipArchive.write(objects.map { ("\(ImageJROI.name($0)).roi", Data(ImageJROI.bytes($0))) }, to: path)
    }
}
