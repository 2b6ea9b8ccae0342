#include "cpng.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

// State that changes between setjmp and longjmp lives behind pointers, never in local variables, whose values would
// be undefined after the jump.

struct cpng_reader {
    png_structp png;
    png_infop info;
    FILE *file;
    cpng_header header;
    /// 1 where the alpha sample is decoded too.
    int keeps_alpha;
    /// Passes over the image, once decoding has begun.
    int passes;
    /// Rows that `cpng_read_rows` has read.
    uint32_t rows;
};

static void clear(cpng_error *error) { memset(error, 0, sizeof *error); }

static void refuse(cpng_error *error, cpng_status status, int code, const char *text) {
    error->status = status;
    error->code = code;
    snprintf(error->text, sizeof error->text, "%s", text);
}

// libpng's handlers. `png_get_error_ptr` is where the current call wants its error.

static void on_error(png_structp png, png_const_charp text) {
    cpng_error *error = png_get_error_ptr(png);
    // A read or write function has noted the cause already.
    if (error->status == CPNG_DONE) refuse(error, CPNG_REFUSED, 0, text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep bytes, size_t count) {
    FILE *file = png_get_io_ptr(png);
    errno = 0;
    if (fread(bytes, 1, count, file) == count) return;
    cpng_error *error = png_get_error_ptr(png);
    if (ferror(file)) refuse(error, CPNG_SYSTEM, errno, "");
    else refuse(error, CPNG_TRUNCATED, 0, "");
    png_error(png, "read error");
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
    errno = 0;
    if (fwrite(bytes, 1, count, png_get_io_ptr(png)) == count) return;
    refuse(png_get_error_ptr(png), CPNG_SYSTEM, errno, "");
    png_error(png, "write error");
}

static void flush_bytes(png_structp png) { (void)png; }

// Reading.

static int has_signature(FILE *file, cpng_error *error) {
    png_byte bytes[8];
    errno = 0;
    size_t count = fread(bytes, 1, sizeof bytes, file);
    if (count < sizeof bytes && ferror(file)) {
        refuse(error, CPNG_SYSTEM, errno, "");
        return 0;
    }
    if (count == 0 || png_sig_cmp(bytes, 0, count) != 0) {
        refuse(error, CPNG_NOT_PNG, 0, "");
        return 0;
    }
    if (count < sizeof bytes) {
        refuse(error, CPNG_TRUNCATED, 0, "");
        return 0;
    }
    return 1;
}

static int read_header(cpng_reader *reader, cpng_error *error) {
    reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, error, on_error, on_warning);
    if (reader->png == NULL) return 0;
    if (setjmp(png_jmpbuf(reader->png))) return 0;
    reader->info = png_create_info_struct(reader->png);
    if (reader->info == NULL) png_error(reader->png, "out of memory");
    png_set_read_fn(reader->png, reader->file, read_bytes);
    png_set_sig_bytes(reader->png, 8);
    // Sizes are judged by the caller, who can say more than "Invalid IHDR data".
    png_set_user_limits(reader->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    // Of the chunks beside pixels, palette and transparency libpng takes none: some get as much memory as they claim to be
    // long. What is wanted of them is read where it stands (PNGMetadata).
    png_set_keep_unknown_chunks(reader->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(reader->png, reader->info);

    int color = png_get_color_type(reader->png, reader->info);
    reader->header.width = png_get_image_width(reader->png, reader->info);
    reader->header.height = png_get_image_height(reader->png, reader->info);
    reader->header.bit_depth = png_get_bit_depth(reader->png, reader->info);
    reader->header.is_palette = color == PNG_COLOR_TYPE_PALETTE;
    reader->header.is_interlaced = png_get_interlace_type(reader->png, reader->info) != PNG_INTERLACE_NONE;
    reader->header.channels = (color & PNG_COLOR_MASK_COLOR) && !reader->header.is_palette ? 3 : 1;
    reader->header.has_alpha = (color & PNG_COLOR_MASK_ALPHA) != 0;
    png_color_16p key = NULL;
    if (!reader->header.is_palette && png_get_tRNS(reader->png, reader->info, NULL, NULL, &key) && key != NULL) {
        const int is_grey = reader->header.channels == 1;
        reader->header.has_key = 1;
        reader->header.key[0] = is_grey ? key->gray : key->red;
        reader->header.key[1] = key->green;
        reader->header.key[2] = key->blue;
    }
    if (reader->header.is_palette) {
        png_colorp palette = NULL;
        int count = 0;
        if (!png_get_PLTE(reader->png, reader->info, &palette, &count)) png_error(reader->png, "no palette");
        reader->header.palette_count = (uint16_t)count;
    }
    return 1;
}

cpng_reader *cpng_open(int descriptor, cpng_header *header, cpng_error *error) {
    clear(error);
    cpng_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        refuse(error, CPNG_SYSTEM, ENOMEM, "");
        close(descriptor);
        return NULL;
    }
    reader->file = fdopen(descriptor, "rb");
    if (reader->file == NULL) {
        refuse(error, CPNG_SYSTEM, errno, "");
        close(descriptor);
        cpng_close(reader);
        return NULL;
    }
    struct stat status;
    if (fstat(fileno(reader->file), &status) == 0 && S_ISREG(status.st_mode)) {
        reader->header.file_bytes = (uint64_t)status.st_size;
    }
    if (!has_signature(reader->file, error) || !read_header(reader, error)) {
        if (error->status == CPNG_DONE) refuse(error, CPNG_REFUSED, 0, "out of memory");
        cpng_close(reader);
        return NULL;
    }
    *header = reader->header;
    return reader;
}

void cpng_palette(const cpng_reader *reader, uint8_t *colors) {
    png_colorp palette = NULL;
    int count = 0;
    png_get_PLTE(reader->png, reader->info, &palette, &count);
    for (int i = 0; i < count && i < reader->header.palette_count; i++) {
        colors[3 * i] = palette[i].red;
        colors[3 * i + 1] = palette[i].green;
        colors[3 * i + 2] = palette[i].blue;
    }
}

int cpng_palette_alpha(const cpng_reader *reader, uint8_t *alpha) {
    png_bytep known = NULL;
    int count = 0;
    memset(alpha, 255, reader->header.palette_count);
    if (!png_get_tRNS(reader->png, reader->info, &known, &count, NULL) || known == NULL) return 0;
    for (int i = 0; i < count && i < reader->header.palette_count; i++) alpha[i] = known[i];
    return 1;
}

void cpng_keep_alpha(cpng_reader *reader) { reader->keeps_alpha = 1; }

size_t cpng_inflate(const uint8_t *packed, size_t count, uint8_t *bytes, size_t capacity) {
    uLongf length = capacity;
    return uncompress(bytes, &length, packed, count) == Z_OK ? length : 0;
}

static int is_little_endian(void) {
    const uint16_t one = 1;
    return *(const uint8_t *)&one;
}

static size_t row_bytes(const cpng_header *header, int alpha) {
    return (size_t)header->width * (size_t)(header->channels + alpha) * (header->bit_depth == 16 ? 2 : 1);
}

// Says how samples shall come out; called inside a setjmp.
static void begin(cpng_reader *reader) {
    png_structp png = reader->png;
    png_set_packing(png);
    if (!reader->keeps_alpha) png_set_strip_alpha(png);
    if (reader->header.bit_depth == 16 && is_little_endian()) png_set_swap(png);
    reader->passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader->info);
    const size_t bytes = row_bytes(&reader->header, reader->keeps_alpha);
    if (png_get_rowbytes(png, reader->info) != bytes) png_error(png, "unexpected size of a row");
}

