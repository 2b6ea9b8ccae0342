import Configurations
import Datasets
import Foundation
import Images
import Network
import Optimization
import Support
import Testing

private let minimal = "data: {train: {images: a, labels: b}}\n"

/// What decoding the text fails with; nil where it succeeds.
private func failure(_ yaml: String, _ settings: String...) -> String? {
    do {
        _ = try Configuration.decode(yaml: yaml, name: "a.yaml", settings: settings)
        return nil
    } catch let failure as Failure {
        return failure.kind == .request ? failure.message : "not a request's failure: \(failure)"
    } catch {
        return "not a Failure: \(error)"
    }
}

@Suite struct ConfigurationTests {
    @Test func missingKeysHaveTheDefaultsOfTheInterface() throws {
        let configuration = try Configuration.decode(yaml: minimal, name: "a.yaml")
        #expect(configuration == Configuration(data: .init(train: .files(images: "a", labels: "b"))))
        #expect(configuration.model.architecture == UNetArchitecture())
        #expect(configuration.data.tile == 572 && configuration.data.validation == .none)
        #expect(configuration.optimizer.learningRate == 0.01 && configuration.optimizer.momentum == 0.99)
        #expect(configuration.training.length == .steps(1000) && configuration.training.batch == 4)
        #expect(configuration.run.threads == .count(1) && configuration.run.coordinator == .dedicated)
        #expect(configuration.run.faultTimeout == 30)
    }

    @Test func everyKeyIsRead() throws {
        let yaml = """
            name: all of it
            seed: 7
            model: {input_channels: 3, classes: 3, class_names: [sky, "road, wet", 3], base_channels: 6, depth: 2,
              class_colors: ["#000000", "#ff8000", "#0000FF"], padding: same, skip: add,
              normalization: group, dropout: 0.25}
            data:
              root: /images
              train: {images: "01/t*.png", labels: 01_ST/m*.png}
              validation: {fold: 1, of: 5}
              labels: {palette: ["#000000", "#ff8000", "#0000FF", "#ffffff"]}
              ignore_index: 3
              ignore_color: "#FFFFFF"
              pages: channels
              normalize: unit
              tile: 64
              cache_mb: 10
              loader_threads: 2
              sampling: {foreground: 0.33}
            augmentation: {rotate: 15, flip: horizontal, scale: [0.5, 2], translate: 7, elastic: {grid: 5, sigma: 3},
              grey: {shift: 0.2, scale: 0.3, gamma: 0.4}, noise: 0.05, blur: 1.5}
            loss: {kind: cross_entropy+dice, label_smoothing: 0.25, class_weights: [1, 2, 0.5],
              border: {w0: 4, sigma: 2.5}}
            optimizer: {learning_rate: 1e-3, momentum: 0.5, nesterov: true, weight_decay: 0.0005, clip_norm: 2,
              schedule: {kind: step, every: 10, factor: 0.5, warmup_steps: 5}}
            training: {epochs: 12, batch: 8, shuffle: false, initialize_from: old.safetensors, ema: 0.99, on_nonfinite: skip, freeze: [encoder.0, head]}
            checkpoint: {every: 5, keep: 1, memory: false}
            validation: {every: 7, metric: mean_dice, on: workers, patience: 4}
            run: {threads: auto, coordinator: shared, output: out, engine: openblas, replica_check_every: 9,
              fault_timeout: 12.5, trace: true}
            communication: {overlap: false, host_sums: false, route: halving, bucket_mb: 0.5, compression: bf16}
            """
        let palette = [RGBColor(0, 0, 0), RGBColor(255, 128, 0), RGBColor(0, 0, 255)]
        let expected = Configuration(
            name: "all of it", seed: 7,
            model: .init(
                architecture: UNetArchitecture(
                    inputChannels: 3, classes: 3, baseChannels: 6, depth: 2, padding: .same, skip: .add,
                    normalization: .group,
                    dropout: 0.25),
                classNames: ["sky", "road, wet", "3"], classColors: palette),
            data: .init(
                root: "/images", train: .files(images: "01/t*.png", labels: "01_ST/m*.png"),
                validation: .split(.fold(1, of: 5)), labels: .palette(palette + [RGBColor(255, 255, 255)]),
                ignoreIndex: 3, ignoreColor: RGBColor(255, 255, 255), pages: .channels, normalize: .unit,
                tile: 64, cacheMegabytes: 10, loaderThreads: 2, foregroundShare: 0.33),
            augmentation: Augmentation(
                rotate: 15, flip: .horizontal, scale: 0.5...2, translate: 7, elastic: .init(grid: 5, sigma: 3),
                grey: .init(shift: 0.2, scale: 0.3, gamma: 0.4), noise: 0.05, blur: 1.5),
            loss: .init(
                kind: .crossEntropyAndDice, labelSmoothing: 0.25, classWeights: .list([1, 2, 0.5]),
                border: BorderWeights(w0: 4, sigma: 2.5)),
            optimizer: .init(
                learningRate: 0.001, momentum: 0.5, nesterov: true, weightDecay: 0.0005, clipNorm: 2,
                schedule: LearningRateSchedule(.step(every: 10, factor: 0.5), warmupSteps: 5)),
            training: .init(
                length: .epochs(12), batch: 8, shuffle: false, initializeFrom: "old.safetensors", ema: 0.99,
                onNonFinite: .skip, freeze: ["encoder.0", "head"]),
            checkpoint: .init(every: 5, keep: 1, memory: false),
            validation: .init(every: 7, metric: .meanDice, patience: 4, place: .workers),
            run: .init(
                threads: .automatic, coordinator: .shared, output: "out", engine: .openblas, replicaCheckEvery: 9,
                faultTimeout: 12.5,
                trace: true),
            communication: .init(
                overlap: false, hostSums: false, route: .halving, bucketMegabytes: 0.5, compression: .bf16))
        let configuration = try Configuration.decode(yaml: yaml, name: "a.yaml")
        #expect(configuration == expected)
        #expect(try Configuration.decode(yaml: configuration.yaml, name: "effective") == configuration)
    }

