import Kernels

/// Parts objects that touch by a border of background, so that a network can learn to.
///
/// Ronneberger et al. 2015, section 3, make such borders by morphological operations; as in Falk et al. 2019 ("U-Net:
/// deep learning for cell counting, detection, and morphometry") they are one pixel wide here.
public enum TouchingObjects {
    /// Makes a border between touching objects in `classes`: class 0 where an object's pixel is followed by another
    /// object's, to the right or below or across. Then each object is opened beside its new border: what no 2×2 square
    /// of it covers becomes background as well, so that no single pixels are left over.
    ///
    /// - Parameters:
    ///   - classes: H×W classes, changed in place; ignored pixels stay.
    ///   - objects: H×W object numbers, 0 for background.
    public static func part(_ classes: LabelMap, objects: LabelMap) {
        let (height, width) = (objects.height, objects.width)
        precondition(classes.height == height && classes.width == width, "classes and objects of two sizes")
        var border = [Bool](repeating: false, count: height * width)
        // Across to the left comes last: where the other pixel is a border already, the two are apart.
        for directions in [[(0, 1), (1, 0), (1, 1)], [(1, -1)]] {
            for y in 0..<height {
                for x in 0..<width where objects[y, x] > 0 {
                    for (down, right) in directions {
                        let (row, column) = (y + down, x + right)
                        guard row < height, column >= 0, column < width, right >= 0 || !border[row * width + column]
                        else { continue }
                        let other = objects[row, column]
                        if other > 0, other != objects[y, x] { border[y * width + x] = true }
                    }
                }
            }
        }
        /// Whether the pixel belongs to the object of this number, and not to a border.
        func belongs(_ y: Int, _ x: Int, _ object: Int32) -> Bool {
            y >= 0 && x >= 0 && y < height && x < width && objects[y, x] == object && !border[y * width + x]
        }
        func isCovered(_ y: Int, _ x: Int) -> Bool {
            let object = objects[y, x]
            return [(-1, -1), (-1, 0), (0, -1), (0, 0)].contains { top, left in
                belongs(y + top, x + left, object) && belongs(y + top, x + left + 1, object)
                    && belongs(y + top + 1, x + left, object) && belongs(y + top + 1, x + left + 1, object)
            }
        }
        for y in 0..<height {
            for x in 0..<width where border[y * width + x] {
                if classes[y, x] > 0 { classes[y, x] = 0 }
                for row in max(y - 1, 0)...min(y + 1, height - 1) {
                    for column in max(x - 1, 0)...min(x + 1, width - 1)
                    where classes[row, column] > 0 && !border[row * width + column] && !isCovered(row, column) {
                        classes[row, column] = 0
                    }
                }
            }
        }
    }
}
