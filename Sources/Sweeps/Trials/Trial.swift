import Configurations

/// One of several trainings that differ in some settings: a sweep's trial, a cross-validation's fold.
package struct Trial: Sendable, Equatable {
    /// Its place among the others, from 0.
    package let index: Int
    /// Its folder's name, such as `trial-0001`.
    package let name: String
    /// What it has in place of the others' values, in a fixed order.
    package let settings: [Setting]

    /// One key with its value as YAML in one line.
    package struct Setting: Sendable, Equatable {
        package var key: String
        package var value: String

        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }

        /// As `--set` takes it.
        package var text: String { "\(key)=\(value)" }
    }
}

/// What to train, and how.
package struct TrialPlan: Sendable {
    /// What messages call all of it: "sweep NAME".
    let title: String
    /// What messages call each of its trainings: "trial".
    let noun: String
    let trials: [Trial]
    /// Of each trial, as it is trained.
    let configurations: [Configuration]
    /// The configuration's file that every trial starts from.
    let base: String
    /// What all trials have in place of the base's values.
    let settings: [Trial.Setting]
    let schedule: TrialSchedule
    let objective: TrialObjective
    /// Workers of each trial; a dedicated coordinator comes on top.
    let workers: Int
    /// How often a trial that fails is started again.
    let retries: Int
}