    @Test(arguments: [
        "training: {minutes: 2.5}", "training: {steps: 3}", "data.validation: {images: c, labels: d}",
        "data.validation: {fraction: 0.2}", "data.labels: binary", "data.labels: instances", "data.tile: 0",
        "optimizer.schedule: {kind: polynomial, power: 0.9}", "optimizer.schedule: {kind: cosine, final: 0.01}",
        "optimizer.learning_rate: 1e-05", "optimizer.learning_rate: 0.1234567890123456", "name: \"1e3\"",
        "name: \"null\"", "name: 'it''s: \"so\" # é\\'", "name: \"*a\"", "name: '-'", "name: \"a\\tb\\n\"",
        "name: \"1.\"", "name: 0x1F", "data.root: ~/x", "data.root: 'C: d'", "run.output: './out [1]'",
    ])
    func effectiveConfigurationReadsBackEqual(setting: String) throws {
        let parts = setting.split(separator: ":", maxSplits: 1)
        let configuration = try Configuration.decode(
            yaml: minimal, name: "a.yaml",
            settings: ["\(parts[0])=\(parts[1].dropFirst())"])
        #expect(configuration != (try Configuration.decode(yaml: minimal, name: "a.yaml")))
        #expect(try Configuration.decode(yaml: configuration.yaml, name: "effective") == configuration)
    }

