extension String {
    /// The text as one word of a shell's command line, in quotes where it needs them.
    package var shellWord: String {
        let plain = "/._-+=:,@%^~"
        let isPlain =
            !isEmpty && first != "~"
            && unicodeScalars.allSatisfy {
                ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
                    || plain.unicodeScalars.contains($0)
            }
        return isPlain
            ? self : "'" + split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
