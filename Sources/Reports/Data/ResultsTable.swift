import Configurations
import Support

/// A `results.csv` as it is there: of a sweep a row a trial, of a cross-validation a row a fold.
struct ResultsTable {
    let header: [String]
    /// As many fields as the header; rows of another length are left out, and counted.
    let rows: [[String]]
    let damagedRows: Int

    /// Throws where there is a file that cannot be read; nil where there is none.
    init?(path: String) throws {
        guard isFolder(path) == false else { return nil }
        let records: [CSV.Record]
        do {
            records = try CSV.records(Configuration.readText(path: path, what: "table of results"))
        } catch let flaw as CSV.Flaw {
            throw Failure.request("\(path) line \(flaw.line): \(flaw.problem)")
        }
        header = records.first?.fields ?? []
        let all = records.dropFirst().map(\.fields)
        rows = all.filter { [header] in $0.count == header.count }
        damagedRows = all.count - rows.count
    }

    func column(_ name: String) -> Int? { header.firstIndex(of: name) }

    /// A field of a row; nil where the table has no such column, and of an empty one.
    func field(_ name: String, of row: [String]) -> String? {
        column(name).map { row[$0] }.flatMap { $0.isEmpty ? nil : $0 }
    }

    func number(_ name: String, of row: [String]) -> Double? {
        field(name, of: row).flatMap(Double.init).flatMap { $0.isFinite ? $0 : nil }
    }
}
