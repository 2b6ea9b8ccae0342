import Foundation
import Support

/// A path with wildcards: `*` stands for any characters of a name, none too, and `?` for one. Neither stands for a `/`, nor
/// for the dot that a hidden file begins with.
///
/// Unlike glob(3), it says what the wildcards stand for. Wildcards side by side are one: `t???.tif` and `t*.tif` can be
/// compared. Where there is a choice, a wildcard stands for as little as it can, the first ones first.
package struct Glob {
    /// A file that matches, and what each wildcard stands for in its path.
    package struct Match {
        package let path: String
        package let parts: [String]
    }

    private enum Token {
        case character(Character)
        /// Stands for `least` characters, or, where it has a `*`, for more too.
        case wildcard(least: Int, isOpen: Bool)

        var isWildcard: Bool { if case .wildcard = self { true } else { false } }
    }

    private let pattern: String
    /// The folder that the search begins in: empty for the working directory.
    private let base: String
    private let components: [[Token]]

    /// Whether a path is meant as a pattern.
    package static func isPattern(_ path: String) -> Bool { path.contains { $0 == "*" || $0 == "?" } }

    package init(_ pattern: String) {
        self.pattern = pattern
        var names = pattern.split(separator: "/")
        let plain = names.prefix { !Self.isPattern(String($0)) }
        names.removeFirst(plain.count)
        base = (pattern.hasPrefix("/") ? "/" : "") + plain.joined(separator: "/")
        components = names.map(Self.tokens)
    }

    /// How many wildcards there are.
    var wildcards: Int { components.reduce(0) { $0 + $1.filter(\.isWildcard).count } }

    private static func tokens(_ name: Substring) -> [Token] {
        name.reduce(into: []) { tokens, character in
            guard character == "*" || character == "?" else { return tokens.append(.character(character)) }
            var (least, isOpen) = (0, false)
            if case .wildcard(let before, let wasOpen) = tokens.last {
                (least, isOpen) = (before, wasOpen)
                tokens.removeLast()
            }
            tokens.append(.wildcard(least: least + (character == "?" ? 1 : 0), isOpen: isOpen || character == "*"))
        }
    }

    // MARK: - Files

    /// The files that match, in the order of their names.
    ///
    /// - Parameters:
    ///   - what: they hold, for errors.
    ///   - resolve: gives the path of the folder that the pattern begins in.
    ///
    /// Throws `Failure.request` where a folder cannot be read or no file matches.
    package func files(of what: String, resolve: (String) -> String) throws -> [Match] {
        var found = [Match(path: resolve(base), parts: [])]
        for (depth, component) in components.enumerated() {
            let isLast = depth == components.count - 1
            found = try found.flatMap { folder in
                try Self.names(in: folder.path, component, of: what).map { name, parts in
                    Match(path: ImageFolder.join(folder.path, name), parts: folder.parts + parts)
                }
            }
            found = found.filter { (isFolder($0.path) == true) == !isLast }
        }
        guard !found.isEmpty else {
            throw Failure.request("\(resolve(pattern)) (\(what)) matches no file: correct the path")
        }
        return found
    }

    /// The names in a folder that match a component, and what its wildcards stand for.
    private static func names(
        in folder: String, _ component: [Token], of what: String
    ) throws -> [(name: String, parts: [String])] {
        guard component.contains(where: \.isWildcard) else {
            let name = String(
                component.compactMap { if case .character(let character) = $0 { character } else { nil } })
            return FileManager.default.fileExists(atPath: ImageFolder.join(folder, name)) ? [(name, [])] : []
        }
        return try ImageFolder.names(in: folder, of: what).compactMap { name in
            if name.hasPrefix("."), component[0].isWildcard { return nil }
            return parts(of: Array(name)[...], component[...]).map { (name, $0) }
        }
    }

    /// What the wildcards stand for; nil where the name does not match.
    private static func parts(of name: ArraySlice<Character>, _ tokens: ArraySlice<Token>) -> [String]? {
        switch tokens.first {
        case nil:
            return name.isEmpty ? [] : nil
        case .character(let character):
            return name.first == character ? parts(of: name.dropFirst(), tokens.dropFirst()) : nil
        case .wildcard(let least, let isOpen):
            guard name.count >= least else { return nil }
            for count in least...(isOpen ? name.count : least) {
                if let rest = parts(of: name.dropFirst(count), tokens.dropFirst()) {
                    return [String(name.prefix(count))] + rest
                }
            }
            return nil
        }
    }
}
