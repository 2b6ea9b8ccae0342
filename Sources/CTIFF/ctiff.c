#include "ctiff.h"
#include "stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <unistd.h>

/// Where a handle's errors go: libtiff knows this for as long as the handle lives, and each call says where it points.
typedef struct {
    ctiff_error *current;
} sink;

struct ctiff_reader {
    TIFF *tiff;
    ctiff_stream stream;
    ctiff_header header;
    sink sink;
};

struct ctiff_writer {
    TIFF *tiff;
    int file;
    sink sink;
};

/// Memory that a damaged file may make libtiff ask for at once.
static const tmsize_t most_memory = (tmsize_t)1 << 31;

static void clear(ctiff_error *error) { memset(error, 0, sizeof *error); }

static void refuse(ctiff_error *error, ctiff_status status, int code, const char *text) {
    error->status = status;
    error->code = code;
    snprintf(error->text, sizeof error->text, "%s", text);
}

// libtiff's handlers. The first error is the cause, those after it are what comes of it.

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    (void)tiff;
    (void)module;
    ctiff_error *error = ((sink *)user)->current;
    if (error == NULL || error->status != CTIFF_DONE) return 1;
    error->status = CTIFF_REFUSED;
    vsnprintf(error->text, sizeof error->text, format, arguments);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    // libjpeg only warns where its data ends too soon or makes no sense, and paints the rest grey.
    if (module != NULL && strcmp(module, "JPEGLib") == 0) return on_error(tiff, user, module, format, arguments);
    return 1;
}

static TIFFOpenOptions *make_options(sink *sink) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (options == NULL) return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, sink);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, sink);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, most_memory);
    return options;
}

/// What a call that failed leaves in `error` where no handler has said anything.
static void conclude(ctiff_error *error, const char *otherwise) {
    if (error->status != CTIFF_DONE) return;
    if (errno != 0) refuse(error, CTIFF_SYSTEM, errno, "");
    else refuse(error, CTIFF_REFUSED, 0, otherwise);
}

// Reading.

static int read_header(ctiff_reader *reader, ctiff_error *error) {
    TIFF *tiff = reader->tiff;
    ctiff_header *header = &reader->header;
    uint16_t planar = PLANARCONFIG_CONTIG;
    // Tags that are missing and have no default leave these at 0.
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &header->width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &header->height);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &header->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &header->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &header->format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &header->compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    uint16_t *extra = NULL;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &header->extra_samples, &extra);
    if (header->width == 0 || header->height == 0 || header->samples == 0) {
        refuse(error, CTIFF_REFUSED, 0, "it has no width, no height or no samples");
        return 0;
    }
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &header->photometric)) {
        header->photometric = header->samples >= 3 && header->bits == 8 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    }
    header->is_planar = planar == PLANARCONFIG_SEPARATE && header->samples > 1;
    header->is_tiled = TIFFIsTiled(tiff) != 0;
    // 7 is JPEG as Technical Note 2 has it.
    if (header->compression == COMPRESSION_JPEG && header->photometric == PHOTOMETRIC_YCBCR && !header->is_planar) {
        TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        header->photometric = PHOTOMETRIC_RGB;
    }
    header->block_width = header->width;
    if (header->is_tiled) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &header->block_width);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &header->block_height);
    } else {
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &header->block_height);
        if (header->block_height > header->height) header->block_height = header->height;
    }
    if (header->block_width == 0 || header->block_height == 0) {
        refuse(error, CTIFF_REFUSED, 0, "its tiles or strips have no size");
        return 0;
    }
    header->has_resolution = TIFFGetField(tiff, TIFFTAG_XRESOLUTION, &header->x_resolution)
        && TIFFGetField(tiff, TIFFTAG_YRESOLUTION, &header->y_resolution);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_RESOLUTIONUNIT, &header->resolution_unit);
    TIFFGetField(tiff, TIFFTAG_ORIENTATION, &header->orientation);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_IMAGEDEPTH, &header->depth);
    if (header->depth == 0) header->depth = 1;
    // A tag that libtiff does not know comes as a count and an array.
    void *planes = NULL;
    TIFFGetField(tiff, 33629, &header->metamorph_planes, &planes);
    return error->status == CTIFF_DONE;
}

