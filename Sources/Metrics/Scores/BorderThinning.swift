import Kernels

/// The thinning of a prediction's borders in the ISBI 2012 challenge, so that their width does not matter.
enum BorderThinning {
    /// The regions that the 4-connected components of the foreground become when they grow, all at the same pace, until
    /// borders one pixel wide (0) are left between them: the watershed of the inverted binary mask.
    ///
    /// A foreground without a pixel makes no region.
    ///
    /// - Parameter foreground: H×W; above 0 where the foreground is.
    static func regions(of foreground: LabelMap) -> LabelMap {
        let components = ConnectedComponents.label(foreground).objects
        let heights = components.values.prefix(components.height * components.width).map { Float($0 > 0 ? 0 : 1) }
        return Watershed.flood(heights, markers: components, keepsLines: true)
    }
}
