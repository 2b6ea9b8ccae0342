import Kernels

extension ConfigurationCodec<Engine.Kind> {
    /// native | openblas. native-bf16, products in bfloat16, is refused by name with what was measured of it.
    static var engine: Self {
        let word = Self.word
        return Self(
            word.type,
            read: { section, key in
                if case .scalar("native-bf16", _)? = section.node(key)?.content {
                    throw section.failure(key, "native-bf16 \(bfloat16)")
                }
                return try word.read(section, key)
            }, write: word.write)
    }

    /// A sentence's end.
    private static var bfloat16: String {
        "is not offered: with the products of an EPYC 9004 in bfloat16, direct or by F(2×2) as is best for each layer, a "
            + "prediction would take at least 0.8 of native's time, for errors of 0.4 % a layer, and by F(4×4) 0.6 for 0.7 %; use "
            + "native"
    }
}
