/// libtiff behind plain calls: its warnings and errors come back as values instead of lines on standard error, and its
/// functions of variable arguments, which Swift cannot call, stay inside ctiff.c.
#ifndef CTIFF_H
#define CTIFF_H

#include <stddef.h>
#include <stdint.h>

/// How a call ended.
typedef enum {
    CTIFF_DONE = 0,
    /// The operating system refused; `code` is its `errno`.
    CTIFF_SYSTEM,
    /// The file does not begin as a TIFF does.
    CTIFF_NOT_TIFF,
    /// The file ends before the image does.
    CTIFF_TRUNCATED,
    /// A directory points back to one before it.
    CTIFF_LOOP,
    /// There are more directories than `code`.
    CTIFF_MANY,
    /// libtiff refused; its reason is the error's text.
    CTIFF_REFUSED,
} ctiff_status;

typedef struct {
    ctiff_status status;
    int code;
    char text[200];
} ctiff_error;

/// A page of a file: its directory's offset, and its number in the chain of directories, overviews and masks counted.
typedef struct {
    uint64_t offset;
    uint64_t number;
} ctiff_page;

/// Where the pages of a file are: the directories that are neither overviews nor masks of others.
typedef struct {
    ctiff_page *_Nullable pages;
    size_t count;
    /// Directories of the chain, overviews and masks counted.
    uint64_t directories;
    /// 1 where the first page has a tag that may tell of images that have no directory of their own:
    /// ImageDescription, ImageDepth, or MetaMorph's UIC2.
    uint8_t is_described;
    /// Bytes of the file; 0 where it is no regular file.
    uint64_t file_bytes;
} ctiff_pages;

/// What a directory says of its image. Tags and their values are named in TIFF 6.0 (Adobe 1992).
typedef struct {
    uint32_t width;
    uint32_t height;
    uint16_t bits;
    /// SampleFormat: 1 unsigned, 2 signed, 3 floating-point; others are listed there too.
    uint16_t format;
    /// Samples of a pixel, extra ones included.
    uint16_t samples;
    /// How many of them ExtraSamples describes: the last ones.
    uint16_t extra_samples;
    /// PhotometricInterpretation. What JPEG keeps as YCbCr (6) comes out as RGB, and is called so (2).
    uint16_t photometric;
    uint16_t compression;
    /// 1 where each block holds one sample of a pixel, and all the blocks of a sample follow each other.
    uint8_t is_planar;
    uint8_t is_tiled;
    /// 1 where XResolution and YResolution are given.
    uint8_t has_resolution;
    /// ResolutionUnit: 1 none, 2 inch, 3 centimetre.
    uint16_t resolution_unit;
    float x_resolution;
    float y_resolution;
    /// Pixels of a tile, or of a strip that is not the last.
    uint32_t block_width;
    uint32_t block_height;
    /// Orientation, 1 to 8; 0 where the file does not say.
    uint16_t orientation;
    /// Images that lie behind each other in this directory: ImageDepth.
    uint32_t depth;
    /// Planes that MetaMorph's tag UIC2 counts; 0 where there is none.
    uint32_t metamorph_planes;
} ctiff_header;

typedef struct ctiff_reader ctiff_reader;
typedef struct ctiff_writer ctiff_writer;

/// Follows the directories of an open file, of TIFF or BigTIFF, which stays open. Free the pages in the end, after an error
/// too.
ctiff_status ctiff_find_pages(
    int descriptor, ctiff_pages *_Nonnull pages, ctiff_error *_Nonnull error);

void ctiff_free_pages(ctiff_pages *_Nonnull pages);

/// Opens the page of an open file whose directory is at `offset`. The file is closed with the reader, or at once after an
/// error: null then. Close the reader in the end.
///
/// `shift` is added to every place of pixels that the directory gives: images that have no directory of their own lie
/// behind those of the one that stands for all.
ctiff_reader *_Nullable ctiff_open(
    int descriptor, uint64_t offset, uint64_t shift, ctiff_header *_Nonnull header,
    ctiff_error *_Nonnull error);