cpng_status cpng_read(cpng_reader *reader, void *samples, cpng_error *error) {
    clear(error);
    png_structp png = reader->png;
    png_set_error_fn(png, error, on_error, on_warning);
    if (setjmp(png_jmpbuf(png))) return error->status;

    begin(reader);
    const size_t bytes = row_bytes(&reader->header, reader->keeps_alpha);
    for (int pass = 0; pass < reader->passes; pass++) {
        for (uint32_t y = 0; y < reader->header.height; y++) {
            png_read_row(png, (png_bytep)samples + y * bytes, NULL);
        }
    }
    png_read_end(png, NULL);
    return CPNG_DONE;
}

cpng_status cpng_read_rows(cpng_reader *reader, uint32_t count, void *samples, cpng_error *error) {
    clear(error);
    png_structp png = reader->png;
    png_set_error_fn(png, error, on_error, on_warning);
    if (setjmp(png_jmpbuf(png))) return error->status;

    if (reader->passes == 0) begin(reader);
    const size_t bytes = row_bytes(&reader->header, reader->keeps_alpha);
    for (uint32_t y = 0; y < count; y++) png_read_row(png, (png_bytep)samples + y * bytes, NULL);
    reader->rows += count;
    if (reader->rows == reader->header.height) png_read_end(png, NULL);
    return CPNG_DONE;
}

