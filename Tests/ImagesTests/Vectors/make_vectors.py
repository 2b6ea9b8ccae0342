#!/usr/bin/env python3
"""Makes the TIFF and JPEG files beside it: python make_vectors.py (needs numpy, tifffile, imagecodecs and Pillow).

Every sample follows from its place, so that the tests know it without another file:

    value(page, row, column, channel) = (31·row + 7·column + 53·channel + 101·page) mod 251

times `scale`, plus `offset`. The images are 29 rows of 37 columns: no multiple of a strip or tile.
"""

import pathlib

import numpy as np
import tifffile
from PIL import Image

here = pathlib.Path(__file__).parent
ROWS, COLUMNS = 29, 37


def values(channels=1, page=0, rows=ROWS, columns=COLUMNS):
    y, x, c = np.ogrid[0:rows, 0:columns, 0:channels]
    out = (31 * y + 7 * x + 53 * c + 101 * page) % 251
    return out[:, :, 0] if channels == 1 else out


def tiff(name, array, **options):
    options.setdefault("photometric", "minisblack")
    options.setdefault("metadata", None)
    tifffile.imwrite(here / name, array, software=None, **options)


grey = values().astype(np.uint8)
wide = (values() * 257 + 3).astype(np.uint16)

# Ways to store one image of 8 bits.
tiff("grey8.tif", grey)
tiff("grey8-strips.tif", grey, rowsperstrip=4)
tiff("grey8-tiles.tif", grey, tile=(16, 16))
tiff("grey8-big-endian.tif", grey, byteorder=">")
tiff("grey8-bigtiff.tif", grey, bigtiff=True, rowsperstrip=5)
tiff("grey8-lzw.tif", grey, compression="lzw", rowsperstrip=4)
tiff("grey8-deflate-tiles.tif", grey, compression="deflate", predictor=True, tile=(16, 32))
tiff("grey8-packbits.tif", grey, compression="packbits", rowsperstrip=7)
# GDAL_NODATA: 7 stands for no data. Labels: rows of it, then two classes.
bands = np.where(np.arange(ROWS)[:, None] < 10, 7, np.arange(COLUMNS)[None] < 20).astype(np.uint8)
tiff("no-data.tif", bands, extratags=[(42113, "s", 0, "7", True)])
tiff("grey8-miniswhite.tif", (255 - grey).astype(np.uint8), photometric="miniswhite")

# Other samples.
tiff("grey16.tif", wide, rowsperstrip=4)
tiff("grey16-big-endian-tiles.tif", wide, byteorder=">", compression="deflate", tile=(16, 16))
tiff("grey16-miniswhite.tif", (65535 - wide).astype(np.uint16), photometric="miniswhite")
tiff("label32.tif", (values() * 100).astype(np.uint32), compression="deflate")
tiff("label64.tif", values().astype(np.int64), compression="deflate")
tiff("signed16.tif", (values() - 100).astype(np.int16))
tiff("float32.tif", (values() / 8 - 3).astype(np.float32), compression="deflate", predictor=True)
tiff("float64.tif", (values() / 8 - 3).astype(np.float64), byteorder=">", rowsperstrip=3, compression="lzw")
tiff("float16.tif", (values() / 8 - 3).astype(np.float16))
tiff("complex.tif", values().astype(np.complex64))

# One bit, packed: 1 where the value is even. Pillow writes photometric 1, tiffs of scanners 0.
bits = values() % 2 == 0
Image.fromarray(bits).save(here / "bits.tif")
Image.fromarray(bits).save(here / "bits-group4.tif", compression="group4")
tiff("bits-miniswhite.tif", ~bits, photometric="miniswhite", compression="packbits")
tiff("grey12.tif", (values() * 16).astype(np.uint16), bitspersample=12, compression="none")

# Several samples a pixel, side by side and apart.
tiff("rgb8.tif", values(3).astype(np.uint8), photometric="rgb", compression="lzw", predictor=True)
tiff("rgb16-planar-tiles.tif", np.moveaxis(values(3) * 257 + 3, 2, 0).astype(np.uint16), photometric="rgb",
     planarconfig="separate", tile=(16, 16))
tiff("rgba8.tif", values(4).astype(np.uint8), photometric="rgb", extrasamples=["unassalpha"])
tiff("rgb-infrared.tif", values(4).astype(np.uint8), photometric="rgb", extrasamples=["unspecified"])
tiff("channels2.tif", values(2).astype(np.uint8), planarconfig="contig")
tiff("channels5-planar.tif", np.moveaxis(values(5) * 257 + 3, 2, 0).astype(np.uint16), planarconfig="separate",
     compression="deflate", rowsperstrip=4)
tiff("channels4-planar-float.tif", np.moveaxis(values(4) / 8 - 3, 2, 0).astype(np.float32), planarconfig="separate")
tiff("cmyk.tif", values(4).astype(np.uint8), photometric="separated")

colors = np.zeros((3, 256), np.uint16)
for i in range(256):
    colors[:, i] = [257 * i, 257 * (255 - i), 257 * (i * 3 % 256)]
tiff("palette.tif", grey, photometric="palette", colormap=colors, compression="lzw")

# JPEG keeps an image without edges nearly as it is: red rises with the columns, green with the rows.
y, x = np.mgrid[0:64, 0:64]
smooth = np.stack([3 * x, 4 * y, np.full_like(x, 90)], axis=2).astype(np.uint8)
Image.fromarray(smooth).save(here / "smooth-jpeg.tif", compression="jpeg", quality=95)
tiff("smooth-jpeg-ycbcr-tiles.tif", smooth, photometric="rgb", compression="jpeg", compressionargs={"level": 95}, tile=(32, 32))
tiff("smooth-jpeg-grey.tif", smooth[:, :, 0], compression="jpeg", compressionargs={"level": 95})
Image.fromarray(smooth).save(here / "rgb.jpg", quality=95)
Image.fromarray(smooth).save(here / "rgb-progressive.jpg", quality=95, progressive=True)
Image.fromarray(smooth[:, :, 0]).save(here / "grey.jpg", quality=95)
Image.fromarray(np.concatenate([smooth, smooth[:, :, :1]], 2), mode="CMYK").save(here / "cmyk.jpg")

# A stack of four pages with an overview of the second, and one that has its resolution and a description.
with tifffile.TiffWriter(here / "stack.tif") as file:
    for page in range(4):
        options = dict(photometric="minisblack", metadata=None, software=None, compression="deflate")
        file.write(values(page=page).astype(np.uint8), **options)
        if page == 1:
            file.write(grey[::2, ::2], subfiletype=1, **options)
tiff("tags.tif", grey, compression="deflate", resolution=(25000.5, 12345.25), resolutionunit="CENTIMETER",
     description="a slide, 40x")
