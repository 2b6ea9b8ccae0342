import Kernels

/// Connected-component labelling: the objects of a label map are its regions of 4-connected pixels of one class.
public enum ConnectedComponents {
    /// Numbers the 4-connected regions of equal value above 0.
    ///
    /// Two regions of different classes are two objects, even where they touch. Numbers go from 1 up in the order of
    /// the regions' first pixels, row by row; the background and pixels that are ignored are 0. One pass over the image
    /// and another over its runs, with a forest of equal numbers between them (Rosenfeld, Pfaltz 1966).
    ///
    /// - Parameter classes: H×W.
    /// - Returns: H×W object numbers, and how many there are.
    public static func label(_ classes: LabelMap) -> (objects: LabelMap, count: Int) {
        let (height, width) = (classes.height, classes.width)
        let objects = LabelMap(height: height, width: width, filledWith: 0)
        let (classes, numbers) = (classes.values.baseAddress!, objects.values.baseAddress!)
        // Of each provisional number one that is equal and not larger; the smallest of a region is its own. A region's
        // smallest provisional number is that of its first pixel.
        var equal: [Int32] = [0]
        func root(_ number: Int32) -> Int32 {
            var number = number
            while equal[Int(number)] != number {
                equal[Int(number)] = equal[Int(equal[Int(number)])]
                number = equal[Int(number)]
            }
            return number
        }
        for y in 0..<height {
            for pixel in y * width..<(y + 1) * width where classes[pixel] > 0 {
                let above = y > 0 && classes[pixel - width] == classes[pixel] ? numbers[pixel - width] : 0
                let left = pixel > y * width && classes[pixel - 1] == classes[pixel] ? numbers[pixel - 1] : 0
                if above > 0, left > 0, above != left {
                    let (a, b) = (root(above), root(left))
                    equal[Int(max(a, b))] = min(a, b)
                    numbers[pixel] = min(a, b)
                } else if max(above, left) > 0 {
                    numbers[pixel] = max(above, left)
                } else {
                    numbers[pixel] = Int32(equal.count)
                    equal.append(Int32(equal.count))
                }
            }
        }
        // Roots come before the numbers that they stand for, so that one sweep gives final numbers.
        var final = [Int32](repeating: 0, count: equal.count)
        var count: Int32 = 0
        for number in 1..<max(equal.count, 1) {
            let origin = root(Int32(number))
            if origin == number {
                count += 1
                final[number] = count
            } else {
                final[number] = final[Int(origin)]
            }
        }
        for pixel in 0..<height * width { numbers[pixel] = final[Int(numbers[pixel])] }
        return (objects, Int(count))
    }
}
