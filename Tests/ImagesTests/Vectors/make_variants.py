#!/usr/bin/env python3
"""Makes the files in variants/ and variants.json: python make_variants.py (needs numpy, tifffile, imagecodecs, Pillow).

Each file is one way to store an image of 29 rows and 37 columns, mostly of value(row, column, channel) = (31·row +
7·column + 53·channel + 101·page) mod 251, folded to the sample's range. variants.json has of each file what reading it
must give: 16 digits of the SHA-256 of the samples (little-endian, 16-bit integers or 32-bit floats) as numbers and as light. What is
expected is not what was written but what tifffile reads, and where the file is to be turned, what Pillow's
exif_transpose makes of it.
"""

import hashlib
import json
import pathlib
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image, ImageOps, PngImagePlugin

here = pathlib.Path(__file__).parent / "variants"
here.mkdir(exist_ok=True)
ROWS, COLUMNS = 29, 37
# Of the images of stacks.
LOW, NARROW = 13, 17
expected = []


def values(channels=1, page=0, rows=ROWS, columns=COLUMNS):
    y, x, c = np.ogrid[0:rows, 0:columns, 0:channels]
    out = (31 * y + 7 * x + 53 * c + 101 * page) % 251
    return out[:, :, 0] if channels == 1 else out


def digest(array, is_float):
    return hashlib.sha256(np.ascontiguousarray(array, "<f4" if is_float else "<u2").tobytes()).hexdigest()[:16]


def turned(array, orientation):
    """What exif_transpose does, of samples that Pillow has no mode for."""
    ways = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_90}
    if orientation == 1:
        return array
    place = np.arange(array.shape[0] * array.shape[1], dtype=np.int32).reshape(array.shape[:2])
    place = np.asarray(Image.fromarray(place).transpose(ways[orientation]))
    return array.reshape(-1, *array.shape[2:])[place]


def note(name, numbers, maximum, light=None, *, page=None, pages=1, alpha=None, alpha_maximum=255, white_zero=False,
         is_palette=False, alpha_samples=0):
    """What reading the file must give."""
    light = numbers if light is None else light
    is_float = numbers.dtype.kind == "f" or maximum > 65535 or numbers.dtype in (np.int8, np.int16, np.int32)
    same = alpha is None or (alpha == alpha.flat[0]).all()
    expected.append({
        "file": name, "page": page or 0, "pages": pages, "width": numbers.shape[1], "height": numbers.shape[0],
        "channels": 1 if numbers.ndim == 2 else numbers.shape[2], "maximum": maximum, "isFloat": bool(is_float),
        "isPalette": is_palette, "isWhiteZero": white_zero, "alphaSamples": alpha_samples,
        "alpha": None if same else digest(alpha, False), "alphaMaximum": None if same else alpha_maximum,
        "numbers": digest(numbers, is_float), "light": digest(light, is_float)})


def tiff(name, array, maximum, *, light=None, orientation=1, numbers=None, **options):
    """Writes a TIFF by tifffile, and expects what tifffile reads back."""
    arguments = dict(photometric="minisblack", metadata=None, software=None)
    arguments.update(options)
    if orientation != 1:
        arguments["extratags"] = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(here / name, array, **arguments)
    read_back(name, maximum, light=light, orientation=orientation, numbers=numbers)


def read_back(name, maximum, *, light=None, orientation=1, numbers=None):
    with tifffile.TiffFile(here / name) as file:
        assert len(file.pages) == 1, name
        page = file.pages[0]
        stored = page.asarray()
        if stored.dtype == bool:
            stored = stored.astype(np.uint8)
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            stored = np.moveaxis(stored, 0, -1)
        extra = [int(kind) for kind in page.extrasamples]
        white = page.photometric == 0
        palette = page.photometric == 3
        colors = page.colormap
    channels = 1 if stored.ndim == 2 else stored.shape[2]
    alphas = [channels - len(extra) + i for i, kind in enumerate(extra) if kind in (1, 2)]
    alpha = stored[:, :, alphas[0]] if alphas else None
    if alphas:
        stored = np.delete(stored, alphas, axis=2)
        if stored.shape[2] == 1:
            stored = stored[:, :, 0]
    if numbers is not None:
        assert (stored == numbers).all(), name
    if light is None and white:
        light = (1 - stored) if stored.dtype.kind == "f" else maximum - stored.astype(np.int64)
    if palette:
        light = np.moveaxis(colors[:, stored] >> 8, 0, -1)
    note(name, turned(stored, orientation), maximum, None if light is None else turned(np.asarray(light), orientation),
         alpha=None if alpha is None else turned(alpha, orientation), alpha_maximum=maximum, white_zero=bool(white),
         is_palette=bool(palette), alpha_samples=len(alphas))


