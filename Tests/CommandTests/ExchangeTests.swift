import Foundation
import TestSupport
import Testing

extension ProgramTests {
    /// Networks for and from other programs.
    @Suite struct Exchange {
        private func bytes(_ place: Place, _ name: String) throws -> Data {
            try Data(contentsOf: URL(filePath: place.folder.path(name)))
        }

        @Test("export writes what each format is made of, and its weights predict as the run does")
        func export() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml"])
            let onnx = try place.succeed(["export", "runs/cells", "cells.onnx", "--to", "onnx", "--json"]).json
            #expect(onnx["margin"] as? Int == 8 && onnx["smallest_input"] as? Int == 18)
            #expect(onnx["files"] as? [String] == ["cells.onnx"] && onnx["normalize"] as? String == "standardize")
            #expect(try bytes(place, "cells.onnx").range(of: Data("probabilities".utf8)) != nil)

            let package = ["export", "runs/cells", "cells.zip", "--to", "bioimageio"]
            try place.succeed(package + ["--image", "cells/images/cell-0001.png", "--author", "A. Nonymous"])
            let first = try bytes(place, "cells.zip")
            #expect(first.starts(with: Data("PK".utf8)))
            for name in ["rdf.yaml", "weights.onnx", "test_input.npy", "test_output.npy", "cover.png", "README.md"] {
                #expect(first.range(of: Data(name.utf8)) != nil, "\(name)")
            }
            // What is there is replaced, by the same bytes from the same.
            try place.succeed(package + ["--image", "cells/images/cell-0001.png", "--author", "A. Nonymous"])
            #expect(try bytes(place, "cells.zip") == first)

            try place.succeed(["export", "runs/cells", "my-cells.safetensors", "--to", "safetensors"])
            #expect(
                try String(decoding: bytes(place, "my_cells.py"), as: UTF8.self).contains("\"my-cells.safetensors\""))
            let input = ["--input", "cells/images", "--probabilities"]
            try place.succeed(["predict", "runs/cells", "--output", "of-run"] + input)
            let weights = try place.succeed(["predict", "my-cells.safetensors", "--output", "of-weights"] + input)
            #expect(!weights.errors.contains("assumed"))
            for name in ["cell-0001.png", "cell-0001.probability.png"] {
                #expect(try bytes(place, "of-run/\(name)") == bytes(place, "of-weights/\(name)"))
            }
            // An exported file is read back by its names too.
            let again = try place.succeed(["import", "my-cells.safetensors", "again.safetensors", "--json"]).json
            #expect(again["base_channels"] as? Int == 2 && again["folded_normalizations"] as? Int == 0)
        }

        @Test("a request that cannot be met ends with one line and status 2, and nothing is written")
        func refusals() throws {
            let place = try Place()
            try place.succeed(["train", "cells.yaml", "--set", "training.steps=2"])
            let before = try place.contents()
            let checkpoint = "runs/cells/checkpoints/step-00000002.safetensors"
            for (arguments, words) in [
                (["export", "runs/cells", "out.pt", "--to", "onnx"], "ends with .onnx"),
                (["export", "runs/none", "out.onnx", "--to", "onnx"], "runs/none"),
                (["export", "runs/cells", "out.onnx", "--to", "keras"], "keras"),
                (["export", "runs/cells", "out.onnx", "--to", "onnx", "--author", "me"], "--to bioimageio"),
                (["export", "runs/cells", "out.zip", "--to", "bioimageio", "--name", "a/b/c/d"], "--name 'a/b/c/d'"),
                (["export", "runs/cells", checkpoint, "--to", "safetensors"], "is the checkpoint itself"),
                (["import", "cells.yaml", "out.safetensors"], "cells.yaml is no safetensors file"),
                (["import", checkpoint, "out.onnx"], "ends with .safetensors"),
                (["import", checkpoint, "out.safetensors"], "checkpoint of this program already"),
                (["import", checkpoint, "out.safetensors", "--names", "cells.yaml"], "cells.yaml line 1"),
            ] {
                let outcome = try place.run(arguments)
                #expect(outcome.status == 2, "\(arguments)")
                #expect(
                    outcome.errors.hasPrefix("error: ") && outcome.errors.contains(words),
                    "\(arguments): \(outcome.errors)")
            }
            #expect(try place.contents() == before)
            let unwritable = try place.run(["export", "runs/cells", "none/out.onnx", "--to", "onnx"])
            #expect(unwritable.status == 1 && unwritable.errors.contains("none/out.onnx could not be written"))
        }
    }
}
