/// The file behind a libtiff handle that reads.
#ifndef CTIFF_STREAM_H
#define CTIFF_STREAM_H

#include <stdint.h>
#include <tiffio.h>

/// libtiff's own handles of files cannot be told to look elsewhere for pixels; this one can.
typedef struct {
    int file;
    uint64_t position;
    uint64_t size;
    /// What is added to every position: 0 as long as directories are read.
    uint64_t shift;
    /// `errno` of the last read that failed; 0 where none has.
    int code;
} ctiff_stream;

/// Takes over an open file; 0, with `errno` set and the file closed, where that fails.
int ctiff_stream_open(ctiff_stream *stream, int descriptor);

/// libtiff over the stream, which must outlive the handle and is closed with it; null with the stream closed.
TIFF *ctiff_stream_tiff(ctiff_stream *stream, TIFFOpenOptions *options);

/// Bytes at a place of the file, fewer at its end or after an error.
size_t ctiff_stream_read(ctiff_stream *stream, uint64_t position, void *bytes, size_t count);

#endif
