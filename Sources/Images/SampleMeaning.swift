/// What the samples of an image are read for.
public enum SampleMeaning: Sendable {
    /// Intensities: what a file keeps with 0 as white is turned round, so that more is brighter.
    case light
    /// Labels: as stored in the file, whatever shows them bright or dark.
    case numbers
}

/// What the pages of a TIFF file are (`data.pages`).
public enum PageMeaning: String, CaseIterable, Sendable, Codable {
    /// Every page is an image.
    case images
    /// All pages of the file are the channels of one image.
    case channels
    /// What the file's own metadata say, ImageJ's or OME's; else images.
    case auto
}
