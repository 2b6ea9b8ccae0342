import Images
import Testing

@Suite("What files say of their samples") struct SampleNotesTests {
    @Test(
        "Files compressed with loss say so",
        arguments: ["grey.jpg", "smooth-jpeg-grey.tif", "smooth-jpeg-ycbcr-tiles.tif"])
    func lossy(name: String) throws { #expect(try ImageFile.readHeader(Vectors.path(name)).isLossy) }

    @Test("The value of pixels without data is read") func noData() throws {
        #expect(try ImageFile.readHeader(Vectors.path("no-data.tif")).noData == 7)
        #expect(try ImageFile.readHeader(Vectors.path("grey8.tif")).noData == nil)
    }

    @Test("Others do not", arguments: ["grey8.tif", "grey8-lzw.tif", "grey8-deflate-tiles.tif", "palette.tif"])
    func lossless(name: String) throws { #expect(try !ImageFile.readHeader(Vectors.path(name)).isLossy) }
}
