#include "cjpeg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// jpeglib.h wants stdio.h before it.
#include <jpeglib.h>
#include <jerror.h>

// State that changes between setjmp and longjmp lives behind pointers, never in local variables, whose values would
// be undefined after the jump.

struct cjpeg_reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr manager;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    FILE *file;
    cjpeg_header header;
    /// Where the current call wants its error.
    cjpeg_error *error;
};

static void refuse(cjpeg_error *error, cjpeg_status status, int code, const char *text) {
    error->status = status;
    error->code = code;
    snprintf(error->text, sizeof error->text, "%s", text);
}

// libjpeg's handlers.

static void on_error(j_common_ptr jpeg) {
    cjpeg_reader *reader = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    const int is_unreadable = jpeg->err->msg_code == JERR_INPUT_EMPTY && ferror(reader->file);
    if (jpeg->err->msg_code == JERR_FILE_READ || is_unreadable) refuse(reader->error, CJPEG_SYSTEM, errno, "");
    else if (jpeg->err->msg_code == JERR_INPUT_EOF) refuse(reader->error, CJPEG_TRUNCATED, 0, "");
    else if (jpeg->err->msg_code == JERR_BAD_PRECISION) {
        refuse(reader->error, CJPEG_PRECISION, jpeg->err->msg_parm.i[0], "");
    } else if (jpeg->err->msg_code == JERR_SOF_UNSUPPORTED || jpeg->err->msg_code == JERR_UNKNOWN_MARKER) {
        refuse(reader->error, CJPEG_PROCESS, jpeg->err->msg_parm.i[0], "");
    } else if (jpeg->err->msg_code == JERR_ARITH_NOTIMPL) {
        refuse(reader->error, CJPEG_PROCESS, 0xC9, "");
    } else refuse(reader->error, CJPEG_REFUSED, 0, text);
    longjmp(reader->jump, 1);
}

static void on_message(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    // libjpeg goes on with grey pixels where data are missing or make no sense.
    switch (jpeg->err->msg_code) {
        case JWRN_JPEG_EOF:
            if (ferror(((cjpeg_reader *)jpeg->client_data)->file)) jpeg->err->msg_code = JERR_FILE_READ;
            else jpeg->err->msg_code = JERR_INPUT_EOF;
            on_error(jpeg);
            break;
        case JWRN_HIT_MARKER:
        case JWRN_HUFF_BAD_CODE:
        case JWRN_MUST_RESYNC:
        case JWRN_NOT_SEQUENTIAL:
        case JWRN_ARITH_BAD_CODE:
            on_error(jpeg);
            break;
        default:
            break;
    }
}

/// A scan takes a few bytes of a progressive file and, here, time for the whole image.
enum { most_scans = 200 };

static void on_progress(j_common_ptr jpeg) {
    if (!jpeg->is_decompressor || ((j_decompress_ptr)jpeg)->input_scan_number <= most_scans) return;
    cjpeg_reader *reader = jpeg->client_data;
    refuse(reader->error, CJPEG_REFUSED, 0, "it has more than 200 scans");
    longjmp(reader->jump, 1);
}

static void say_nothing(j_common_ptr jpeg) { (void)jpeg; }

static int is_jpeg(FILE *file, cjpeg_error *error) {
    unsigned char bytes[3];
    errno = 0;
    const size_t count = fread(bytes, 1, sizeof bytes, file);
    if (count < sizeof bytes && ferror(file)) refuse(error, CJPEG_SYSTEM, errno, "");
    else if (count < 3 || bytes[0] != 0xFF || bytes[1] != 0xD8 || bytes[2] != 0xFF) {
        refuse(error, CJPEG_NOT_JPEG, 0, "");
    } else rewind(file);
    return error->status == CJPEG_DONE;
}

static int read_header(cjpeg_reader *reader) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg->err = jpeg_std_error(&reader->manager);
    reader->manager.error_exit = on_error;
    reader->manager.emit_message = on_message;
    reader->manager.output_message = say_nothing;
    jpeg->client_data = reader;
    if (setjmp(reader->jump)) return 0;
    jpeg_create_decompress(jpeg);
    reader->progress.progress_monitor = on_progress;
    jpeg->progress = &reader->progress;
    jpeg_stdio_src(jpeg, reader->file);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->jpeg_color_space == JCS_GRAYSCALE) {
        jpeg->out_color_space = JCS_GRAYSCALE;
    } else if (jpeg->jpeg_color_space == JCS_YCbCr || jpeg->jpeg_color_space == JCS_RGB) {
        jpeg->out_color_space = JCS_RGB;
    } else {
        refuse(reader->error, CJPEG_COLORS, jpeg->num_components, "");
        return 0;
    }
    // The result must not depend on how fast the machine's own instructions are.
    jpeg->dct_method = JDCT_ISLOW;
    jpeg_calc_output_dimensions(jpeg);
    reader->header.width = jpeg->output_width;
    reader->header.height = jpeg->output_height;
    reader->header.channels = jpeg->out_color_space == JCS_RGB ? 3 : 1;
    reader->header.is_buffered = jpeg_has_multiple_scans(jpeg) != 0;
    return 1;
}

cjpeg_reader *cjpeg_open(int descriptor, cjpeg_header *header, cjpeg_error *error) {
    memset(error, 0, sizeof *error);
    cjpeg_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        refuse(error, CJPEG_SYSTEM, ENOMEM, "");
        close(descriptor);
        return NULL;
    }
    reader->error = error;
    reader->file = fdopen(descriptor, "rb");
    if (reader->file == NULL) {
        refuse(error, CJPEG_SYSTEM, errno, "");
        close(descriptor);
        cjpeg_close(reader);
        return NULL;
    }
    if (!is_jpeg(reader->file, error) || !read_header(reader)) {
        cjpeg_close(reader);
        return NULL;
    }
    *header = reader->header;
    return reader;
}

const uint8_t *cjpeg_app1(const cjpeg_reader *reader, int index, uint32_t *count) {
    jpeg_saved_marker_ptr marker = reader->jpeg.marker_list;
    while (marker != NULL && index-- > 0) marker = marker->next;
    *count = marker == NULL ? 0 : marker->data_length;
    return marker == NULL ? NULL : marker->data;
}

cjpeg_status cjpeg_read(cjpeg_reader *reader, uint8_t *samples, cjpeg_error *error) {
    memset(error, 0, sizeof *error);
    reader->error = error;
    if (setjmp(reader->jump)) return error->status;
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg_start_decompress(jpeg);
    const size_t row_bytes = (size_t)reader->header.width * reader->header.channels;
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = samples + jpeg->output_scanline * row_bytes;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
    return CJPEG_DONE;
}

void cjpeg_close(cjpeg_reader *reader) {
    // Nothing to release where it was not made: the structure is 0 then.
    jpeg_destroy_decompress(&reader->jpeg);
    if (reader->file != NULL) fclose(reader->file);
    free(reader);
}

const char *cjpeg_error_text(const cjpeg_error *error) { return error->text; }