def raw_tiff(name, tags, data, order="<", tail=b""):
    """A TIFF of one directory, tag by tag: {number: (type, values)}; 273 is filled in."""
    tags = dict(tags)
    tags.setdefault(273, (4, [0]))
    tags.setdefault(279, (4, [len(data)]))
    sizes = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I"}
    start = 8 + 2 + 12 * len(tags) + 4
    extra, entries = b"", []
    packed = {}
    for tag in sorted(tags):
        kind, items = tags[tag]
        packed[tag] = struct.pack(order + f"{len(items)}{sizes[kind]}", *items)
    room = sum((len(b) + 1) // 2 * 2 for b in packed.values() if len(b) > 4)
    packed[273] = struct.pack(order + "I", start + room)
    for tag in sorted(tags):
        kind, items = tags[tag]
        body = packed[tag]
        count = len(items) // (2 if kind == 5 else 1)
        if len(body) > 4:
            place = struct.pack(order + "I", start + len(extra))
            extra += body + b"\0" * (len(body) % 2)
        else:
            place = body.ljust(4, b"\0")
        entries.append(struct.pack(order + "HHI", tag, kind, count) + place)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    (here / name).write_bytes(head + b"".join(entries) + struct.pack(order + "I", 0) + extra + data + tail)


def basic_tags(rows, columns, bits, photometric=1, samples=1):
    return {256: (4, [columns]), 257: (4, [rows]), 258: (3, [bits] * samples), 259: (3, [1]), 262: (3, [photometric]),
            277: (3, [samples]), 278: (4, [rows])}


def text(description):
    return (2, list(description.encode() + b"\0"))


def png(name, rows, bits, kind, *, before=(), after=(), palette=None):
    """A PNG chunk by chunk, of rows of packed bytes."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    height = len(rows)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", COLUMNS, height, bits, kind, 0, 0, 0))
    if palette is not None:
        out += chunk(b"PLTE", bytes(palette))
    for c in before:
        out += chunk(*c)
    out += chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(row) for row in rows)))
    for c in after:
        out += chunk(*c)
    (here / name).write_bytes(out + chunk(b"IEND", b""))


def packed(array, bits):
    """Rows of bytes, samples packed from the highest bit on."""
    if bits == 16:
        return [row.astype(">u2").tobytes() for row in array.reshape(array.shape[0], -1)]
    rows = []
    for row in array.reshape(array.shape[0], -1).astype(np.uint8):
        digits = np.unpackbits(row[:, None], axis=1)[:, 8 - bits:]
        rows.append(np.packbits(digits.reshape(-1)).tobytes())
    return rows


def exif(orientation, order="<"):
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entries = [(0x010F, 2, 3, b"ab\0\0"), (0x0112, 3, 1, struct.pack(order + "HH", orientation, 0))]
    return head + struct.pack(order + "H", len(entries)) + b"".join(
        struct.pack(order + "HHI", t, k, c) + v for t, k, c, v in entries) + struct.pack(order + "I", 0)


grey = values().astype(np.uint8)
wide = (values() * 257 + 3).astype(np.uint16)
mask = values() % 3 == 0

# Bit depths and photometric interpretations.
tiff("bool-as-tifffile-writes-it.tif", mask, 1, photometric=None)
tiff("bits1-miniswhite-packbits.tif", mask, 1, photometric="miniswhite", compression="packbits")
for bits in (2, 4, 6, 10, 14):
    array = (values() % (1 << min(bits, 8))).astype(np.uint8 if bits <= 8 else np.uint16)
    array = array if bits <= 8 else (values() << (bits - 8)).astype(np.uint16)
    tiff(f"bits{bits}.tif", array, (1 << bits) - 1, bitspersample=bits)
tiff("bits4-miniswhite.tif", (values() % 16).astype(np.uint8), 15, bitspersample=4, photometric="miniswhite")
tiff("bits12-miniswhite-big-endian.tif", (values() * 16).astype(np.uint16), 4095, bitspersample=12,
     photometric="miniswhite", byteorder=">")
tiff("mask255-miniswhite.tif", mask.astype(np.uint8) * 255, 255, photometric="miniswhite")
tiff("numbers8-miniswhite-lzw.tif", grey, 255, photometric="miniswhite", compression="lzw", predictor=True)
tiff("numbers16-miniswhite-big-endian-tiles.tif", wide, 65535, photometric="miniswhite", byteorder=">", tile=(16, 16))
tiff("numbers32-miniswhite.tif", values().astype(np.uint32), (1 << 32) - 1, photometric="miniswhite")
tiff("two-samples-miniswhite.tif", values(2).astype(np.uint8), 255, photometric="miniswhite", planarconfig="contig",
     compression="deflate")
tiff("signed8.tif", (values() - 125).astype(np.int8), 127)
tiff("signed32-big-endian.tif", (values() - 125).astype(np.int32), (1 << 31) - 1, byteorder=">", compression="lzma")
tiff("unsigned64.tif", values().astype(np.uint64), (1 << 64) - 1, compression="deflate")
tiff("half-big-endian.tif", (values() / 8 - 3).astype(np.float16), 1, byteorder=">", compression="deflate")
tiff("float-predictor-tiles.tif", (values() / 8 - 3).astype(np.float32), 1, compression="deflate", predictor=3,
     tile=(16, 16))

# Palettes: what is stored, and the colours.
colors = np.zeros((3, 256), np.uint16)
for i in range(256):
    colors[:, i] = [257 * i, 257 * (255 - i), 257 * (i * 3 % 256)]
tiff("palette8-white-first.tif", mask.astype(np.uint8), 255, photometric="palette",
     colormap=np.repeat(np.array([[65535, 0] + [0] * 254], np.uint16), 3, axis=0))
for bits in (1, 2, 4):
    few = (values() % (1 << bits)).astype(np.uint8)
    tags = basic_tags(ROWS, COLUMNS, bits, 3)
    tags[320] = (3, [int(c) for c in colors[:, :: 256 >> bits].reshape(-1)])
    raw_tiff(f"palette{bits}.tif", tags, b"".join(packed(few, bits)))
    note(f"palette{bits}.tif", few, 255, np.moveaxis(colors[:, :: 256 >> bits][:, few] >> 8, 0, -1), is_palette=True)
    entries = np.moveaxis(colors[:, :: 256 >> bits] >> 8, 0, -1).astype(np.uint8)
    png(f"palette{bits}.png", packed(few, bits), bits, 3, palette=entries.tobytes())
    note(f"palette{bits}.png", few, 255, entries[few].astype(np.int64), is_palette=True)

# Compressions.
tiff("lzw-predictor16-big-endian.tif", wide, 65535, compression="lzw", predictor=True, byteorder=">", rowsperstrip=5)
tiff("deflate-of-adobe.tif", grey, 255, compression="adobe_deflate", rowsperstrip=7)
tiff("zstd.tif", wide, 65535, compression="zstd", predictor=True)
tiff("lerc.tif", wide, 65535, compression="lerc")
tifffile.imwrite(here / "lerc-lossy.tif", wide, compression="lerc", compressionargs={"level": 2}, photometric="minisblack",
                 metadata=None, software=None)
tifffile.imwrite(here / "webp-lossy.tif", values(3).astype(np.uint8), photometric="rgb", compression="webp", metadata=None,
                 software=None, compressionargs={"lossless": False})
tiff("webp-lossless.tif", values(3).astype(np.uint8), 255, photometric="rgb", compression="webp",
     compressionargs={"lossless": True})
for kind in ("tiff_ccitt", "group3", "group4"):
    for photometric in (0, 1):
        name = f"{kind.replace('tiff_', '')}-{'miniswhite' if photometric == 0 else 'minisblack'}.tif"
        info = {262: photometric}
        Image.fromarray(mask).save(here / name, compression=kind, tiffinfo=info)
        read_back(name, 1)

# Layouts.
tiff("rgb-planar-strips.tif", np.moveaxis(values(3), 2, 0).astype(np.uint8), 255, photometric="rgb",
     planarconfig="separate", rowsperstrip=8, compression="lzw")
tiff("rgb16-planar-predictor-tiles.tif", np.moveaxis(values(3) * 257, 2, 0).astype(np.uint16), 65535, photometric="rgb",
     planarconfig="separate", tile=(16, 32), compression="deflate", predictor=True)
tiff("tile-larger-than-the-image.tif", grey, 255, tile=(64, 48), compression="deflate")
tiff("bigtiff-big-endian.tif", wide, 65535, bigtiff=True, byteorder=">", rowsperstrip=3)
tiff("bigtiff-tiles-float.tif", (values() / 8 - 3).astype(np.float32), 1, bigtiff=True, tile=(16, 16),
     compression="deflate")
reverse = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))
for bits, array in ((1, mask.astype(np.uint8)), (4, (values() % 16).astype(np.uint8)), (8, grey)):
    tags = basic_tags(ROWS, COLUMNS, bits)
    tags[266] = (3, [2])
    raw_tiff(f"fill-order2-bits{bits}.tif", tags, b"".join(packed(array, bits)).translate(reverse))
    note(f"fill-order2-bits{bits}.tif", array, (1 << bits) - 1)

# Alpha.
tiff("grey-alpha.tif", values(2).astype(np.uint8), 255, planarconfig="contig", extrasamples=["unassalpha"])
tiff("grey-alpha-planar16.tif", np.moveaxis(values(2) * 257, 2, 0).astype(np.uint16), 65535, planarconfig="separate",
     extrasamples=["assocalpha"])
tiff("grey-opaque-alpha.tif", np.dstack([grey, np.full_like(grey, 255)]), 255, planarconfig="contig",
     extrasamples=["unassalpha"])
tiff("rgba-associated.tif", values(4).astype(np.uint8), 255, photometric="rgb", extrasamples=["assocalpha"],
     compression="deflate")
tiff("rgb-infrared-alpha.tif", values(5).astype(np.uint8), 255, photometric="rgb",
     extrasamples=["unspecified", "unassalpha"])
png("grey-alpha.png", packed(values(2), 8), 8, 4)
note("grey-alpha.png", values(), 255, alpha=values(2)[:, :, 1], alpha_samples=1)
png("grey-alpha16.png", packed(values(2) * 257, 16), 16, 4)
note("grey-alpha16.png", values() * 257, 65535, alpha=values(2)[:, :, 1] * 257, alpha_maximum=65535, alpha_samples=1)
png("rgba.png", packed(values(4), 8), 8, 6)
note("rgba.png", values(4)[:, :, :3], 255, alpha=values(4)[:, :, 3], alpha_samples=1)
png("rgba-opaque.png", packed(np.dstack([values(3), np.full((ROWS, COLUMNS), 255)]), 8), 8, 6)
note("rgba-opaque.png", values(3), 255, alpha_samples=1)
png("grey-transparent.png", packed(grey, 8), 8, 0, before=[(b"tRNS", struct.pack(">H", 7))])
note("grey-transparent.png", values(), 255, alpha=np.where(grey == 7, 0, 255))
png("grey2-transparent.png", packed(values() % 4, 2), 2, 0, before=[(b"tRNS", struct.pack(">H", 3))])
note("grey2-transparent.png", values() % 4, 3, alpha=np.where(values() % 4 == 3, 0, 255))
png("rgb-transparent.png", packed(values(3), 8), 8, 2, before=[(b"tRNS", struct.pack(">HHH", *values(3)[4, 5]))])
note("rgb-transparent.png", values(3), 255, alpha=np.where((values(3) == values(3)[4, 5]).all(axis=2), 0, 255))
png("palette-transparent.png", packed(values() % 4, 8), 8, 3, palette=bytes(range(0, 120, 10)),
    before=[(b"tRNS", bytes([0, 100]))])
note("palette-transparent.png", values() % 4, 255, np.arange(0, 120, 10).reshape(4, 3)[values() % 4],
     alpha=np.array([0, 100, 255, 255])[values() % 4], is_palette=True)
for bits in (1, 2, 4, 16):
    array = values() % (1 << bits) if bits < 16 else values() * 257
    png(f"grey{bits}.png", packed(array, bits), bits, 0)
    note(f"grey{bits}.png", array, (1 << bits) - 1)

# Orientations: of TIFF, PNG and JPEG. Pillow turns what it reads; the TIFF of a kind that it has no mode for is turned alike.
for o in range(1, 9):
    tiff(f"orientation{o}.tif", wide, 65535, orientation=o, rowsperstrip=4, compression="deflate")
    assert (np.asarray(ImageOps.exif_transpose(Image.open(here / f"orientation{o}.tif"))) == turned(wide, o)).all()
    png(f"orientation{o}.png", packed(grey, 8), 8, 0, before=[(b"eXIf", exif(o, "<>"[o % 2]))])
    note(f"orientation{o}.png", turned(grey, o), 255)
    assert (np.asarray(ImageOps.exif_transpose(Image.open(here / f"orientation{o}.png"))) == turned(grey, o)).all()
tiff("orientation6-rgb-tiles.tif", values(3).astype(np.uint8), 255, orientation=6, photometric="rgb", tile=(16, 16))
tiff("orientation7-float.tif", (values() / 256).astype(np.float32), 1, orientation=7, compression="deflate")
tiff("orientation8-grey-alpha.tif", values(2).astype(np.uint8), 255, orientation=8, extrasamples=["unassalpha"],
     planarconfig="contig")
profile = b"\nexif\n" + f"{len(exif(6)) + 6:8d}\n".encode() + (b"Exif\0\0" + exif(6)).hex().encode() + b"\n"
xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
wrong = b"II*\0\xff\xff\xff\0"
for name, options, o in (
    ("exif-after-the-pixels", dict(after=[(b"eXIf", exif(3))]), 3),
    ("exif-in-text", dict(before=[(b"tEXt", b"Raw profile type exif\0" + profile)]), 6),
    ("exif-in-packed-text-after-the-pixels",
     dict(after=[(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile))]), 6),
    ("xmp", dict(before=[(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)]), 8),
    ("xmp-packed", dict(before=[(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp))]), 8),
    ("exif-before-xmp", dict(before=[(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp), (b"eXIf", exif(5))]), 5),
    ("exif-damaged", dict(before=[(b"eXIf", wrong)]), 1),
    ("exif-of-no-orientation", dict(before=[(b"eXIf", exif(9))]), 1),
):
    png(f"{name}.png", packed(grey, 8), 8, 0, **options)
    note(f"{name}.png", turned(grey, o), 255)
    assert (np.asarray(ImageOps.exif_transpose(Image.open(here / f"{name}.png"))) == turned(grey, o)).all(), name
png("exif-of-an-rgba.png", packed(values(4), 8), 8, 6, before=[(b"eXIf", exif(6))])
note("exif-of-an-rgba.png", turned(values(4)[:, :, :3], 6), 255, alpha=turned(values(4)[:, :, 3], 6), alpha_samples=1)
png("exif-of-a-palette.png", packed(values() % 4, 2), 2, 3, palette=bytes(range(0, 120, 10)),
    before=[(b"eXIf", exif(8))])
note("exif-of-a-palette.png", turned(values() % 4, 8), 255,
     turned(np.arange(0, 120, 10).reshape(4, 3)[values() % 4], 8), is_palette=True)
tags = basic_tags(ROWS, COLUMNS, 8)
tags[700] = (1, list(xmp))
raw_tiff("xmp.tif", tags, grey.tobytes())
note("xmp.tif", turned(grey, 8), 255)
assert (np.asarray(ImageOps.exif_transpose(Image.open(here / "xmp.tif"))) == turned(grey, 8)).all()
for name, value in (("orientation0.tif", 0), ("orientation9.tif", 9)):
    tags = basic_tags(ROWS, COLUMNS, 8)
    tags[274] = (3, [value])
    raw_tiff(name, tags, grey.tobytes())
    note(name, grey, 255)

# JPEG is not exact: stored so that the picture is always the same, red 3·column, green 4·row, of 40 rows and 64 columns.
y, x = np.mgrid[0:40, 0:64]
smooth = np.stack([3 * x, 4 * y, np.full_like(x, 90)], axis=2).astype(np.uint8)
back = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
for o in range(1, 9):
    tag = Image.Exif()
    tag[0x0112] = o
    Image.fromarray(turned(smooth, back[o])).save(here / f"orientation{o}.jpg", quality=95, exif=tag)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(here / f"orientation{o}.jpg"))).astype(int)
    assert abs(shown - smooth).max() < 8, o
Image.fromarray(turned(smooth, 6)).save(here / "xmp.jpg", quality=95, xmp=xmp)
assert abs(np.asarray(ImageOps.exif_transpose(Image.open(here / "xmp.jpg"))).astype(int) - smooth).max() < 8

# Stacks in one directory, page by page.
def imagej(name, pages, order=">", description=None, tail=b"", **extra):
    """The layout of ImageJ's stacks above 4 GB: one directory, the planes behind each other."""
    n, h, w = pages.shape[:3]
    samples = 1 if pages.ndim == 3 else pages.shape[3]
    description = description or f"ImageJ=1.54f\nimages={n}\nslices={n}\nloop=false\n"
    tags = basic_tags(h, w, pages.itemsize * 8, 1 if samples == 1 else 2, samples)
    if pages.dtype.kind == "f":
        tags[339] = (3, [3])
    tags[270] = text(description)
    tags[279] = (4, [h * w * samples * pages.itemsize])
    tags.update(extra.get("tags", {}))
    raw_tiff(name, tags, pages.astype(pages.dtype.newbyteorder(order)).tobytes() + tail, order)


def planes(n, channels=1, scale=1, dtype=np.uint8):
    return np.stack([values(channels, page, LOW, NARROW) * scale for page in range(n)]).astype(dtype)


def stack(name, pages, maximum):
    for page in range(len(pages)):
        note(name, pages[page], maximum, page=page, pages=len(pages))


for name, pages, order, maximum in (
    ("imagej-8-bits.tif", planes(5), ">", 255), ("imagej-16-bits.tif", planes(4, scale=257, dtype=np.uint16), ">", 65535),
    ("imagej-16-bits-little-endian.tif", planes(4, scale=257, dtype=np.uint16), "<", 65535),
    ("imagej-float.tif", planes(3, scale=1 / 8, dtype=np.float32), ">", 1), ("imagej-rgb.tif", planes(3, 3), ">", 255),
):
    imagej(name, pages, order)
    read = tifffile.imread(here / name)
    assert read.shape == pages.shape and (read == pages).all(), (name, read.shape)
    stack(name, pages, maximum)
for name, options in (("truncated.tif", {}), ("truncated-bigtiff.tif", dict(bigtiff=True, byteorder=">"))):
    pages = planes(4, scale=257, dtype=np.uint16)
    tifffile.imwrite(here / name, pages, photometric="minisblack", truncate=True, software=None, **options)
    assert len(tifffile.TiffFile(here / name).pages) == 1 and (tifffile.imread(here / name) == pages).all()
    stack(name, pages, 65535)
tifffile.imwrite(here / "truncated-rgb.tif", planes(3, 3), photometric="rgb", truncate=True, software=None)
stack("truncated-rgb.tif", planes(3, 3), 255)
tifffile.imwrite(here / "depth.tif", planes(5), photometric="minisblack", volumetric=True, metadata=None, software=None,
                 rowsperstrip=LOW)
assert len(tifffile.TiffFile(here / "depth.tif").pages) == 1
stack("depth.tif", planes(5), 255)
tags = basic_tags(LOW, NARROW, 8)
tags[33629] = (5, [0, 1] * 3)
raw_tiff("metamorph.stk.tif", tags, planes(3).tobytes())
stack("metamorph.stk.tif", planes(3), 255)

# Channels as pages. The tests know which pages belong together.
def hyperstack(name, t, z, c, dtype=np.uint8, **options):
    pages = np.stack([values(page=p, rows=LOW, columns=NARROW) for p in range(t * z * c)]).astype(dtype)
    pages = pages.reshape(t, z, c, LOW, NARROW)
    tifffile.imwrite(here / name, pages, imagej=True, metadata={"axes": "TZCYX"}, **options)


hyperstack("imagej-t2-c2.tif", 2, 1, 2)
hyperstack("imagej-t2-z2-c3.tif", 2, 2, 3)
imagej("imagej-c2-in-one-directory.tif", planes(6),
       description="ImageJ=1.54f\nimages=6\nchannels=2\nslices=3\nhyperstack=true\n")
imagej("imagej-order-zct.tif", planes(6), description="ImageJ=1.54f\nimages=6\nchannels=2\nslices=3\norder=zct\n")


def ome(name, axes, shape, **options):
    count = int(np.prod(shape))
    pages = np.stack([values(page=p, rows=LOW, columns=NARROW) for p in range(count)]).astype(np.uint8)
    pages = pages.reshape(*shape, LOW, NARROW)
    tifffile.imwrite(here / name, pages, ome=True, photometric="minisblack", compression="deflate",
                     metadata={"axes": axes + "YX", **options})


ome("c2.ome.tif", "C", (2,))
ome("t2-z2-c2.ome.tif", "TZC", (2, 2, 2))
ome("t2-c2-z2.ome.tif", "TCZ", (2, 2, 2))
ome("z3.ome.tif", "Z", (3,))
tifffile.imwrite(here / "t2-rgb.ome.tif", planes(2, 3), ome=True, photometric="rgb", compression="deflate",
                 metadata={"axes": "TYXS"})
with tifffile.TiffWriter(here / "two-images.ome.tif", ome=True) as file:
    file.write(planes(2), photometric="minisblack", compression="deflate", metadata={"axes": "CYX"})
    file.write(planes(4), photometric="minisblack", compression="deflate", metadata={"axes": "ZYX"})
with tifffile.TiffWriter(here / "overview.ome.tif", ome=True) as file:
    file.write(planes(2), photometric="minisblack", compression="deflate", metadata={"axes": "CYX"}, subifds=1)
    file.write(planes(2)[:, ::2, ::2], compression="deflate", photometric="minisblack", subfiletype=1)

OME = ('<?xml version="1.0" encoding="UTF-8"?><!-- planes --><ome:OME xmlns:ome="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
       'UUID="urn:uuid:1"><ome:Image ID="Image:0" Name="a &lt;b&gt; &#38; c"><ome:Pixels ID="Pixels:0" DimensionOrder="{order}" '
       'SizeX="17" SizeY="13" SizeC="{c}" SizeZ="{z}" SizeT="{t}" Type="uint8">{data}</ome:Pixels></ome:Image></ome:OME>')


def pages_with(name, description, count, sizes=None, **options):
    with tifffile.TiffWriter(here / name) as file:
        for page in range(count):
            rows, columns = (LOW, NARROW) if sizes is None else sizes[page]
            file.write(values(page=page, rows=rows, columns=columns).astype(np.uint8), photometric="minisblack",
                       metadata=None, software=None, compression="deflate", description=description if page == 0 else None,
                       **options)


uuid = '<ome:UUID FileName="{}">{}</ome:UUID>'
pages_with("shuffled.ome.tif", OME.format(order="XYZCT", c=1, z=3, t=1, data="".join(
    f'<ome:TiffData IFD="{i}" FirstZ="{z}" PlaneCount="1">{uuid.format("old name.ome.tif", "urn:uuid:1")}</ome:TiffData>'
    for i, z in enumerate((2, 0, 1)))), 3)
pages_with("planes-elsewhere.ome.tif", OME.format(order="XYCZT", c=2, z=1, t=1, data="".join(
    f'<ome:TiffData IFD="0" FirstC="{c}" PlaneCount="1">{uuid.format(f"c{c}.ome.tif", f"urn:uuid:{c + 1}")}</ome:TiffData>'
    for c in range(2))), 1)
pages_with("too-few.ome.tif", OME.format(order="XYCZT", c=1, z=5, t=1, data="<ome:TiffData/>"), 2)
twice = OME.format(order="XYCZT", c=1, z=2, t=1, data="".join(
    f'<ome:TiffData IFD="0" FirstZ="{z}" PlaneCount="1"/>' for z in range(2)))
pages_with("page-twice.ome.tif", twice, 2)
pages_with("companion.ome.tif", '<OME UUID="urn:uuid:2"><BinaryOnly MetadataFile="all.companion.ome" UUID="u"/></OME>', 1)
pages_with("damaged.ome.tif", '<OME><Image><Pixels SizeC="2" DimensionOrder=oops></Pixels></OME>', 2)
pages_with("unlike-channels.ome.tif", OME.format(order="XYCZT", c=2, z=1, t=1, data="<ome:TiffData/>"), 2,
           [(13, 17), (12, 17)])
pages_with("imagej-odd.tif", "ImageJ=1.54f\nimages=5\nchannels=2\n", 5)
pages_with("imagej-lost.tif", "ImageJ=1.54f\nimages=5\nslices=5\n", 3)
pages_with("imagej-more-than-said.tif", "ImageJ=1.54f\nimages=2\nslices=2\n", 3)
pages_with("plain-pages.tif", None, 3)

# What is refused, and why.
imagej("imagej-short.tif", planes(3), description="ImageJ=1.54f\nimages=9\nslices=9\n")
pages_with("imagej-packed.tif", "ImageJ=1.54f\nimages=5\nslices=5\n", 1)
for kind in ("jpeg2000", "jpegxl", "jpegxr", "png"):
    tifffile.imwrite(here / f"{kind}.tif", grey, compression=kind, photometric="minisblack", metadata=None, software=None)
import imagecodecs  # noqa: E402

twelve = imagecodecs.jpeg_encode((values() * 16).astype(np.uint16), bitspersample=12)
lossless = imagecodecs.ljpeg_encode(grey)
for name, data, bits in (("jpeg12.tif", twelve, 12), ("lossless-jpeg.tif", lossless, 8)):
    tags = basic_tags(ROWS, COLUMNS, bits)
    tags[259] = (3, [7])
    raw_tiff(name, tags, data)
(here / "jpeg12.jpg").write_bytes(twelve)
(here / "lossless.jpg").write_bytes(lossless)
(here / "jpeg-ls.jpg").write_bytes(imagecodecs.jpegls_encode(grey))
tags = basic_tags(28, 36, 8, 6, 3)
tags[530] = (3, [1, 1])
raw_tiff("ycbcr.tif", tags, values(3, rows=28, columns=36).astype(np.uint8).tobytes())
raw_tiff("raw.tif", basic_tags(ROWS, COLUMNS, 8, 32803), grey.tobytes())
Image.fromarray(grey).save(here / "animated.png", save_all=True, append_images=[Image.fromarray(255 - grey)])
raw_tiff("lab.tif", basic_tags(ROWS, COLUMNS, 8, 8, 3), values(3).astype(np.uint8).tobytes())
raw_tiff("bits24.tif", basic_tags(ROWS, COLUMNS, 24), b"\0" * (3 * ROWS * COLUMNS))

(here.parent / "variants.json").write_text("[\n" + ",\n".join(map(json.dumps, expected)) + "\n]\n")
print(len({e["file"] for e in expected}), "files with expectations,", sum(f.stat().st_size for f in here.iterdir()), "bytes")