    /// Other programs read the file, and a resume compares it: its text is part of the interface.
    @Test func effectiveConfigurationHasTheSameText() throws {
        let yaml = """
            data: {train: {images: a, labels: b}, labels: binary, tile: 44}
            model: {base_channels: 2, depth: 1, class_names: [sky, "road, wet"]}
            augmentation: {rotate: 15, flip: horizontal, scale: [0.5, 2], elastic: false, grey: {gamma: 0.4}}
            loss: {border: {}, class_weights: [1, 2.5]}
            optimizer: {schedule: {kind: step, every: 10, factor: 1e-05, warmup_steps: 5}}
            training: {minutes: 2.5, freeze: [encoder.0, head]}
            """
        let written = try Configuration.decode(yaml: yaml, name: "a.yaml").yaml
        #expect(
            written == """
                name: run
                seed: 1
                model:
                  input_channels: 1
                  classes: 2
                  class_names: [sky, "road, wet"]
                  class_colors: null
                  base_channels: 2
                  depth: 1
                  padding: valid
                  skip: concatenate
                  normalization: none
                  dropout: 0.5
                data:
                  root: "."
                  train: {images: a, labels: b}
                  validation: null
                  labels: binary
                  ignore_index: null
                  ignore_color: null
                  pages: auto
                  normalize: standardize
                  tile: 44
                  cache_mb: 2048
                  loader_threads: 1
                  sampling: {foreground: 0}
                augmentation:
                  rotate: 15
                  flip: horizontal
                  scale: [0.5, 2]
                  translate: 0
                  elastic: false
                  grey: {shift: 0.1, scale: 0.1, gamma: 0.4}
                  noise: 0
                  blur: 0
                loss:
                  kind: cross_entropy
                  label_smoothing: 0
                  class_weights: [1, 2.5]
                  border: {w0: 10, sigma: 5}
                optimizer:
                  learning_rate: 0.01
                  momentum: 0.99
                  nesterov: false
                  weight_decay: 0
                  clip_norm: 0
                  schedule: {kind: step, every: 10, factor: 1.0e-05, warmup_steps: 5}
                training:
                  minutes: 2.5
                  batch: 4
                  shuffle: true
                  initialize_from: null
                  freeze: [encoder.0, head]
                  ema: 0
                  on_nonfinite: stop
                checkpoint: {every: 100, keep: 3, memory: true}
                validation:
                  every: 100
                  metric: iou
                  on: coordinator
                  patience: 0
                run:
                  threads: 1
                  coordinator: dedicated
                  output: runs
                  engine: native
                  replica_check_every: 100
                  audit: 0
                  fault_timeout: 30
                  trace: false
                communication:
                  overlap: true
                  host_sums: true
                  route: automatic
                  bucket_mb: 16
                  compression: none

                """)
    }

    @Test func settingsOverride() throws {
        let yaml = """
            data: {train: {images: a, labels: b}, validation: {images: c, labels: d}, labels: index}
            optimizer: {schedule: {kind: step, every: 5, factor: 0.5, warmup_steps: 3}}
            training: {minutes: 10}
            """
        let configuration = try Configuration.decode(
            yaml: yaml, name: "a.yaml",
            settings: [
                "training.steps=50", "data.validation.fraction=0.2", "optimizer.schedule.kind=cosine",
                "model.classes=2", "data.labels.palette=[\"#000000\", \"#ffffff\"]", "seed=3", "seed=4",
                "data.train={images: e, labels: f}", "name=a=b",
            ])
        #expect(configuration.training.length == .steps(50))
        #expect(configuration.data.validation == .split(.fraction(0.2)))
        #expect(configuration.optimizer.schedule == LearningRateSchedule(.cosine(final: 0), warmupSteps: 3))
        #expect(configuration.data.labels == .palette([RGBColor(0, 0, 0), RGBColor(255, 255, 255)]))
        #expect(configuration.seed == 4 && configuration.name == "a=b")
        #expect(configuration.data.train == .files(images: "e", labels: "f"))
    }

    @Test func samplesOfAList() throws {
        let yaml = "data: {train: {list: sets/train.csv}, validation: {list: \"a, b.csv\"}}\n"
        let configuration = try Configuration.decode(yaml: yaml, name: "a.yaml")
        #expect(configuration.data.train == .list("sets/train.csv"))
        #expect(configuration.data.validation == .samples(.list("a, b.csv")))
        #expect(try Configuration.decode(yaml: configuration.yaml, name: "b.yaml") == configuration)
        // A setting of the other kind takes the place of the file's.
        let other = try Configuration.decode(
            yaml: yaml, name: "a.yaml",
            settings: [
                "data.train={images: '0*/t*.tif', labels: '0*_ST/SEG/man_seg*.tif'}", "data.validation.fold=1",
                "data.validation.of=3",
            ])
        #expect(other.data.train == .files(images: "0*/t*.tif", labels: "0*_ST/SEG/man_seg*.tif"))
        #expect(other.data.validation == .split(.fold(1, of: 3)))
        #expect(try Configuration.decode(yaml: other.yaml, name: "b.yaml") == other)
        #expect(
            try Configuration.decode(yaml: minimal, name: "a.yaml", settings: ["data.train.list=c.csv"]).data.train
                == .list("c.csv"))
    }

    @Test func pathsStartAtTheRoot() {
        var data = Configuration.Data(train: .files(images: "a", labels: "b"))
        #expect(data.resolve("x") == "x")
        data.root = "data/set"
        #expect(data.resolve("x") == "data/set/x" && data.resolve("/x") == "/x")
    }
}

