#include "ctiff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// libtiff finds page n by way of all pages before it, each read in full, and counts overviews as pages. Here the chain of
// directories is followed once, with one read for each.

typedef struct {
    int file;
    uint64_t size;
    int is_big_endian;
    /// BigTIFF: offsets and counts have 8 bytes.
    int is_big;
    ctiff_error *error;
} source;

static ctiff_status refuse(ctiff_error *error, ctiff_status status, int code) {
    error->status = status;
    error->code = code;
    return status;
}

static uint64_t number(const source *s, const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; i++) value = value << 8 | bytes[s->is_big_endian ? i : count - 1 - i];
    return value;
}

/// Reads `count` bytes at `offset`, fewer only at the file's end; returns how many, or -1.
static ssize_t read_at(const source *s, uint64_t offset, uint8_t *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t more = pread(s->file, bytes + done, count - done, (off_t)(offset + done));
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) {
            refuse(s->error, CTIFF_SYSTEM, errno);
            return -1;
        }
        if (more == 0) break;
        done += (size_t)more;
    }
    return (ssize_t)done;
}

/// The first directory's offset; 0 after an error.
static uint64_t read_start(source *s) {
    uint8_t bytes[16];
    ssize_t count = read_at(s, 0, bytes, sizeof bytes);
    if (count < 0) return 0;
    const int known = count >= 4
        && (memcmp(bytes, "II\x2a\0", 4) == 0 || memcmp(bytes, "MM\0\x2a", 4) == 0
            || memcmp(bytes, "II\x2b\0", 4) == 0 || memcmp(bytes, "MM\0\x2b", 4) == 0);
    if (!known) {
        refuse(s->error, CTIFF_NOT_TIFF, 0);
        return 0;
    }
    s->is_big_endian = bytes[0] == 'M';
    s->is_big = number(s, bytes + 2, 2) == 43;
    const int needed = s->is_big ? 16 : 8;
    const uint64_t start =
        count < needed ? 0 : s->is_big ? number(s, bytes + 8, 8) : number(s, bytes + 4, 4);
    // No page at all is a writer's that did not come to an end.
    if (start == 0) refuse(s->error, CTIFF_TRUNCATED, 0);
    return start;
}

/// ImageDescription, ImageDepth, and MetaMorph's UIC2.
static int is_description(uint64_t tag) { return tag == 270 || tag == 32997 || tag == 33629; }

/// Reads one directory: whether it is a page of its own, whether it may tell of others, and where the next is (0:
/// nowhere).
static int read_directory(const source *s, uint64_t offset, int *is_page, int *is_described, uint64_t *next) {
    const size_t count_bytes = s->is_big ? 8 : 2, entry_bytes = s->is_big ? 20 : 12, link_bytes = s->is_big ? 8 : 4;
    // Most directories have some twenty entries: one read takes all.
    uint8_t bytes[1024];
    if (offset > s->size) {
        refuse(s->error, CTIFF_TRUNCATED, 0);
        return 0;
    }
    ssize_t got = read_at(s, offset, bytes, sizeof bytes);
    if (got < 0) return 0;
    const uint64_t entries = (size_t)got < count_bytes ? 0 : number(s, bytes, (int)count_bytes);
    // As many as a classic file can count; more is damage.
    if (entries == 0 || entries > 65535 || s->size - offset < count_bytes + entries * entry_bytes + link_bytes) {
        refuse(s->error, CTIFF_TRUNCATED, 0);
        return 0;
    }
    const uint64_t link = count_bytes + entries * entry_bytes;
    // NewSubfileType is the smallest of all tags, and entries are sorted.
    const uint8_t *first = bytes + count_bytes;
    *is_page = 1;
    if (number(s, first, 2) == 254) {
        const int kind = (int)number(s, first + 2, 2);
        const uint64_t value = number(s, first + (s->is_big ? 12 : 8), kind == 3 ? 2 : 4);
        // 1: an overview of another image; 4: a mask of one.
        *is_page = (value & 5) == 0;
    }
    *is_described = 0;
    for (uint64_t at = count_bytes; at < link && at + 2 <= (uint64_t)got; at += entry_bytes) {
        if (is_description(number(s, bytes + at, 2))) *is_described = 1;
    }
    uint8_t tail[8];
    if (link + link_bytes <= (uint64_t)got) {
        memcpy(tail, bytes + link, link_bytes);
    } else {
        got = read_at(s, offset + link, tail, link_bytes);
        if (got < 0) return 0;
        if ((size_t)got < link_bytes) {
            refuse(s->error, CTIFF_TRUNCATED, 0);
            return 0;
        }
    }
    *next = number(s, tail, (int)link_bytes);
    return 1;
}

static int append(ctiff_pages *pages, size_t *capacity, ctiff_page page) {
    if (pages->count == *capacity) {
        const size_t wanted = *capacity == 0 ? 16 : 2 * *capacity;
        ctiff_page *larger = realloc(pages->pages, wanted * sizeof *larger);
        if (larger == NULL) return 0;
        pages->pages = larger;
        *capacity = wanted;
    }
    pages->pages[pages->count++] = page;
    return 1;
}

/// A directory takes a few bytes of a file, and time and memory here.
enum { most_directories = 1 << 22 };

static void follow(source *s, ctiff_pages *pages) {
    size_t capacity = 0;
    uint64_t offset = read_start(s);
    // Brent's way to find a loop: the mark moves up to where the walk is after 1, 2, 4, … directories.
    uint64_t mark = 0, steps = 0, limit = 1;
    while (offset != 0 && s->error->status == CTIFF_DONE) {
        int is_page = 0, is_described = 0;
        uint64_t next = 0;
        if (!read_directory(s, offset, &is_page, &is_described, &next)) return;
        if (is_page && pages->count == 0) pages->is_described = (uint8_t)is_described;
        const ctiff_page page = {.offset = offset, .number = pages->directories++};
        if (pages->directories > most_directories) {
            refuse(s->error, CTIFF_MANY, most_directories);
            return;
        }
        if (is_page && !append(pages, &capacity, page)) {
            refuse(s->error, CTIFF_SYSTEM, ENOMEM);
            return;
        }
        if (++steps == limit) {
            mark = offset;
            limit *= 2;
        }
        if (next == mark) {
            refuse(s->error, CTIFF_LOOP, 0);
            return;
        }
        offset = next;
    }
}

ctiff_status ctiff_find_pages(int descriptor, ctiff_pages *pages, ctiff_error *error) {
    memset(error, 0, sizeof *error);
    memset(pages, 0, sizeof *pages);
    source s = {.file = descriptor, .error = error};
    struct stat status;
    if (fstat(s.file, &status) != 0) {
        refuse(error, CTIFF_SYSTEM, errno);
    } else {
        s.size = (uint64_t)status.st_size;
        pages->file_bytes = s.size;
        follow(&s, pages);
    }
    return error->status;
}

void ctiff_free_pages(ctiff_pages *pages) {
    free(pages->pages);
    memset(pages, 0, sizeof *pages);
}
