#include "stream.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int ctiff_stream_open(ctiff_stream *stream, int descriptor) {
    *stream = (ctiff_stream){.file = descriptor};
    struct stat status;
    if (fstat(stream->file, &status) != 0) {
        const int code = errno;
        close(stream->file);
        errno = code;
        return 0;
    }
    stream->size = (uint64_t)status.st_size;
    return 1;
}

/// -1 after an error.
static ssize_t read_at(ctiff_stream *stream, uint64_t position, void *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        const uint64_t place = position + done;
        if (place < position || place > INT64_MAX) break;
        const ssize_t more = pread(stream->file, (char *)bytes + done, count - done, (off_t)place);
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) {
            stream->code = errno;
            return -1;
        }
        if (more == 0) break;
        done += (size_t)more;
    }
    return (ssize_t)done;
}

size_t ctiff_stream_read(ctiff_stream *stream, uint64_t position, void *bytes, size_t count) {
    const ssize_t got = read_at(stream, position, bytes, count);
    return got < 0 ? 0 : (size_t)got;
}

// libtiff's procedures.

static tmsize_t read_bytes(thandle_t handle, void *bytes, tmsize_t count) {
    ctiff_stream *stream = handle;
    const ssize_t got = read_at(stream, stream->position + stream->shift, bytes, (size_t)count);
    if (got > 0) stream->position += (uint64_t)got;
    return got;
}

static tmsize_t write_bytes(thandle_t handle, void *bytes, tmsize_t count) {
    (void)handle;
    (void)bytes;
    (void)count;
    errno = EBADF;
    return -1;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    ctiff_stream *stream = handle;
    switch (whence) {
        case SEEK_SET: stream->position = offset; break;
        case SEEK_CUR: stream->position += offset; break;
        case SEEK_END: stream->position = stream->size + offset; break;
        default: return (toff_t)-1;
    }
    return stream->position;
}

static int close_file(thandle_t handle) { return close(((ctiff_stream *)handle)->file); }

static toff_t size_of(thandle_t handle) { return ((ctiff_stream *)handle)->size; }

TIFF *ctiff_stream_tiff(ctiff_stream *stream, TIFFOpenOptions *options) {
    // h: the first directory is not read; m: the file is not mapped, which would end the program where it is cut short
    // while it is read, and count as memory.
    TIFF *tiff = TIFFClientOpenExt(
        "image", "rhm", stream, read_bytes, write_bytes, seek, close_file, size_of, NULL, NULL, options);
    if (tiff == NULL) {
        const int code = errno;
        close(stream->file);
        errno = code;
    }
    return tiff;
}
