import Datasets
import Foundation
import Images
import Support
import Testing

/// Images whose channels are pages, from the files of the tests of Images (13 rows, 17 columns).
@Suite struct ImagePageTests {
    private let folder: DataFolder

    init() throws { folder = try DataFolder() }

    private func vector(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("ImagesTests/Vectors/variants/\(name)").path
    }

    /// Pixels of page `page` of the files.
    private func value(_ row: Int, _ column: Int, page: Int) -> UInt16 {
        UInt16((31 * row + 7 * column + 101 * page) % 251)
    }

    private func samples(pages: [Int], rows: Range<Int> = 0..<13) -> [UInt16] {
        rows.flatMap { row in (0..<17).flatMap { column in pages.map { value(row, column, page: $0) } } }
    }

    @Test(
        "Channels in pages make one image, whole and by bands of rows",
        arguments: [
            ("imagej-t2-c2.tif", [[0, 1], [2, 3]]), ("imagej-c2-in-one-directory.tif", [[0, 1], [2, 3], [4, 5]]),
            ("t2-c2-z2.ome.tif", [[0, 2], [1, 3], [4, 6], [5, 7]]),
        ])
    func channels(_ name: String, _ expected: [[Int]]) throws {
        let images = try ImagePage.all(ofFile: vector(name))
        #expect(images.map(\.page) == Array(0..<expected.count))
        for (image, pages) in zip(images, expected) {
            let raster = try image.read()
            #expect(raster.width == 17 && raster.height == 13 && raster.channels == 2)
            #expect(raster.samples == samples(pages: pages))
            let header = try image.readHeader()
            #expect(header.channels == 2 && header.width == 17 && header.maximum == 255)
            let rows = try image.rows()
            #expect(rows.channels == 2 && rows.height == 13 && rows.width == 17)
            for band in [0..<4, 4..<13, 2..<3] {
                #expect(try rows.read(band).samples == samples(pages: pages, rows: band))
            }
            // It goes from rank to rank.
            let copy = try JSONDecoder().decode(ImagePage.self, from: JSONEncoder().encode(image))
            #expect(copy == image)
        }
    }

    @Test func theKeyGoesBeforeTheMetadata() throws {
        let path = vector("imagej-t2-c2.tif")
        let pages = try ImagePage.all(ofFile: path, pages: .images)
        #expect(pages == (0..<4).map { ImagePage(path, page: $0) })
        #expect(try pages[3].read().samples == samples(pages: [3]))
        let all = try ImagePage.all(ofFile: vector("plain-pages.tif"), pages: .channels)
        #expect(all.count == 1 && all[0].page == nil)
        #expect(try all[0].read().samples == samples(pages: [0, 1, 2]))
        #expect(try ImagePage.all(ofFile: vector("plain-pages.tif")).count == 3)
    }

    @Test("Labels have one value a pixel, so that each page is one; metadata may order them")
    func labels() throws {
        let path = vector("imagej-t2-c2.tif")
        #expect(try ImagePage.labels(ofFile: path) == (0..<4).map { ImagePage(path, page: $0) })
        let shuffled = try ImagePage.labels(ofFile: vector("shuffled.ome.tif"))
        #expect(try shuffled.map { try $0.read().samples } == [1, 2, 0].map { samples(pages: [$0]) })
        #expect(try ImagePage.labels(ofFile: vector("imagej-odd.tif")).count == 5)
        #expect(throws: Failure.self) { try ImagePage.labels(ofFile: vector("imagej-short.tif")) }
    }

    @Test func unlikeChannelsAreRefused() throws {
        let image = try ImagePage.all(ofFile: vector("unlike-channels.ome.tif"))[0]
        expectFailure("channels that are unlike", "page 1 17×12", "data.pages: images") { try image.read() }
        expectFailure("channels that are unlike") { try image.readHeader() }
        expectFailure("channels that are unlike") { try image.rows() }
    }

    @Test func aSetOfChannelsPairsWithItsLabels() throws {
        let images = vector("imagej-t2-c2.tif")
        let labels = try folder.stack("labels/two.tif", pages: 2)
        let source = SampleSource.files(images: images, labels: labels)
        #expect(try source.samples().pairs.map(\.stem) == ["imagej-t2-c2-0000", "imagej-t2-c2-0001"])
        expectFailure("holds 4 images and its label", "2 images", "data.pages to say (it is images)") {
            try source.samples(pages: .images)
        }
        expectFailure("holds 1 image and its label", "(it is channels)") { try source.samples(pages: .channels) }
    }

    @Test(
        "The .ome of an OME-TIFF is no part of its stem",
        arguments: [
            ("x/a.ome.tif", "a"), ("a.OME.TIFF", "a"), ("a.tif", "a"), ("a.ome.png", "a"), ("a.b.tif", "a.b"),
            ("x.ome/a.tif", "a"),
        ])
    func stems(_ path: String, _ stem: String) {
        #expect(ImagePage.stem(ofPath: path) == stem)
    }

    @Test func omeImagesPairWithPlainLabels() throws {
        for name in ["images/a.ome.tif", "images/b.ome.tiff"] { try folder.stack(name, pages: 1) }
        for name in ["labels/a.tif", "labels/b.ome.tif"] { try folder.stack(name, pages: 1) }
        let pairs = try SamplePair.inFolders(images: folder.images, labels: folder.labels).pairs
        #expect(pairs.map(\.stem) == ["a", "b"])
        let paths = ["x/a.ome.tif", "y/a.ome.tif"]
        #expect(SampleSource.stems(ofPaths: paths) == ["x-a", "y-a"])
    }
}