void cpng_close(cpng_reader *reader) {
    if (reader->png != NULL) png_destroy_read_struct(&reader->png, &reader->info, NULL);
    if (reader->file != NULL) fclose(reader->file);
    free(reader);
}

// Writing.

typedef struct {
    png_structp png;
    png_infop info;
    FILE *file;
} writer;

static void write_image(
    writer *w, const cpng_header *header, const uint8_t *colors, const void *samples, cpng_error *error) {
    w->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, error, on_error, on_warning);
    if (w->png == NULL) {
        if (error->status == CPNG_DONE) refuse(error, CPNG_REFUSED, 0, "out of memory");
        return;
    }
    if (setjmp(png_jmpbuf(w->png))) return;
    w->info = png_create_info_struct(w->png);
    if (w->info == NULL) png_error(w->png, "out of memory");
    png_set_write_fn(w->png, w->file, write_bytes, flush_bytes);
    png_set_user_limits(w->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    const int color = header->is_palette ? PNG_COLOR_TYPE_PALETTE
        : header->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY;
    png_set_IHDR(
        w->png, w->info, header->width, header->height, header->bit_depth, color, PNG_INTERLACE_NONE,
        PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (header->is_palette) {
        png_color palette[256];
        for (int i = 0; i < header->palette_count; i++) {
            palette[i] = (png_color){colors[3 * i], colors[3 * i + 1], colors[3 * i + 2]};
        }
        png_set_PLTE(w->png, w->info, palette, header->palette_count);
    }
    png_write_info(w->png, w->info);
    if (header->bit_depth == 16 && is_little_endian()) png_set_swap(w->png);
    for (uint32_t y = 0; y < header->height; y++) {
        png_write_row(w->png, (png_const_bytep)samples + y * row_bytes(header, 0));
    }
    png_write_end(w->png, NULL);
}

cpng_status cpng_write(
    int descriptor, const cpng_header *header, const uint8_t *colors, const void *samples, cpng_error *error) {
    clear(error);
    writer w = {NULL, NULL, fdopen(descriptor, "wb")};
    if (w.file == NULL) {
        refuse(error, CPNG_SYSTEM, errno, "");
        close(descriptor);
        return error->status;
    }
    write_image(&w, header, colors, samples, error);
    if (w.png != NULL) png_destroy_write_struct(&w.png, &w.info);
    errno = 0;
    // What a full disk refuses may only show here, when the stream's buffer goes out.
    if (fclose(w.file) != 0 && error->status == CPNG_DONE) refuse(error, CPNG_SYSTEM, errno, "");
    return error->status;
}

const char *cpng_error_text(const cpng_error *error) { return error->text; }