ctiff_reader *ctiff_open(
    int descriptor, uint64_t offset, uint64_t shift, ctiff_header *header, ctiff_error *error) {
    clear(error);
    ctiff_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        refuse(error, CTIFF_SYSTEM, ENOMEM, "");
        close(descriptor);
        return NULL;
    }
    reader->sink.current = error;
    TIFFOpenOptions *options = make_options(&reader->sink);
    errno = 0;
    if (options == NULL) close(descriptor);
    else if (ctiff_stream_open(&reader->stream, descriptor)) {
        reader->tiff = ctiff_stream_tiff(&reader->stream, options);
    }
    if (options != NULL) TIFFOpenOptionsFree(options);
    if (reader->tiff == NULL) {
        if (errno != 0) refuse(error, CTIFF_SYSTEM, errno, "");
        conclude(error, "out of memory");
        ctiff_close(reader);
        return NULL;
    }
    errno = 0;
    const int has_directory = TIFFSetSubDirectory(reader->tiff, offset);
    if (!has_directory) conclude(error, "its directory cannot be read");
    // What libtiff could do without was no error, unless the system withheld it.
    if (has_directory) clear(error);
    const int is_read = has_directory && read_header(reader, error);
    if (reader->stream.code != 0) refuse(error, CTIFF_SYSTEM, reader->stream.code, "");
    if (!is_read || reader->stream.code != 0) {
        ctiff_close(reader);
        return NULL;
    }
    // From here on only pixels are read.
    reader->stream.shift = shift;
    *header = reader->header;
    reader->sink.current = NULL;
    return reader;
}

int ctiff_run(const ctiff_reader *reader, uint64_t *start, uint64_t *bytes) {
    TIFF *tiff = reader->tiff;
    const ctiff_header *header = &reader->header;
    uint32_t tile_depth = 1;
    if (header->is_tiled) TIFFGetFieldDefaulted(tiff, TIFFTAG_TILEDEPTH, &tile_depth);
    if (header->compression != COMPRESSION_NONE || tile_depth > 1) return 0;
    const uint32_t blocks =
        header->is_tiled ? TIFFNumberOfTiles(tiff) / header->depth : TIFFNumberOfStrips(tiff);
    const uint32_t samples = header->is_planar ? header->samples : 1;
    const uint32_t per_sample = blocks / samples;
    if (per_sample == 0) return 0;
    *start = TIFFGetStrileOffset(tiff, 0);
    *bytes = 0;
    for (uint32_t block = 0; block < blocks; block++) {
        uint32_t rows = header->block_height;
        const uint32_t first = block % per_sample * rows;
        if (!header->is_tiled && rows > header->height - first) rows = header->height - first;
        const tmsize_t size = header->is_tiled ? TIFFTileSize(tiff) : TIFFVStripSize(tiff, rows);
        if (size <= 0 || TIFFGetStrileOffset(tiff, block) != *start + *bytes) return 0;
        *bytes += (uint64_t)size;
    }
    return *start != 0;
}

uint64_t ctiff_file_bytes(const ctiff_reader *reader) { return reader->stream.size; }

int ctiff_is_decodable(const ctiff_reader *reader) { return TIFFIsCODECConfigured(reader->header.compression); }

size_t ctiff_first_bytes(ctiff_reader *reader, uint8_t *bytes, size_t count) {
    const uint64_t start = TIFFGetStrileOffset(reader->tiff, 0) + reader->stream.shift;
    return ctiff_stream_read(&reader->stream, start, bytes, count);
}

int ctiff_is_alpha(const ctiff_reader *reader, uint16_t index) {
    uint16_t count = 0;
    uint16_t *kinds = NULL;
    if (!TIFFGetField(reader->tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) || index >= count) return 0;
    return kinds[index] == EXTRASAMPLE_ASSOCALPHA || kinds[index] == EXTRASAMPLE_UNASSALPHA;
}

int ctiff_palette(const ctiff_reader *reader, uint16_t *colors) {
    uint16_t *parts[3] = {NULL, NULL, NULL};
    if (!TIFFGetField(reader->tiff, TIFFTAG_COLORMAP, &parts[0], &parts[1], &parts[2])) return 0;
    const size_t count = (size_t)1 << reader->header.bits;
    for (int i = 0; i < 3; i++) memcpy(colors + (size_t)i * count, parts[i], count * sizeof *colors);
    return 1;
}

