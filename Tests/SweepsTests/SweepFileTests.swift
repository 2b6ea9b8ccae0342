import Foundation
import Support
import Sweeps
import Testing

private func sweep(_ lines: String) throws -> SweepFile {
    try SweepFile.decode(yaml: "name: s\nbase: ../base.yaml\n\(lines)\n", path: "configs/sweeps/s.yaml")
}

private func values(_ file: SweepFile) throws -> [[String]] { try file.trials().map { $0.settings.map(\.value) } }

@Suite struct SweepFileTests {
    @Test func theInterfacesExample() throws {
        let file = try sweep(
            """
            set: {training.steps: 500, data.validation: {fraction: 0.2}}
            parameters:
              optimizer.momentum: [0.9, 0.99]
              optimizer.learning_rate: {log: [0.001, 0.1], count: 5}
            strategy: grid
            objective: {metric: iou, direction: maximize}
            workers: 2
            parallel: 1
            retries: 1
            """)
        #expect(file.base == "configs/base.yaml")
        #expect(file.settings.map(\.text) == ["training.steps=500", "data.validation={fraction: 0.2}"])
        #expect(file.objective.direction == .maximize && file.workers == 2 && file.retries == 1)
        let rates = ["0.001", "0.00316228", "0.01", "0.0316228", "0.1"]
        #expect(try values(file) == ["0.9", "0.99"].flatMap { momentum in rates.map { [momentum, $0] } })
        #expect(try file.trials()[9].name == "trial-0010")
        #expect(try file.trials()[1].settings[1].text == "optimizer.learning_rate=0.00316228")
    }

    @Test func gridsIncludeBothEnds() throws {
        let file = try sweep("parameters: {model.dropout: {linear: [0, 0.75], count: 4}}")
        #expect(try values(file) == [["0"], ["0.25"], ["0.5"], ["0.75"]])
        let odd = try sweep("parameters: {optimizer.learning_rate: {log: [0.000123456789, 0.3], count: 2}}")
        #expect(try values(odd) == [["0.000123456789"], ["0.3"]])
    }

    @Test func lowerIsBetterForErrorsByDefault() throws {
        let file = try sweep("parameters: {model.dropout: [0]}\nobjective: {metric: pixel_error}")
        #expect(file.objective.direction == .minimize)
        #expect(file.objective.isBetter(0.1, than: 0.2) && !file.objective.isBetter(0.2, than: 0.2))
    }

    @Test func randomDrawsAreAFunctionOfTheSeed() throws {
        func drawn(_ trials: Int, seed: Int) throws -> [[String]] {
            try values(
                try sweep(
                    """
                    parameters:
                      optimizer.learning_rate: {log: [0.001, 0.1]}
                      model.dropout: {linear: [0.2, 0.4]}
                      optimizer.momentum: {linear: [0, 0.9], count: 4}
                      data.labels: [binary, instances]
                    strategy: {random: {trials: \(trials), seed: \(seed)}}
                    """))
        }
        let many = try drawn(200, seed: 3)
        #expect(try drawn(200, seed: 3) == many)
        #expect(try drawn(20, seed: 3) == Array(many[..<20]))
        #expect(try drawn(200, seed: 4) != many)
        let rates = many.compactMap { Double($0[0]) }
        let dropouts = many.compactMap { Double($0[1]) }
        #expect(rates.allSatisfy { (0.001...0.1).contains($0) } && dropouts.allSatisfy { (0.2...0.4).contains($0) })
        #expect((70...130).contains(rates.count { $0 < 0.01 }))
        #expect(Set(many.map { $0[2] }) == ["0", "0.3", "0.6", "0.9"] && Set(many.map { $0[3] }).count == 2)
    }

    @Test func aCostlyObjectiveIsMeasuredByEveryTrial() throws {
        let parameters = "parameters: {seed: [1, 2]}"
        #expect(try sweep("objective: {metric: dice}\n\(parameters)").settings == [])
        let file = try sweep("objective: {metric: voi}\n\(parameters)")
        #expect(file.settings.map(\.text) == ["validation.metric=voi"])
        #expect(file.objective.direction == .minimize)
        let own = try sweep("set: {validation.metric: seg}\nobjective: {metric: ap}\n\(parameters)")
        #expect(own.settings.map(\.text) == ["validation.metric=seg"])
    }

    @Test("more combinations than could be tried, or even counted, are refused at once; many draws take no time")
    func manyTrials() throws {
        let keys = [
            "seed", "model.depth", "model.dropout", "optimizer.momentum", "optimizer.learning_rate",
            "optimizer.weight_decay",
            "optimizer.clip_norm", "training.batch", "training.steps", "data.tile", "data.cache_mb", "training.ema",
        ]
        let watch = ContinuousClock()
        let start = watch.now
        for count in [10, 9999] {
            let ranges = keys.map { "\($0): {linear: [1, 9], count: \(count)}" }.joined(separator: ", ")
            let failure = #expect(throws: Failure.self) { try sweep("parameters: {\(ranges)}") }
            #expect(failure?.message.contains("more than 9999 trials") == true)
            let drawn = try sweep("strategy: {random: {trials: 9999, seed: 1}}\nparameters: {\(ranges)}")
            #expect(try drawn.trials().count == 9999)
        }
        for (key, value) in [("workers", Int.max), ("retries", -1), ("workers", Int.min)] {
            let file = try? sweep("\(key): \(value)\nparameters: {seed: [1]}")
            #expect(file == nil || key == "workers" && value == .max)
        }
        #expect(watch.now - start < .seconds(10))
    }

