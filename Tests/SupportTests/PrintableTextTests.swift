import Foundation
import Support
import Testing

/// Names from outside on their way to a terminal.
@Suite struct PrintableTextTests {
    @Test(
        "what a terminal would obey is shown",
        arguments: [
            ("a\u{1B}[2Jb", "a\\u{1B}[2Jb"), ("a\rb", "a\\u{D}b"), ("a\nb\tc", "a\\u{A}b\\u{9}c"), ("\u{7}", "\\u{7}"),
            // One character by CSI, an OSC that sets the title, DEL, and text that reads the other way round.
            ("\u{9B}31m", "\\u{9B}31m"), ("\u{9D}0;x\u{9C}", "\\u{9D}0;x\\u{9C}"), ("\u{7F}", "\\u{7F}"),
            ("gpj.\u{202E}exe", "gpj.\\u{202E}exe"), ("\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}"),
            ("a\u{2028}b", "a\\u{2028}b"), ("a\r\nb", "a\\u{D}\\u{A}b"),
        ]) func controls(text: String, shown: String)
    {
        #expect(text.printable() == shown)
    }

    @Test(
        "names in any language stay as they are",
        arguments: ["", "cell-0003.png", "Zürich/été", "細胞", "חלב", "👩‍🔬", "e\u{301}", "a b\u{A0}c"])
    func names(text: String) {
        #expect(text.printable() == text && text.printable(keepingLines: true) == text && text.printableJSON == text)
    }

    @Test func aTableKeepsItsLines() {
        #expect("a\tb\nc\u{1B}".printable(keepingLines: true) == "a\tb\nc\\u{1B}")
    }

    @Test func aFailureIsOneLine() {
        let failure = Failure.request("'a\nb' is no key").at("rank 2 on n\u{1B}")
        #expect(failure.message == "'a\\u{A}b' is no key (rank 2 on n\\u{1B})")
    }

    @Test func aJSONDocumentSaysTheSame() throws {
        let names = ["a\u{9B}31m", "b\u{202E}c", "\u{7F}", "d\u{1B}e\n"]
        let text = String(decoding: try JSONEncoder().encode(names), as: UTF8.self)
        let shown = text.printableJSON
        #expect(shown != text && shown.printable() == shown)
        #expect(try JSONDecoder().decode([String].self, from: Data(shown.utf8)) == names)
    }
}