const char *ctiff_no_data(const ctiff_reader *reader) {
    // Not one of libtiff's own tags, so that it comes with its count.
    uint32_t count = 0;
    const char *text = NULL;
    const TIFFField *field = TIFFFindField(reader->tiff, 42113, TIFF_ANY);
    if (field == NULL || TIFFFieldDataType(field) != TIFF_ASCII || !TIFFFieldPassCount(field)) return NULL;
    if (!TIFFGetField(reader->tiff, 42113, &count, &text) || text == NULL || count == 0) return NULL;
    return text[count - 1] == 0 ? text : NULL;
}

const char *ctiff_description(const ctiff_reader *reader) {
    char *text = NULL;
    return TIFFGetField(reader->tiff, TIFFTAG_IMAGEDESCRIPTION, &text) ? text : NULL;
}

const uint8_t *ctiff_xmp(const ctiff_reader *reader, uint32_t *count) {
    const uint8_t *bytes = NULL;
    *count = 0;
    return TIFFGetField(reader->tiff, TIFFTAG_XMLPACKET, count, &bytes) ? bytes : NULL;
}

size_t ctiff_block_bytes(const ctiff_reader *reader) {
    const tmsize_t size = reader->header.is_tiled
        ? TIFFTileSize(reader->tiff) : TIFFVStripSize(reader->tiff, reader->header.block_height);
    return size > 0 ? (size_t)size : 0;
}

static int reaches_beyond(const ctiff_reader *reader, uint32_t block) {
    const uint64_t end = TIFFGetStrileOffset(reader->tiff, block) + TIFFGetStrileByteCount(reader->tiff, block)
        + reader->stream.shift;
    return end > reader->stream.size;
}

ctiff_status ctiff_read_block(
    ctiff_reader *reader, uint32_t x, uint32_t y, uint16_t plane, void *bytes, ctiff_error *error) {
    clear(error);
    reader->sink.current = error;
    reader->stream.code = 0;
    errno = 0;
    // A deflated block that is damaged may end before the last of its bytes without an error (libdeflate, where a stream
    // would give more than the block holds): what is not decoded must not be what lay in memory.
    const uint32_t block =
        reader->header.is_tiled ? TIFFComputeTile(reader->tiff, x, y, 0, plane) : TIFFComputeStrip(reader->tiff, y, plane);
    // Where a list of blocks is too short, libtiff takes the rest to begin with the file, header and all.
    if (TIFFGetStrileOffset(reader->tiff, block) == 0) {
        reader->sink.current = NULL;
        refuse(error, CTIFF_TRUNCATED, 0, "");
        return error->status;
    }
    tmsize_t expected, got;
    if (reader->header.is_tiled) {
        expected = TIFFTileSize(reader->tiff);
        memset(bytes, 0, (size_t)expected);
        got = TIFFReadEncodedTile(reader->tiff, block, bytes, expected);
    } else {
        const uint32_t first = y - y % reader->header.block_height;
        uint32_t rows = reader->header.height - first;
        if (rows > reader->header.block_height) rows = reader->header.block_height;
        expected = TIFFVStripSize(reader->tiff, rows);
        memset(bytes, 0, (size_t)expected);
        got = TIFFReadEncodedStrip(reader->tiff, block, bytes, expected);
    }
    reader->sink.current = NULL;
    if (got >= 0 && got == expected && error->status == CTIFF_DONE) return CTIFF_DONE;
    // What the system withholds, and what lies beyond the file's end, is no matter of decoding.
    if (reader->stream.code != 0) refuse(error, CTIFF_SYSTEM, reader->stream.code, "");
    else if (errno == 0 && reaches_beyond(reader, block)) refuse(error, CTIFF_TRUNCATED, 0, "");
    else conclude(error, "a part of it cannot be decoded");
    return error->status;
}

void ctiff_close(ctiff_reader *reader) {
    reader->sink.current = NULL;
    if (reader->tiff != NULL) TIFFClose(reader->tiff);
    free(reader);
}

// Writing.