    @Test(arguments: [
        ("parameter: {}", "line 3: unknown key 'parameter': did you mean 'parameters'?"),
        ("workers: 2", ": parameters is missing: name the values to try"),
        ("parameters: {}", "line 3: parameters is empty: give at least one key to vary"),
        (
            "parameters:\n  optimizer.momentun: [0]",
            "line 4: parameters has the unknown key 'optimizer.momentun': did you mean 'optimizer.momentum'?"
        ),
        (
            "parameters: {seed: 3}",
            "line 3: parameters.seed must be a list of values, {log: [a, b], count: n} or {linear: [a, b], count: n}, "
                + "not '3'"
        ),
        ("parameters: {seed: []}", "line 3: parameters.seed is an empty list: give at least one value"),
        (
            "parameters: {seed: {log: [1, 2]}}",
            "line 3: parameters.seed needs a count where all combinations are tried: add count: 5"
        ),
        (
            "parameters: {seed: {log: [0, 2], count: 3}}",
            "line 3: parameters.seed divides into equal ratios: both ends of log must be more than 0"
        ),
        (
            "parameters: {seed: {linear: [2, 1], count: 3}}",
            "line 3: parameters.seed needs two numbers, the smaller first: {linear: [a, b]}"
        ),
        (
            "parameters: {seed: {linear: [1, 2], count: 1}}",
            "line 3: parameters.seed has the count '1': it must be a whole number, 2 to 9999"
        ),
        (
            "parameters: {seed: {linear: [1, 2], count: 999}, model.dropout: {linear: [0, 1], count: 99}}",
            "line 3: parameters make more than 9999 trials: try fewer values"
        ),
        (
            "strategy: {successive_halving: {trials: 27, eta: 1, minimum_steps: 100}}\nparameters: {seed: [1]}",
            "line 3: strategy.successive_halving.eta must be 2 to 9999, not 1"
        ),
        (
            "strategy: {successive_halving: {eta: 3}}\nparameters: {seed: [1]}",
            ": strategy.successive_halving.minimum_steps is missing: say at which step the first trials end"
        ),
        (
            "strategy: {successive_halving: {minimum_steps: 3}}\nparameters: {seed: {log: [1, 2]}}",
            "line 4: parameters.seed needs a count where all combinations are tried: add count: 5"
        ),
        (
            "strategy: {random: {trials: 2}, successive_halving: {minimum_steps: 3}}\nparameters: {seed: [1]}",
            "line 3: strategy names 2 strategies: keep one"
        ),
        (
            "constraints: seed > 1\nparameters: {seed: [1]}",
            "line 3: constraints must be a list such as [\"model.base_channels * training.batch <= 64\"], not 'seed > 1'"
        ),
        (
            "constraints: [\"model.base_channel < 3\"]\nparameters: {seed: [1]}",
            "line 3: constraint 'model.base_channel < 3': 'model.base_channel' at character 1 is no key of the configuration: "
                + "did you mean 'model.base_channels'?"
        ),
        (
            "strategy: all\nparameters: {seed: [1]}",
            "line 3: strategy must be grid, {random: {trials: 20, seed: 1}} or {successive_halving: {trials: 27, eta: 3, "
                + "minimum_steps: 100}}, not 'all'"
        ),
        (
            "strategy: {random: {seed: 1}}\nparameters: {seed: [1]}",
            ": strategy.random.trials is missing: say how many trials to draw"
        ),
        ("parallel: 0\nparameters: {seed: [1]}", "line 3: parallel must be 1 to 999, not 0"),
        ("workers: 0\nparameters: {seed: [1]}", "line 3: workers must be 1 or more, not 0"),
        ("name: t\nparameters: {seed: [1]}", "line 3: key 'name' is given twice"),
        (
            "objective: {metric: loss}\nparameters: {seed: [1]}",
            "line 3: objective.metric must be iou, dice, accuracy, pixel_error, mean_iou, mean_dice, "
        ),
    ])
    func wrongFilesAreNamedWithTheirLine(lines: String, message: String) {
        let place = "configs/sweeps/s.yaml" + (message.hasPrefix(":") ? "" : " ")
        do {
            _ = try sweep(lines)
            Issue.record("nothing is wrong with it")
        } catch {
            #expect("\(error)".hasPrefix(place + message))
            #expect((error as? Failure)?.kind == .request)
        }
    }
}
