/// libpng behind plain calls: every `setjmp` and `longjmp` stays inside cpng.c, so that none passes a Swift frame, and
/// libpng's warnings and errors come back as values instead of lines on standard error.
#ifndef CPNG_H
#define CPNG_H

#include <stddef.h>
#include <stdint.h>

/// How a call ended.
typedef enum {
    CPNG_DONE = 0,
    /// The operating system refused; `code` is its `errno`.
    CPNG_SYSTEM,
    /// The file does not begin with PNG's signature.
    CPNG_NOT_PNG,
    /// The file ends before the image does.
    CPNG_TRUNCATED,
    /// libpng refused; its reason is the error's text.
    CPNG_REFUSED,
} cpng_status;

typedef struct {
    cpng_status status;
    int code;
    char text[200];
} cpng_error;

/// What a file's header says.
typedef struct {
    uint32_t width;
    uint32_t height;
    /// Bits of a sample in the file: 1, 2, 4, 8 or 16.
    uint8_t bit_depth;
    /// Samples of a pixel without alpha: 1 or 3.
    uint8_t channels;
    /// 1 where each pixel has an alpha sample after the others.
    uint8_t has_alpha;
    /// 1 where one grey value or colour, `key`, is transparent.
    uint8_t has_key;
    uint16_t key[3];
    /// 1 where samples are indices of a palette.
    uint8_t is_palette;
    /// 1 where the rows come in several passes, so that none is whole before the last.
    uint8_t is_interlaced;
    /// Colours of the palette.
    uint16_t palette_count;
    /// Bytes of the file; 0 where it is no regular file and nobody knows.
    uint64_t file_bytes;
} cpng_header;

typedef struct cpng_reader cpng_reader;

/// Reads the header of an open file, which is closed with the reader, or at once after an error: null then. Close the
/// reader in the end.
cpng_reader *_Nullable cpng_open(int descriptor, cpng_header *_Nonnull header, cpng_error *_Nonnull error);

/// The palette's colours, 3 bytes each, into `colors` (3·palette_count bytes).
void cpng_palette(const cpng_reader *_Nonnull reader, uint8_t *_Nonnull colors);

/// The alpha of each of the palette's colours (palette_count bytes). 0 where none is transparent.
int cpng_palette_alpha(const cpng_reader *_Nonnull reader, uint8_t *_Nonnull alpha);

/// Has `cpng_read` give the alpha sample of each pixel too, after its others. For files with `has_alpha`.
void cpng_keep_alpha(cpng_reader *_Nonnull reader);

/// Inflates a zlib stream into at most `capacity` bytes; returns how many there are, 0 where it is damaged or longer.
size_t cpng_inflate(
    const uint8_t *_Nonnull packed, size_t count, uint8_t *_Nonnull bytes, size_t capacity);

/// Decodes the pixels, once, and reads on to the file's end, so that damage anywhere is found.
///
/// `samples` takes height·width·channels samples, without alpha unless `cpng_keep_alpha` asked for it, of one byte each up to 8 bits (packed samples are
/// unpacked, not scaled), of two bytes in the machine's order with 16 bits.
cpng_status cpng_read(cpng_reader *_Nonnull reader, void *_Nonnull samples, cpng_error *_Nonnull error);

/// Decodes the next `count` rows of an image that is not interlaced, in place of `cpng_read`; `samples` is laid out as
/// there. After the last row it reads on to the file's end.
cpng_status cpng_read_rows(
    cpng_reader *_Nonnull reader, uint32_t count, void *_Nonnull samples, cpng_error *_Nonnull error);

void cpng_close(cpng_reader *_Nonnull reader);

/// Writes a whole PNG to an open file, which is closed in any case.
///
/// `header` gives width, height, bit_depth (8 or 16), channels, is_palette and palette_count; `samples` and `colors`
/// are laid out as `cpng_read` and `cpng_palette` give them.
cpng_status cpng_write(
    int descriptor, const cpng_header *_Nonnull header, const uint8_t *_Nullable colors, const void *_Nonnull samples,
    cpng_error *_Nonnull error);

/// The error's text; empty where libpng gave none.
const char *_Nonnull cpng_error_text(const cpng_error *_Nonnull error);

#endif
