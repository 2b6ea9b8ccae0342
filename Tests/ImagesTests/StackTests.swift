import Foundation
import Images
import Support
import Testing

/// Which pages of a TIFF are images of their own, and which are channels of one.
@Suite struct StackTests {
    private func images(_ name: String, _ meaning: PageMeaning = .auto) throws -> [[Int]] {
        try TIFF.images(VariantTests.path(name), meaning)
    }

    @Test(
        "ImageJ's and OME's metadata say which pages are channels",
        arguments: [
            ("imagej-t2-c2.tif", [[0, 1], [2, 3]]),
            ("imagej-t2-z2-c3.tif", [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]),
            ("imagej-c2-in-one-directory.tif", [[0, 1], [2, 3], [4, 5]]),
            ("imagej-order-zct.tif", [[0, 3], [1, 4], [2, 5]]),
            ("imagej-8-bits.tif", [[0], [1], [2], [3], [4]]), ("imagej-rgb.tif", [[0], [1], [2]]),
            ("imagej-more-than-said.tif", [[0], [1], [2]]), ("plain-pages.tif", [[0], [1], [2]]),
            ("c2.ome.tif", [[0, 1]]), ("t2-z2-c2.ome.tif", [[0, 1], [2, 3], [4, 5], [6, 7]]),
            ("t2-c2-z2.ome.tif", [[0, 2], [1, 3], [4, 6], [5, 7]]), ("z3.ome.tif", [[0], [1], [2]]),
            ("t2-rgb.ome.tif", [[0], [1]]), ("two-images.ome.tif", [[0, 1], [2], [3], [4], [5]]),
            ("overview.ome.tif", [[0, 1]]),
            // In the order of the planes, not of the pages; and the file was renamed.
            ("shuffled.ome.tif", [[1], [2], [0]]),
        ])
    func auto(_ name: String, _ expected: [[Int]]) throws {
        #expect(try images(name) == expected)
        let pages = expected.joined().count
        #expect(try images(name, .images) == (0..<pages).map { [$0] })
        #expect(try images(name, .channels) == [Array(0..<pages)])
        #expect(try TIFF.pages(VariantTests.path(name)) == pages)
    }

    @Test(
        "What cannot be read whole is refused with the reason",
        arguments: [
            ("imagej-short.tif", "says that it holds 9 images, but the file is too short"),
            ("imagej-packed.tif", "says that it holds 5 images, but they are compressed"),
            ("imagej-lost.tif", "has 3 pages, and ImageJ's description says that it holds 5 images"),
            ("imagej-odd.tif", "has 5 pages, and ImageJ's description says that an image has 2 channels"),
            ("planes-elsewhere.ome.tif", "count 2 planes, and 1 of them is in other files (c1.ome.tif)"),
            ("too-few.ome.tif", "count 5 planes, and 3 of them are not in the file"),
            ("page-twice.ome.tif", "name a page for two planes"),
            ("companion.ome.tif", "are in all.companion.ome, which is not read"),
            ("damaged.ome.tif", "OME metadata that are damaged"),
        ])
    func refused(_ name: String, _ words: String) throws {
        let failure = failure { try images(name) }
        #expect(failure?.kind == .request && failure?.message.contains(words) == true, "\(failure?.message ?? "read")")
        #expect(failure?.message.contains("\n") == false)
    }

    @Test("A file that is cut inside its planes is refused, and so is one that ends in other data")
    func cut() throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: VariantTests.path("imagej-8-bits.tif")))
        let folder = FileManager.default.temporaryDirectory.path
        let path = "\(folder)/cut-\(ProcessInfo.processInfo.processIdentifier).tif"
        defer { unlink(path) }
        try whole.dropLast().write(to: URL(fileURLWithPath: path))
        #expect(failure { try TIFF.pages(path) }?.message.contains("too short") == true)
        try (whole + [0, 1, 2]).write(to: URL(fileURLWithPath: path))
        #expect(try TIFF.pages(path) == 5)
    }

    @Test(
        "What is not supported is called by its name, with a command that mends it",
        arguments: [
            ("jpeg2000.tif", "is compressed with JPEG 2000"), ("jpegxl.tif", "is compressed with JPEG XL"),
            ("jpegxr.tif", "is compressed with JPEG XR"), ("png.tif", "is compressed with PNG"),
            ("jpeg12.tif", "is compressed with JPEG of 12 bits a sample"),
            ("lossless-jpeg.tif", "is compressed with lossless JPEG"),
            ("jpeg12.jpg", "is a JPEG with samples of 12 bits"), ("lossless.jpg", "is a lossless JPEG"),
            ("jpeg-ls.jpg", "is a JPEG-LS file"), ("ycbcr.tif", "YCbCr (compressed with nothing)"),
            ("lab.tif", "CIE L*a*b*"), ("animated.png", "animated PNG of 2 images"),
            ("raw.tif", "a camera's raw image"), ("bits24.tif", "samples of 24 bits"),
        ])
    func named(_ name: String, _ words: String) {
        let failure = failure { try ImageFile.readHeader(VariantTests.path(name)) }
        #expect(failure?.kind == .request && failure?.message.contains(words) == true, "\(failure?.message ?? "read")")
        #expect(failure?.message.contains(": save ") == true && failure?.message.contains("damaged") == false)
    }

    @Test(
        "Files of other formats are told by how they begin",
        arguments: [
            ("BM\0\0\0\0", "is a BMP file"), ("GIF89a", "is a GIF file"), ("RIFF\0\0\0\0WEBPVP8 ", "is a WebP file"),
            ("\0\0\0\u{18}ftypheic", "is a HEIC file"), ("\0\0\0\u{0C}jP  \r\n", "is a JPEG 2000 file"),
            (String(repeating: "\0", count: 128) + "DICM", "is a DICOM file"), ("ZISRAWFILE", "is a CZI file"),
            ("PK\u{03}\u{04}", "is a zip archive"), ("version https://git-lfs.github.com/spec/v1", "Git LFS"),
            ("<!DOCTYPE html>", "is a web page"), ("P5\n3 3", "is a netpbm file"), ("hello", "is neither PNG nor TIFF"),
        ])
    func foreign(_ beginning: String, _ words: String) throws {
        let path = FileManager.default.temporaryDirectory.path + "/foreign-\(UUID().uuidString)"
        defer { unlink(path) }
        try Data(beginning.utf8).write(to: URL(fileURLWithPath: path))
        let failure = failure { try ImageFile.kind(of: path) }
        #expect(failure?.kind == .request && failure?.message.contains(words) == true, "\(failure?.message ?? "read")")
    }

    @Test("HDF5, NumPy, ND2 and LIF files begin with other bytes than letters")
    func foreignBytes() throws {
        let files: [([UInt8], String)] = [
            ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], "an HDF5 file"),
            ([0x93] + Array("NUMPY".utf8), "a NumPy file"), ([0xDA, 0xCE, 0xBE, 0x0A], "an ND2 file"),
            ([0x70, 0, 0, 0, 1], "a LIF file"), ([0xFF, 0x4F, 0xFF, 0x51], "a JPEG 2000 file"),
            ([0xD0, 0xCF, 0x11, 0xE0], "compound file"),
        ]
        for (bytes, words) in files {
            let path = FileManager.default.temporaryDirectory.path + "/foreign-\(UUID().uuidString)"
            defer { unlink(path) }
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(failure { try ImageFile.kind(of: path) }?.message.contains(words) == true, "\(words)")
        }
    }
}