@Suite struct ConfigurationErrorTests {
    @Test(arguments: [
        (
            "optimizer: {learning_rat: 1}",
            "a.yaml line 2: unknown key 'optimizer.learning_rat': did you mean 'optimizer.learning_rate'?"
        ),
        ("learning_rate: 1", "a.yaml line 2: unknown key 'learning_rate': did you mean 'optimizer.learning_rate'?"),
        (
            "optimizer.momentum: 0.9",
            "a.yaml line 2: unknown key 'optimizer.momentum' in one word: write 'momentum' below 'optimizer'"
        ),
        ("optimizer: {}\noptimiser: {}", "a.yaml line 3: unknown key 'optimiser': did you mean 'optimizer'?"),
        ("optimizer: {momentum: fast}", "a.yaml line 2: optimizer.momentum must be a number, not 'fast'"),
        ("optimizer: {momentum: \"0.9\"}", "a.yaml line 2: optimizer.momentum must be a number, not the text \"0.9\""),
        ("optimizer: {momentum: .nan}", "a.yaml line 2: optimizer.momentum must be a number, not '.nan'"),
        ("optimizer:\n  momentum: 1", "a.yaml line 3: optimizer.momentum must be at least 0 and less than 1, not 1"),
        (
            "optimizer: 3",
            "a.yaml line 2: optimizer must be a section with the keys learning_rate, momentum, nesterov, weight_decay, clip_norm, schedule, not '3'"
        ),
        ("training: {batch: 1.5}", "a.yaml line 2: training.batch must be a whole number, not '1.5'"),
        ("training: {batch: 0}", "a.yaml line 2: training.batch must be 1 to 1048576, not 0"),
        ("training: {shuffle: yes}", "a.yaml line 2: training.shuffle must be true or false, not 'yes'"),
        (
            "training: {steps: 1, minutes: 2}",
            "a.yaml line 2: training.minutes and training.steps exclude each other: give one of them"
        ),
        ("model: {padding: full}", "a.yaml line 2: model.padding must be valid or same, not 'full'"),
        ("model: {classes: 1}", "a.yaml line 2: model.classes must be 2 to 65536, not 1"),
        ("model: {dropout: 1}", "a.yaml line 2: model.dropout must be at least 0 and less than 1, not 1"),
        (
            "model:\n  class_names: [a]",
            "a.yaml line 3: model.class_names lists 1 for model.classes 2: list one a class"
        ),
        (
            "model: {class_colors: [red]}",
            "a.yaml line 2: model.class_colors must hold colours such as \"#FF8000\" in quotes, not 'red'"
        ),
        ("run: {threads: some}", "a.yaml line 2: run.threads must be a whole number or auto, not 'some'"),
        ("run: {threads: 0}", "a.yaml line 2: run.threads must be 1 to 1024, not 0"),
        ("run: {fault_timeout: -1}", "a.yaml line 2: run.fault_timeout must be 0 to 1000000 seconds, not -1"),
        (
            "training: {minutes: 1e300}",
            "a.yaml line 2: training.minutes must be more than 0 and at most 100000000, not 1.0e+300"
        ),
        ("run: {fault_timeout: never}", "a.yaml line 2: run.fault_timeout must be a number, not 'never'"),
        (
            "model: {classes: 3}\nvalidation: {metric: v_rand}",
            "a.yaml line 3: validation.metric v_rand is a score of two classes, not of 3: use mean_iou"
        ),
        ("validation: {on: all}", "a.yaml line 2: validation.on must be coordinator or workers, not 'all'"),
        ("name: a/b", "a.yaml line 2: name must be a folder's name without '/', not 'a/b'"),
        ("seed: -1", "a.yaml line 2: seed must be 0 or more, not -1"),
        (
            "optimizer: {schedule: {kind: cosine, power: 2}}",
            "a.yaml line 2: optimizer.schedule.power has no meaning in a schedule of kind cosine: remove it or change the kind"
        ),
        ("name: x\nname: y", "a.yaml line 3: key 'name' is given twice (a.yaml line 2 too): keep one of the two"),
        (
            "optimizer:\n  momentum: 0\n  nesterov: false\n  momentum: 0.5",
            "a.yaml line 5: key 'optimizer.momentum' is given twice (a.yaml line 3 too): keep one of the two"
        ),
        (
            "optimizer:\n\tmomentum: 0",
            "a.yaml line 3: not YAML: found character that cannot start any token: indent with spaces, not tabs"
        ),
        ("optimizer: [", "a.yaml line 3: not YAML: did not find expected node content"),
    ])
    func wrongInputIsNamedWithItsLine(lines: String, message: String) {
        #expect(failure(minimal + lines + "\n") == message)
    }