/// Where the pixels of the page lie if they are not compressed and in one run, all rows and samples behind each other.
/// 0 if they are not.
int ctiff_run(const ctiff_reader *_Nonnull reader, uint64_t *_Nonnull start, uint64_t *_Nonnull bytes);

/// Bytes of the file.
uint64_t ctiff_file_bytes(const ctiff_reader *_Nonnull reader);

/// Whether this libtiff can decode the page's compression.
int ctiff_is_decodable(const ctiff_reader *_Nonnull reader);

/// The first block's bytes as the file has them, at most `count`; returns how many.
size_t ctiff_first_bytes(ctiff_reader *_Nonnull reader, uint8_t *_Nonnull bytes, size_t count);

/// Whether the extra sample number `index` is alpha, associated or not.
int ctiff_is_alpha(const ctiff_reader *_Nonnull reader, uint16_t index);

/// The palette's colours, 3·2^bits values: all of red, of green, of blue, as ColorMap has them. 0 where there is none.
int ctiff_palette(const ctiff_reader *_Nonnull reader, uint16_t *_Nonnull colors);

/// GDAL_NODATA, the value of pixels without data, as text; null where there is none. It lives as long as the reader.
const char *_Nullable ctiff_no_data(const ctiff_reader *_Nonnull reader);

/// ImageDescription; null where there is none. It lives as long as the reader.
const char *_Nullable ctiff_description(const ctiff_reader *_Nonnull reader);

/// The XMP packet (tag 700), `count` bytes; null where there is none. It lives as long as the reader.
const uint8_t *_Nullable ctiff_xmp(const ctiff_reader *_Nonnull reader, uint32_t *_Nonnull count);

/// Bytes of a decoded block: a tile, or a strip that is not the last. 0 where nobody can hold it.
size_t ctiff_block_bytes(const ctiff_reader *_Nonnull reader);

/// Decodes the tile or strip that holds the pixel at (x, y), of sample `plane` where the file is planar.
///
/// `bytes` takes `ctiff_block_bytes`; rows are packed to whole bytes, samples of 16 bits and more are in the machine's
/// order. Of the last strip only the rows inside the image are written.
ctiff_status ctiff_read_block(
    ctiff_reader *_Nonnull reader, uint32_t x, uint32_t y, uint16_t plane, void *_Nonnull bytes,
    ctiff_error *_Nonnull error);

void ctiff_close(ctiff_reader *_Nonnull reader);

/// Begins an image in an open file that is empty. It is written in strips, the first row first.
///
/// `header` gives width, height, bits (8 or 16), samples (1, or 3 for RGB), photometric, compression, block_height (a
/// strip's rows) and the resolution. `palette` has 3·2^bits values as `ctiff_palette` gives them. Null after an error;
/// the descriptor is closed then.
ctiff_writer *_Nullable ctiff_create(
    int descriptor, int is_big, const ctiff_header *_Nonnull header, const uint16_t *_Nullable palette,
    const char *_Nullable description, ctiff_error *_Nonnull error);

/// Encodes strip number `strip` from `count` bytes, which may be changed.
ctiff_status ctiff_write_strip(
    ctiff_writer *_Nonnull writer, uint32_t strip, void *_Nonnull bytes, size_t count, ctiff_error *_Nonnull error);

/// Writes the directory of the page, all of whose strips must be written, and begins another page as `ctiff_create` does.
ctiff_status ctiff_next_page(
    ctiff_writer *_Nonnull writer, const ctiff_header *_Nonnull header, const uint16_t *_Nullable palette,
    const char *_Nullable description, ctiff_error *_Nonnull error);

/// Writes the directory if `whole`, and closes the file in any case.
ctiff_status ctiff_finish(ctiff_writer *_Nonnull writer, int whole, ctiff_error *_Nonnull error);

/// The error's text; empty where libtiff gave none.
const char *_Nonnull ctiff_error_text(const ctiff_error *_Nonnull error);

#endif
