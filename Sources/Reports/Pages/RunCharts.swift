import Metrics

/// The charts of a run.
package struct RunCharts {
    private let history: RunHistory
    private let metric: SegmentationMetric

    package init(_ history: RunHistory, metric: SegmentationMetric) {
        (self.history, self.metric) = (history, metric)
    }

    package var all: [Chart] { [loss, scores, learningRate, gradientNorm, speed].compactMap(\.self) }

    private var mark: Chart.Mark? { history.best.map { Chart.Mark(x: $0.step, label: "best") } }

    private func curve(_ name: String, _ value: (RunHistory.Step) -> Double) -> Curve? {
        let values = history.steps.map(value)
        guard values.contains(where: \.isFinite) else { return nil }
        return Curve(name, x: history.steps.map(\.step), y: values)
    }

    private func dots(_ name: String, _ value: (RunHistory.Validation) -> Double?) -> Curve? {
        let found = history.validations.compactMap { one in value(one).map { (one.step, $0) } }
        return found.isEmpty ? nil : Curve(name, .dots, x: found.map(\.0), y: found.map(\.1))
    }

    private var loss: Chart? {
        let curves = [curve("training", \.loss), dots("validation (cross-entropy)", \.loss)].compactMap(\.self)
        guard !curves.isEmpty else { return nil }
        return Chart(
            id: "loss", title: "Loss", curves: curves, mark: mark,
            gaps: Array(history.lostSteps.prefix(1000)))
    }

    private var scores: Chart? {
        // What people look at first, and what they may add.
        let usual: [SegmentationMetric] = [.iou, .dice]
        let all: [SegmentationMetric] = [
            metric, .iou, .dice, .meanIoU, .accuracy, .seg, .ap, .ap50, .f1At50, .adaptedRandError, .voi, .vRand,
            .vInfo,
            .pixelError,
        ]
        var seen: Set<SegmentationMetric> = []
        let curves = all.filter { seen.insert($0).inserted }.compactMap { one -> Curve? in
            guard var curve = dots(one.title, { $0.scores[one.rawValue] }) else { return nil }
            curve.isShown = one == metric || usual.contains(one)
            return curve
        }
        guard !curves.isEmpty else { return nil }
        return Chart(id: "scores", title: "Validation scores", curves: curves, mark: mark)
    }

    private var learningRate: Chart? {
        curve("learning rate", \.learningRate).map {
            Chart(id: "rate", title: "Learning rate", curves: [$0], isExact: true)
        }
    }

    private var gradientNorm: Chart? {
        curve("gradient norm", \.gradientNorm).map {
            Chart(id: "norm", title: "Gradient norm", curves: [$0], isLogarithmic: true)
        }
    }

    private var speed: Chart? {
        curve("images a second", \.imagesPerSecond).map { Chart(id: "speed", title: "Images a second", curves: [$0]) }
    }
}