static int write_header(
    TIFF *tiff, const ctiff_header *header, const uint16_t *palette, const char *description) {
    int good = TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, header->width)
        && TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, header->height)
        && TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, header->bits)
        && TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, header->samples)
        && TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT)
        && TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG)
        && TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, header->photometric)
        && TIFFSetField(tiff, TIFFTAG_COMPRESSION, header->compression)
        && TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, header->block_height);
    if (good && header->compression != COMPRESSION_NONE) {
        good = TIFFSetField(tiff, TIFFTAG_PREDICTOR, palette == NULL ? PREDICTOR_HORIZONTAL : PREDICTOR_NONE);
    }
    if (good && header->has_resolution) {
        good = TIFFSetField(tiff, TIFFTAG_XRESOLUTION, (double)header->x_resolution)
            && TIFFSetField(tiff, TIFFTAG_YRESOLUTION, (double)header->y_resolution)
            && TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, header->resolution_unit);
    }
    if (good && palette != NULL) {
        const size_t count = (size_t)1 << header->bits;
        good = TIFFSetField(tiff, TIFFTAG_COLORMAP, palette, palette + count, palette + 2 * count);
    }
    if (good && description != NULL) good = TIFFSetField(tiff, TIFFTAG_IMAGEDESCRIPTION, description);
    return good;
}

ctiff_writer *ctiff_create(
    int descriptor, int is_big, const ctiff_header *header, const uint16_t *palette, const char *description,
    ctiff_error *error) {
    clear(error);
    ctiff_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        refuse(error, CTIFF_SYSTEM, ENOMEM, "");
        close(descriptor);
        return NULL;
    }
    writer->file = descriptor;
    writer->sink.current = error;
    TIFFOpenOptions *options = make_options(&writer->sink);
    errno = 0;
    writer->tiff = options == NULL ? NULL : TIFFFdOpenExt(descriptor, "image", is_big ? "w8m" : "wm", options);
    if (options != NULL) TIFFOpenOptionsFree(options);
    if (writer->tiff == NULL || !write_header(writer->tiff, header, palette, description)) {
        conclude(error, "out of memory");
        ctiff_error ignored;
        ctiff_finish(writer, 0, &ignored);
        return NULL;
    }
    writer->sink.current = NULL;
    return writer;
}

ctiff_status ctiff_write_strip(
    ctiff_writer *writer, uint32_t strip, void *bytes, size_t count, ctiff_error *error) {
    clear(error);
    writer->sink.current = error;
    errno = 0;
    if (TIFFWriteEncodedStrip(writer->tiff, strip, bytes, (tmsize_t)count) < 0) {
        // "Write error" says less than the system does.
        if (errno != 0) refuse(error, CTIFF_SYSTEM, errno, "");
        conclude(error, "a part of it cannot be encoded");
    }
    writer->sink.current = NULL;
    return error->status;
}

ctiff_status ctiff_next_page(
    ctiff_writer *writer, const ctiff_header *header, const uint16_t *palette, const char *description,
    ctiff_error *error) {
    clear(error);
    writer->sink.current = error;
    errno = 0;
    if (!TIFFWriteDirectory(writer->tiff)) {
        if (errno != 0) refuse(error, CTIFF_SYSTEM, errno, "");
        conclude(error, "its directory cannot be written");
    } else if (!write_header(writer->tiff, header, palette, description)) {
        conclude(error, "out of memory");
    }
    writer->sink.current = NULL;
    return error->status;
}

ctiff_status ctiff_finish(ctiff_writer *writer, int whole, ctiff_error *error) {
    clear(error);
    writer->sink.current = error;
    errno = 0;
    if (whole && !TIFFWriteDirectory(writer->tiff)) {
        if (errno != 0) refuse(error, CTIFF_SYSTEM, errno, "");
        conclude(error, "its directory cannot be written");
    }
    writer->sink.current = NULL;
    // Not TIFFClose, which keeps to itself what the system says of closing.
    if (writer->tiff != NULL) TIFFCleanup(writer->tiff);
    errno = 0;
    if (close(writer->file) != 0 && error->status == CTIFF_DONE) refuse(error, CTIFF_SYSTEM, errno, "");
    free(writer);
    return error->status;
}

const char *ctiff_error_text(const ctiff_error *error) { return error->text; }
