import Images
import Testing

@Suite struct LossyTests {
    @Test(
        "Files compressed with loss say so",
        arguments: ["grey.jpg", "smooth-jpeg-grey.tif", "smooth-jpeg-ycbcr-tiles.tif"])
    func lossy(name: String) throws { #expect(try ImageFile.readHeader(Vectors.path(name)).isLossy) }

    @Test("Others do not", arguments: ["grey8.tif", "grey8-lzw.tif", "grey8-deflate-tiles.tif", "palette.tif"])
    func lossless(name: String) throws { #expect(try !ImageFile.readHeader(Vectors.path(name)).isLossy) }
}
