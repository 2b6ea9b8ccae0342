import Configurations
import Foundation
import Testing
import Training

@Suite struct SampleTaskTests {
    @Test("configs/sample.yaml is the built-in sample task")
    func sameAsTheFile() throws {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        var file = try Configuration.load(path: root.appendingPathComponent("configs/sample.yaml").path, settings: [])
        let task = try SampleTask.configuration(settings: [], output: nil)
        #expect(task.data.root == "runs/sample-data")
        file.name = task.name
        #expect(file == task)
    }
}
