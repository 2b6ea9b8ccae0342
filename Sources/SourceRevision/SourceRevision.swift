import Foundation
import PackagePlugin

/// Writes the checkout's commit into the program before each build.
@main struct SourceRevision: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let folder = context.pluginWorkDirectoryURL
        let script = """
            revision=$(git -C "$1" rev-parse --short=12 HEAD 2>/dev/null) || revision=unknown
            [ "$revision" = unknown ] || [ -z "$(git -C "$1" status --porcelain -uno 2>/dev/null)" ] || revision=$revision+
            line="let sourceRevision = \\"$revision\\""
            [ "$(cat "$2/Revision.swift" 2>/dev/null)" = "$line" ] || echo "$line" > "$2/Revision.swift"
            """
        return [
            .prebuildCommand(
                displayName: "Asking git for the source revision", executable: URL(fileURLWithPath: "/bin/sh"),
                arguments: ["-c", script, "sh", context.package.directoryURL.path, folder.path],
                outputFilesDirectory: folder)
        ]
    }
}
