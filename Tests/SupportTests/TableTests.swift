import Support
import Testing

@Suite struct TableTests {
    @Test func columnsAreAsWideAsTheirWidestCells() {
        let rows = [["name", "step", "loss"], ["a", "10", "0.5"], ["wide one", "9"], ["b", "", ""]]
        #expect(
            aligned(rows, left: 1) == """
                name      step  loss
                a           10   0.5
                wide one     9
                b
                """)
        #expect(alignedLines([["a", "b", "c d"]], left: 3, minimumWidths: [3, 0]) == ["a    b  c d"])
        #expect(aligned([]).isEmpty)
    }

    @Test func whatIsWrittenAsCSVIsReadAgain() throws {
        let rows = [
            ["a", "b, c"], ["\"quoted\"", "two\nlines"], ["", "carriage\r\nreturn"], ["ö", "e\u{301}\"\u{301}"],
        ]
        let text = CSV.text(rows)
        #expect(text.hasPrefix("a,\"b, c\"\n\"\"\"quoted\"\"\",\"two\nlines\"\n,"))
        let records = try CSV.records(text)
        #expect(records.map(\.fields) == rows)
        #expect(records.map(\.line) == [1, 2, 4, 6])
    }

    @Test func linesThatOtherProgramsWrite() throws {
        let records = try CSV.records("\u{FEFF}a,b\r\n\r\n\nc,\"\"")
        #expect(records.map(\.fields) == [["a", "b"], ["c", ""]])
        #expect(records.map(\.line) == [1, 4])
        #expect(try CSV.records("").isEmpty)
    }

    @Test func textsThatAreNoCSV() {
        #expect(throws: CSV.Flaw(line: 2, problem: "a quote is not closed: add the second one")) {
            try CSV.records("a,b\n\"c")
        }
        let problem = "text follows a closing quote: double the quotes inside of a field"
        #expect(throws: CSV.Flaw(line: 1, problem: problem)) { try CSV.records("\"a\"b") }
    }
}
