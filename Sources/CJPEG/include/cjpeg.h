/// libjpeg behind plain calls: every `setjmp` and `longjmp` stays inside cjpeg.c, so that none passes a Swift frame, and
/// libjpeg's warnings and errors come back as values instead of lines on standard error or the program's end.
#ifndef CJPEG_H
#define CJPEG_H

#include <stdint.h>

/// How a call ended.
typedef enum {
    CJPEG_DONE = 0,
    /// The operating system refused; `code` is its `errno`.
    CJPEG_SYSTEM,
    /// The file does not begin as a JPEG does.
    CJPEG_NOT_JPEG,
    /// The file ends before the image does.
    CJPEG_TRUNCATED,
    /// The colours are neither grey nor RGB; `code` is the number of channels.
    CJPEG_COLORS,
    /// Samples have `code` bits.
    CJPEG_PRECISION,
    /// The image is coded in a way that libjpeg has not; `code` is the marker that says which.
    CJPEG_PROCESS,
    /// libjpeg refused; its reason is the error's text.
    CJPEG_REFUSED,
} cjpeg_status;

typedef struct {
    cjpeg_status status;
    int code;
    char text[200];
} cjpeg_error;

typedef struct {
    uint32_t width;
    uint32_t height;
    /// 1 (grey) or 3 (RGB).
    uint8_t channels;
    /// 1 where decoding keeps the whole image's coefficients: of a progressive file, or one of several scans.
    uint8_t is_buffered;
} cjpeg_header;

typedef struct cjpeg_reader cjpeg_reader;

/// Reads the header of an open file, which is closed with the reader, or at once after an error: null then. Close the
/// reader in the end.
cjpeg_reader *_Nullable cjpeg_open(
    int descriptor, cjpeg_header *_Nonnull header, cjpeg_error *_Nonnull error);

/// The data of the APP1 marker number `index` before the image, EXIF and XMP; null where there are no more. It lives as
/// long as the reader.
const uint8_t *_Nullable cjpeg_app1(const cjpeg_reader *_Nonnull reader, int index, uint32_t *_Nonnull count);

/// Decodes the pixels, once, into height·width·channels bytes.
cjpeg_status cjpeg_read(cjpeg_reader *_Nonnull reader, uint8_t *_Nonnull samples, cjpeg_error *_Nonnull error);

void cjpeg_close(cjpeg_reader *_Nonnull reader);

/// The error's text; empty where libjpeg gave none.
const char *_Nonnull cjpeg_error_text(const cjpeg_error *_Nonnull error);

#endif