    @Test func wholeImagesAreNotSampled() {
        #expect(
            failure(minimal, "data.tile=0", "data.sampling.foreground=0.5")
                == "--set data.sampling.foreground=0.5: data.sampling.foreground says where tiles are drawn, and data.tile: 0 trains on whole images: set one of them to another value"
        )
    }

    @Test("an engine that was measured and left out is refused by its name, with the figures")
    func bfloat16() throws {
        let problem = try #require(failure(minimal + "run: {engine: native-bf16}\n"))
        #expect(problem.hasPrefix("a.yaml line 2: run.engine native-bf16 is not offered: "))
        #expect(problem.contains("0.8 of native's time") && !problem.contains("\n"))
        #expect(failure(minimal + "run: {engine: bf16}\n")?.hasSuffix("must be native or openblas, not 'bf16'") == true)
    }

    @Test(arguments: [
        ("model: {skip: added}", "model.skip must be concatenate, add or none, not 'added'"),
        ("model: {normalization: batch}", "model.normalization must be none or group, not 'batch'"),
    ])
    func wordsAreOnesOfAFew(lines: String, problem: String) {
        #expect(failure(minimal + lines + "\n") == "a.yaml line 2: \(problem)")
    }

    @Test(arguments: [
        ("optimizer.learning_rat=1", "unknown key 'optimizer.learning_rat': did you mean 'optimizer.learning_rate'?"),
        ("optimizer.learning_rate=0", "optimizer.learning_rate must be more than 0, not 0"),
        ("loss.kind=focal", "loss.kind must be cross_entropy, dice or cross_entropy+dice, not 'focal'"),
        ("loss.label_smoothing=1", "loss.label_smoothing must be at least 0 and less than 1, not 1"),
        (
            "loss={kind: dice, label_smoothing: 0.1}",
            "loss.label_smoothing is the cross-entropy's, and loss.kind is dice: remove it, or use cross_entropy+dice"
        ),
        ("validation.patience=-1", "validation.patience must be 0 or more, not -1"),
        (
            "validation.patience=2",
            "validation.patience waits for a better validation, and there is none: set data.validation"
        ),
        ("training.ema=1", "training.ema is a decay, at least 0 and less than 1, not 1"),
        (
            "training.freeze=[head, encodr.1]",
            "training.freeze names no layer of the network with 'encodr.1': did you mean 'encoder.1'?"
        ),
        (
            "training.freeze=[encoder.5]",
            "training.freeze names no layer of the network with 'encoder.5': did you mean 'encoder.0'?"
        ),
        (
            "training.freeze=[encoder, decoder, head]",
            "training.freeze leaves nothing to train: take a layer out of the list"
        ),
        ("data.tile=570", "data.tile 570 is no legal input size at depth 4 with padding valid: use 556 or 572"),
        ("data.validation.fraction=1", "data.validation.fraction must be more than 0 and less than 1, not 1"),
        ("data.validation={fold: 5, of: 5}", "data.validation.fold must be 0 to 4, not 5"),
        (
            "data.validation={fold: 5}",
            "data.validation must be {images: …, labels: …}, {list: …}, {fraction: 0.2} or {fold: 0, of: 5}"
        ),
        (
            "data.labels={palette: [\"#000000\"]}",
            "data.labels.palette lists 1 for model.classes 2: list one colour a class"
        ),
        (
            "data.labels=masks",
            "data.labels must be index, binary, instances or {palette: [\"#000000\", …]}, not 'masks'"
        ),
        ("data.labels={colors: []}", "unknown key 'data.labels.colors': did you mean 'data.labels.palette'?"),
        ("data.train={images: a}", "data.train.labels is missing: name the folder of the labels"),
        (
            "data.train={list: c, labels: b}",
            "data.train.list and data.train.labels exclude each other: give the list or images and labels"
        ),
        ("data.train={lst: c}", "unknown key 'data.train.lst': did you mean 'data.train.list'?"),
        ("data.train.list=''", "data.train.list must be a CSV file, not empty"),
        (
            "data.validation={images: '**/a', labels: b}",
            "data.validation.images '**/a' has **: a wildcard stays within a name, so write one * for each folder"
        ),
        (
            "data.validation={list: a, fraction: 0.2}",
            "data.validation must be {images: …, labels: …}, {list: …}, {fraction: 0.2} or {fold: 0, of: 5}"
        ),
        ("seed", "expected KEY=VALUE with a dotted key, as in --set optimizer.learning_rate=0.01"),
        ("seed=[", "the value is not YAML: did not find expected node content"),
    ])
    func settingsAreNamed(setting: String, problem: String) {
        let place = setting == "data.train={images: a}" ? "a.yaml" : "--set \(setting)"
        #expect(failure(minimal, setting) == "\(place): \(problem)")
    }

    @Test func checksAcrossKeysNameThePlaceOfOne() {
        #expect(
            failure(minimal, "data.train.images=t*.tif")
                == "a.yaml line 1: data.train.labels 'b' and images 't*.tif' have 0 and 1 wildcards: they pair by what the "
                + "wildcards stand for, so give both as many")
        #expect(
            failure(minimal + "model: {classes: 3}", "data.labels=binary")
                == "--set data.labels=binary: data.labels binary means 2 classes, but model.classes is 3: "
                + "set model.classes to 2 or use index")
        #expect(
            failure(minimal + "model: {depth: 6}")
                == "a.yaml: data.tile 572 is no legal input size at depth 6 with padding valid: use 764")
    }

    @Test("a colour to ignore is a palette's, and contradicts neither classes nor ignore_index")
    func ignoredColors() {
        func problem(_ color: String, _ settings: String...) -> String? {
            let palette = "data.labels={palette: [\"#000000\", \"#ffffff\", \"#ff0000\"]}"
            let setting = "data.ignore_color=\"\(color)\""
            let all = [palette, "model.classes=3"] + settings + [setting]
            do {
                _ = try Configuration.decode(yaml: minimal, name: "a.yaml", settings: all)
                return nil
            } catch {
                return "\(error)".replacingOccurrences(of: "--set \(setting): data.ignore_color ", with: "")
            }
        }
        #expect(problem("#00ff00") == nil)
        #expect(problem("#ff0000", "model.classes=2") == nil)
        #expect(problem("#ff0000", "model.classes=2", "data.ignore_index=2") == nil)
        #expect(
            problem("#ff0000")
                == "#ff0000 is the colour of class 2 too, which then has no pixel: take it out of one of them")
        #expect(
            problem("#00ff00", "data.ignore_index=2")
                == "and data.ignore_index 2 name two colours: give one of the keys")
        #expect(problem("green") == "must be a colour such as \"#FF8000\" in quotes, not the text \"green\"")
        for labels in ["index", "binary", "instances"] {
            #expect(
                problem("#00ff00", "data.labels=\(labels)", "model.classes=2")
                    == "is for data.labels: {palette: …}, not \(labels): use data.ignore_index for a value of the labels"
            )
        }
    }

    @Test func whatIsNoConfigurationIsRefused() {
        #expect(failure("") == "a.yaml: data.train is missing: add train: {images: FOLDER, labels: FOLDER} to data")
        #expect(failure("[1, 2]")?.hasPrefix("a.yaml line 1: expected the keys name, seed, model") == true)
        #expect(failure("just words")?.hasSuffix("communication, not 'just words'") == true)
        #expect(failure("data: {trian: {images: a, labels: b}}")?.hasSuffix("did you mean 'data.train'?") == true)
    }

    /// A key that is known but never looked at would be ignored without a word.
    /// Left out are keys that an error speaks of only by what is missing beside them.
    @Test(
        arguments: Configuration.everyKey.filter {
            !["data.validation.images", "data.validation.labels", "data.validation.of"].contains($0)
        })
    func noKeyIsIgnored(key: String) {
        let message = failure(minimal, "\(key)=[[x]]") ?? "nothing is wrong with it"
        #expect(message.hasPrefix("--set \(key)=[[x]]: \(key)"))
        #expect(!message.contains("\n"))
    }

    @Test func filesAreChecked() throws {
        let folder = NSTemporaryDirectory() + "lockstep-configuration-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let binary = folder + "/image.png"
        try Data([0x89, 0x50, 0xFF, 0xFE]).write(to: URL(fileURLWithPath: binary))
        let cases = [
            (folder + "/none.yaml", "no such file: check the path of the configuration"),
            (folder, "is a folder, and only a file can be read: give the path of a file"),
            (binary, "is not text in UTF-8: give the path of a YAML file"),
        ]
        for (path, problem) in cases {
            #expect(throws: Failure.request("\(path): \(problem)")) { try Configuration.load(path: path) }
        }
        let good = folder + "/good.yaml"
        try minimal.replacingOccurrences(of: "\n", with: "\r\n").write(toFile: good, atomically: true, encoding: .utf8)
        #expect(try Configuration.load(path: good, settings: ["name=x"]).name == "x")
    }
}
