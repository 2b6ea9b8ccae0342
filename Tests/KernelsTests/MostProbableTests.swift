import Kernels
import TestSupport
import Testing

@Suite struct MostProbableTests {
    @Test(
        "the first of the largest is a pixel's class", arguments: [1, 15, 16, 17, 40], [2, 3, 8, 21])
    func classes(width: Int, classes: Int) {
        let tensor = Tensor.random(ImageShape(5, width, classes), key: width, in: 0...1)
        // Ties, and classes of which none is probable.
        for i in 0..<tensor.count { tensor.base[i] = (4 * tensor.base[i]).rounded() / 4 }
        let labels = LabelMap(mostProbable: tensor)
        for y in 0..<5 {
            for x in 0..<width {
                let row = (0..<classes).map { tensor[y, x, $0] }
                #expect(Int(labels[y, x]) == row.firstIndex(of: row.max() ?? 0))
            }
        }
    }

    @Test("the first value that is not a number is found wherever it is", arguments: [1, 15, 16, 33, 100])
    func notANumber(count: Int) {
        let tensor = Tensor.random(ImageShape(1, count, 1), key: count)
        #expect(tensor.firstNaN == nil)
        for place in (0..<count).reversed() {
            tensor.base[place] = .nan
            #expect(tensor.firstNaN == place)
        }
        tensor.values.update(repeating: .infinity)
        #expect(tensor.firstNaN == nil)
    }
}
