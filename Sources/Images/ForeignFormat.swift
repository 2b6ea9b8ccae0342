/// A kind of file that is not read here, told by how it begins, and what makes an image of it that is.
struct ForeignFormat {
    /// What the file is, as a sentence about it goes on.
    let name: String
    let advice: String

    /// DICOM's mark is the farthest from the beginning.
    static let bytesNeeded = 132

    private struct Kind {
        let marks: [(at: Int, bytes: [UInt8])]
        let name: String
        let advice: String

        init(_ name: String, _ advice: String, _ marks: (Int, String)...) {
            self.name = name
            self.advice = advice
            self.marks = marks.map { ($0.0, $0.1.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }) }
        }
    }

    private static let pillow =
        "convert it, as does python -c \"from PIL import Image; Image.open('IN').save('OUT.png')\""
    private static let codecs =
        "convert it, as does python -c \"import imagecodecs, tifffile; "
        + "tifffile.imwrite('OUT.tif', imagecodecs.imread('IN'))\""
    private static let fiji = "open it in Fiji (Bio-Formats) and save it with File > Save As > Tiff"

    private static let kinds = [
        Kind("is a BMP file", pillow, (0, "BM")),
        Kind("is a GIF file", pillow, (0, "GIF8")),
        Kind("is an MNG file", "save its images as PNG", (0, "\u{8A}MNG")),
        Kind("is a JNG file", "save it as PNG", (0, "\u{8B}JNG")),
        Kind("is a WebP file", pillow, (0, "RIFF"), (8, "WEBP")),
        Kind("is a PSD file of Photoshop", pillow, (0, "8BPS")),
        Kind("is a HEIC file", "convert it, as does heif-convert IN.heic OUT.png", (4, "ftyphei")),
        Kind("is a HEIC file", "convert it, as does heif-convert IN.heic OUT.png", (4, "ftypmif1")),
        Kind("is a HEIC file", "convert it, as does heif-convert IN.heic OUT.png", (4, "ftypmsf1")),
        Kind("is an AVIF file", pillow, (4, "ftypavi")),
        Kind("is a JPEG 2000 file", pillow, (4, "jP  ")),
        Kind("is a JPEG 2000 file", pillow, (0, "\u{FF}\u{4F}\u{FF}\u{51}")),
        Kind("is a JPEG XL file", codecs, (4, "JXL ")),
        Kind("is a JPEG XL file", codecs, (0, "\u{FF}\u{0A}")),
        Kind("is a JPEG XR file", codecs, (0, "II\u{BC}")),
        Kind("is an OpenEXR file", "convert it to 32-bit TIFF", (0, "\u{76}\u{2F}\u{31}\u{01}")),
        Kind(
            "is a DICOM file",
            "convert it, as does python -c \"import pydicom, tifffile; "
                + "tifffile.imwrite('OUT.tif', pydicom.dcmread('IN').pixel_array)\"", (128, "DICM")),
        Kind("is a CZI file of Zeiss", fiji, (0, "ZISRAWFILE")),
        Kind("is an ND2 file of Nikon", fiji, (0, "\u{DA}\u{CE}\u{BE}\u{0A}")),
        Kind("is a LIF file of Leica", fiji, (0, "\u{70}\0\0\0")),
        Kind("is an OIB, ZVI or other compound file", fiji, (0, "\u{D0}\u{CF}\u{11}\u{E0}")),
        Kind(
            "is an HDF5 file",
            "write its data set as TIFF, as does python -c \"import h5py, tifffile; "
                + "tifffile.imwrite('OUT.tif', h5py.File('IN')['DATASET'][()])\"", (0, "\u{89}HDF\r\n\u{1A}\n")),
        Kind(
            "is a NumPy file",
            "convert it, as does python -c \"import numpy, tifffile; tifffile.imwrite('OUT.tif', numpy.load('IN'))\"",
            (0, "\u{93}NUMPY")),
        Kind("is a zip archive (or an NPZ file)", "unpack it and name the images in it", (0, "PK\u{03}\u{04}")),
        Kind("is packed with gzip", "unpack it with gunzip", (0, "\u{1F}\u{8B}")),
        Kind("is an MHA file", fiji, (0, "ObjectType")),
        Kind("is an NRRD file", fiji, (0, "NRRD000")),
        Kind("is a FITS file", fiji, (0, "SIMPLE  =")),
        Kind("is a PDF file", "export its images, as does pdfimages -png IN.pdf OUT", (0, "%PDF")),
        Kind("is a netpbm file", pillow, (0, "P4\n")), Kind("is a netpbm file", pillow, (0, "P5\n")),
        Kind("is a netpbm file", pillow, (0, "P6\n")), Kind("is a netpbm file", pillow, (0, "P2\n")),
        Kind("is a netpbm file", pillow, (0, "P3\n")),
        Kind(
            "is only a pointer to a file that Git LFS keeps", "fetch it with git lfs pull",
            (0, "version https://git-lfs")),
        Kind("is a web page, not an image", "download the image itself", (0, "<!DOCTYPE")),
        Kind("is a web page, not an image", "download the image itself", (0, "<html")),
    ]

    /// Nil for a file of a kind that is not known.
    init?(_ bytes: [UInt8]) {
        let found = Self.kinds.first { kind in
            kind.marks.allSatisfy { bytes.dropFirst($0.at).starts(with: $0.bytes) }
        }
        guard let found else { return nil }
        (name, advice) = (found.name, found.advice)
    }
}
