import Foundation
import Support

extension SamplePair {
    /// A SHA-256 of what the samples of a run are called, in their order: another one means other images.
    package static func digest(_ train: [SamplePair], _ validation: [SamplePair]) -> String {
        let hash = SHA256()
        for pairs in [train, validation] {
            for pair in pairs { hash.update(Data("\(pair.stem)\n".utf8)) }
            hash.update(Data("\n".utf8))
        }
        return hash.finish().hexadecimal
    }
}
