import Foundation
import Mustache

/// Puts a page together: templates, style and scripts in one file that asks nobody for anything.
struct HTMLPage {
    private let library: MustacheLibrary

    init() throws {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let templates = [
            "page": PackageResources.page_mustache, "run": PackageResources.run_mustache,
            "scores": PackageResources.scores_mustache, "sweep": PackageResources.sweep_mustache,
            "crossvalidation": PackageResources.crossvalidation_mustache,
            "settings": PackageResources.settings_mustache, "commands": PackageResources.commands_mustache,
        ]
        library = MustacheLibrary(templates: try templates.mapValues { try MustacheTemplate(string: text($0)) })
    }

    /// Style and scripts, in the order in which they stand in the page.
    private static let style = String(decoding: PackageResources.report_css, as: UTF8.self)
    private static let scripts = [
        PackageResources.charts_js, PackageResources.gallery_js, PackageResources.sweep_js, PackageResources.report_js,
    ].map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")

    /// The page as one file.
    ///
    /// - Parameter isServed: whether it is to ask the server that sent it for what is new.
    func render(_ page: some Page, isServed: Bool) throws -> Data {
        let live = try page.live
        var context = try page.sections
        context["title"] = shown(live.name)
        context["name"] = shown(live.name)
        context["badge"] = ["word": live.badge.word, "tone": live.badge.tone]
        context["verdict"] = live.verdict
        context["facts"] = live.facts
        context["notes"] = live.notes
        context["style"] = Self.style
        context["scripts"] = Self.scripts
        context["live"] = Self.inScript(try live.json)
        context["connections"] = isServed ? "'self'" : "'none'"
        context["served"] = isServed ? "yes" : "no"
        context["made"] = Date().formatted(.iso8601)
        context["body"] = library.render(context, withTemplate: page.template) ?? ""
        guard let html = library.render(context, withTemplate: "page") else {
            preconditionFailure("no template of the page")
        }
        return Data(html.utf8)
    }

    /// JSON that can stand in a script element, whatever its strings hold: nothing in it ends or begins an element.
    static func inScript(_ json: Data) -> String {
        String(decoding: json, as: UTF8.self).replacingOccurrences(of: "<", with: "\\u003c")
            .replacingOccurrences(of: "\u{2028}", with: "\\u2028").replacingOccurrences(of: "\u{2029}", with: "\\u2029")
    }
}
