#!/usr/bin/env python3
"""Makes the files that the fuzzer begins with: small ones of every kind, and such as have done harm elsewhere.

usage: Tests/Fuzzing/make_corpus.py PROGRAM

PROGRAM is a lockstep, whose checkpoints are taken. What the fuzzer has found or kept beside them stays.
"""

import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import zlib

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def keep(reader, name, content):
    folder = CORPUS / reader
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


# PNG (ISO/IEC 15948)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth, color, *, rows=None, before=(), interlace=0):
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    if rows is None:
        line = (width * samples * depth + 7) // 8
        rows = b"".join(bytes([y % 5]) + bytes((x * 37 + y * 11) % 251 for x in range(line)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    parts = [chunk(b"IHDR", header), *before, chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def make_png():
    palette = chunk(b"PLTE", bytes(range(12)))
    for depth in (1, 2, 4, 8, 16):
        keep("png", f"grey{depth}.png", png(9, 7, depth, 0))
    for name, color in (("rgb", 2), ("grey-alpha", 4), ("rgb-alpha", 6)):
        keep("png", f"{name}8.png", png(5, 4, 8, color))
        keep("png", f"{name}16.png", png(5, 4, 16, color))
    dots = b"".join(b"\0" + bytes([0x1B]) for _ in range(4))
    keep("png", "palette2.png", png(4, 4, 2, 3, rows=dots, before=[palette]))
    keep("png", "palette-short.png", png(4, 4, 2, 3, rows=dots, before=[chunk(b"PLTE", bytes(3))]))
    keep("png", "palette-alpha.png", png(4, 4, 2, 3, rows=dots, before=[palette, chunk(b"tRNS", b"\0\x80\xff")]))
    keep("png", "grey-key.png", png(9, 7, 8, 0, before=[chunk(b"tRNS", b"\0\x25")]))
    # Adam7: seven reduced images; of 1×1 the first alone has pixels.
    keep("png", "interlaced1.png", png(1, 1, 8, 0, rows=b"\0\x7f", interlace=1))
    passes = [(1, 1), (0, 0), (2, 1), (1, 2), (3, 1), (2, 3), (5, 2)]
    rows = b"".join((b"\0" + bytes(width)) * height for width, height in passes if width)
    keep("png", "interlaced5.png", png(5, 5, 8, 0, rows=rows, interlace=1))
    for orientation in (1, 6, 9):
        exif = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 3, 1, orientation) + bytes(4)
        keep("png", f"turned{orientation}.png", png(9, 7, 8, 0, before=[chunk(b"eXIf", exif)]))
    notes = [chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"sRGB", b"\0"), chunk(b"pHYs", struct.pack(">IIB", 1, 1, 1)),
             chunk(b"sBIT", b"\x05"), chunk(b"tEXt", b"Title\0a"), chunk(b"zTXt", b"Title\0\0" + zlib.compress(b"a" * 99)),
             chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b'<x tiff:Orientation="8"/>')]
    keep("png", "notes.png", png(9, 7, 8, 0, before=notes))
    keep("png", "notes-bomb.png", png(9, 7, 8, 0, before=[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 22), 9))]))
    keep("png", "animated.png", png(9, 7, 8, 0, before=[chunk(b"acTL", struct.pack(">II", 2, 0))]))
    keep("png", "huge.png", png(32000, 32000, 16, 6, rows=b"\0"))
    keep("png", "wide.png", png(2**31 - 1, 1, 8, 0, rows=b"\0"))
    keep("png", "row-too-few.png", png(9, 9, 8, 0, rows=bytes(10)))
    keep("png", "cut.png", png(9, 7, 8, 2)[:-20])
    keep("png", "crc.png", png(9, 7, 8, 0).replace(b"IDAT", b"IDAU"))


# TIFF 6.0 and BigTIFF; the vectors of the image tests are read too.


def tiff(entries, data=b"", big=False, order="<", following=0):
    mark = b"II" if order == "<" else b"MM"
    if big:
        head = mark + struct.pack(order + "HHHQ", 43, 8, 0, 16)
        body = struct.pack(order + "Q", len(entries))
        body += b"".join(struct.pack(order + "HHQQ", *entry) for entry in entries) + struct.pack(order + "Q", following)
    else:
        head = mark + struct.pack(order + "HI", 42, 8)
        body = struct.pack(order + "H", len(entries))
        for tag, kind, count, value in entries:
            shift = 16 if order == ">" and kind == 3 and count == 1 else 0
            body += struct.pack(order + "HHII", tag, kind, count, value << shift)
        body += struct.pack(order + "I", following)
    return head + body + data


def make_tiff():
    def entries(width, height, at, count, **more):
        found = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, at),
                 277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, count)}
        found.update({int(tag[1:]): value for tag, value in more.items()})
        return [(tag, *found[tag]) for tag in sorted(found)]

    at = 8 + 2 + 9 * 12 + 4
    keep("tiff", "grey.tif", tiff(entries(4, 4, at, 16), bytes(range(16))))
    keep("tiff", "grey-big-endian.tif", tiff(entries(4, 4, at, 16), bytes(range(16)), order=">"))
    keep("tiff", "bigtiff.tif", tiff(entries(4, 4, 16 + 8 + 9 * 20 + 8, 16), bytes(range(16)), big=True))
    keep("tiff", "loop.tif", tiff(entries(4, 4, at, 16), bytes(16), following=8))
    keep("tiff", "huge.tif", tiff(entries(2**31 - 1, 2**31 - 1, at, 16), bytes(16)))
    keep("tiff", "huge-strip.tif", tiff(entries(40000, 40000, at, 2**31 - 1), bytes(16)))
    deflated = zlib.compress(bytes(1 << 20), 9)
    keep("tiff", "bomb.tif", tiff(entries(1024, 1024, at, len(deflated), t259=(3, 1, 8)), deflated))
    keep("tiff", "strips-none.tif", tiff(entries(4, 4, at, 16, t278=(4, 1, 0)), bytes(16)))
    keep("tiff", "bits3.tif", tiff(entries(4, 4, at, 16, t258=(3, 1, 3)), bytes(16)))
    tiles = [entry for entry in entries(20, 20, 0, 0) if entry[0] not in (273, 278, 279)]
    tiles += [(322, 4, 1, 16), (323, 4, 1, 16), (324, 4, 1, at), (325, 4, 1, 256)]
    keep("tiff", "tiles-few.tif", tiff(tiles, bytes(256)))
    words = b"ImageJ=1.53\nimages=70000\nchannels=3\nslices=9999999999\nhyperstack=true\n\0"
    more = entries(4, 4, at + 12, 16, t270=(2, len(words), at + 12 + 16))
    keep("tiff", "imagej.tif", tiff(more, bytes(16) + words))
    xml = b'<?xml version="1.0"?><OME><Image><Pixels SizeX="4" SizeY="4" SizeC="3" SizeZ="1" SizeT="1" ' \
          b'DimensionOrder="XYCZT"><TiffData IFD="0" PlaneCount="3"/></Pixels></Image></OME>\0'
    more = entries(4, 4, at + 12, 16, t270=(2, len(xml), at + 12 + 16))
    keep("tiff", "ome.tif", tiff(more, bytes(16) + xml))


def make_jpeg():
    # Markers without a picture; whole ones are among the image tests' vectors.
    size = lambda width, height: b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\x00"
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 3, 1, 6) + bytes(4)
    keep("jpeg", "huge.jpg", b"\xff\xd8" + size(65500, 65500) + b"\xff\xd9")
    keep("jpeg", "none.jpg", b"\xff\xd8" + size(0, 0) + b"\xff\xd9")
    keep("jpeg", "turned.jpg", b"\xff\xd8\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + size(8, 8) + b"\xff\xd9")
    vectors = CORPUS.parent.parent / "ImagesTests/Vectors"
    for name in ("grey.jpg", "rgb-progressive.jpg"):
        whole = (vectors / name).read_bytes()
        keep("jpeg", f"cut-{name}", whole[: len(whole) * 2 // 3])


# safetensors


def safetensors(header, content=b"", count=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if count is None else count) + text + content


def make_safetensors(program):
    tensor = lambda shape, start, end, kind="F32": {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    keep("safetensors", "one", safetensors({"a": tensor([2, 3], 0, 24)}, bytes(24)))
    keep("safetensors", "no-header", struct.pack("<Q", 2**63))
    keep("safetensors", "nested", safetensors(b"[" * 2000))
    keep("safetensors", "empty", safetensors({"a": tensor([0], 0, 0)}))
    keep("safetensors", "product", safetensors({"a": tensor([2**32, 2**32], 0, 0)}))
    keep("safetensors", "beyond", safetensors({"a": tensor([2], 0, 8), "b": tensor([2], 4, 2**62)}, bytes(8)))
    keep("safetensors", "wrapped", safetensors({"module._orig_mod.head.bias": tensor([2], 0, 8)}, bytes(8)))
    # Shapes alone, without a byte: networks of 70 levels, and of channels beyond any machine.
    for name, inputs, outputs, levels in (
            ("levels", lambda _: 0, lambda _: 0, 71), ("channels", lambda _: 2**62, lambda _: 0, 3),
            ("doubled", lambda level: 2**level % 2**61, lambda _: 0, 71), ("zero", lambda _: 1, lambda _: 0, 2)):
        shapes = {}
        for level in range(levels):
            for conv in ("conv1", "conv2"):
                shapes[f"encoder.{level}.{conv}.weight"] = [outputs(level), inputs(level), 3, 3]
                shapes[f"encoder.{level}.{conv}.bias"] = [outputs(level)]
                if level + 1 < levels:
                    shapes[f"decoder.{level}.{conv}.weight"] = [outputs(level), inputs(level), 3, 3]
                    shapes[f"decoder.{level}.{conv}.bias"] = [outputs(level)]
            if level + 1 < levels:
                shapes[f"decoder.{level}.up.weight"] = [inputs(level), outputs(level), 2, 2]
                shapes[f"decoder.{level}.up.bias"] = [outputs(level)]
        shapes["head.weight"] = [2, outputs(0), 1, 1]
        tensors = {key: tensor(shape, 0, 0) for key, shape in shapes.items()}
        keep("safetensors", name, safetensors({**tensors, "head.bias": tensor([2], 0, 8)}, bytes(8)))
    with tempfile.TemporaryDirectory() as folder:
        run = lambda *words: subprocess.run([program, *words], cwd=folder, check=True, capture_output=True)
        run("synthesize", "cells", "--count", "2", "--size", "40")
        for name, more in (("checkpoint", []), ("averaged", ["training.ema=0.5"]), ("group", ["model.normalization=group"])):
            settings = [
                "model.base_channels=1", "model.depth=0" if name == "group" else "model.depth=1", "data.tile=0",
                "model.padding=same", "training.steps=1", "training.batch=1", *more]
            (pathlib.Path(folder) / "task.yaml").write_text(
                "data: {root: cells, train: {images: images, labels: labels}, labels: binary}\n")
            run("train", "task.yaml", "--output", name, *(word for value in settings for word in ("--set", value)))
            whole = (pathlib.Path(folder) / name / "checkpoints/step-00000001.safetensors").read_bytes()
            keep("safetensors", name, whole)
            if name != "checkpoint":
                continue
            count = struct.unpack("<Q", whole[:8])[0]
            header, content = json.loads(whole[8 : 8 + count]), whole[8 + count :]
            for key, value in (("step", "-1"), ("step", str(2**63 - 1)), ("elapsed_seconds", "nan"), ("best_step", "9" * 30)):
                metadata = {**header["__metadata__"], f"lockstep.{key}": value}
                keep("safetensors", f"{key}-{value[:4]}", safetensors({**header, "__metadata__": metadata}, content))
            # A configuration beyond the machine, beside tensors that are not, and alone.
            text = header["__metadata__"]["lockstep.configuration"]
            for name, changes in (("base", {"base_channels": 65536}), ("depth", {"depth": 12}),
                                  ("both", {"base_channels": 65536, "depth": 12}), ("classes", {"classes": 65536}),
                                  ("inputs", {"input_channels": 2**40}), ("tile", {"tile": 2**62})):
                changed = text
                for key, value in changes.items():
                    changed = re.sub(rf"(?m)^  {key}: .*$", f"  {key}: {value}", changed, count=1)
                metadata = {**header["__metadata__"], "lockstep.configuration": changed}
                keep("safetensors", f"huge-{name}", safetensors({**header, "__metadata__": metadata}, content))
                if name == "both":
                    keep("safetensors", f"huge-{name}-alone", safetensors({"__metadata__": metadata}))


# Texts


def make_texts():
    data = "data: {root: cells, train: {images: images, labels: labels}}\n"
    keep("yaml", "least.yaml", data)
    keep("yaml", "aliases.yaml", data + "".join(
        f"{chr(97 + level)}: &{chr(97 + level)} [{', '.join([f'*{chr(96 + level)}'] * 9) if level else 'lol'}]\n" for level in range(10)))
    keep("yaml", "merge.yaml", "a: &a {<<: *a}\n" + data)
    keep("yaml", "twice.yaml", data + "seed: 1\n" * 100)
    keep("yaml", "nested.yaml", data + "model: " + "[" * 1500)
    keep("yaml", "flow.yaml", data + "model: " + "{a: " * 300 + "}" * 300)
    keep("yaml", "numbers.yaml", data + "model: {base_channels: 0x7fffffffffffffff, depth: 1e400, classes: .inf}\nseed: -0\n"
         "optimizer: {learning_rate: 1_000, momentum: .nan, clip_norm: 0o17, weight_decay: 1:30:00}\n")
    keep("yaml", "texts.yaml", 'name: "a\\nb\\e[31m\\0"\n' + data + "model: {class_names: [~, !!binary aGk=, 'x\n\n  y']}\n")
    keep("yaml", "key.yaml", data + '"mo\\ndel\\e[2J": 1\n? [a, b]\n: c\n')
    keep("yaml", "bom.yaml", b"\xef\xbb\xbf" + data.encode().replace(b"\n", b"\r\n"))
    keep("yaml", "documents.yaml", data + "---\n" + data + "...\n")
    keep("csv", "list.csv", "image,label\nimages/a.png,labels/a.png\nimages/b.png,labels/b.png\n")
    keep("csv", "quoted.csv", 'image,label\r\n"a, ""b"".png","c\nd.png"\r\n')
    keep("csv", "open.csv", 'image,label\n"a.png,b.png\n')
    keep("csv", "marks.csv", "\ufeffimage,label\r\r\n\u0301,\"\u0301\"\n")
    keep("csv", "semicolons.csv", "image;label\na;b\n")
    keep("csv", "twice.csv", "image,label\na,b\n./a,c\n")
    keep("csv", "bytes.csv", b"image,label\n\xff,\xc3\n\0")
    base = "name: a\nbase: b.yaml\n"
    keep("sweep", "grid.yaml", base + "parameters: {optimizer.momentum: [0.9, 0.99], seed: [1, 2, 3]}\n")
    keep("sweep", "ranges.yaml", base + "parameters:\n  optimizer.learning_rate: {log: [0.001, 0.1], count: 5}\n"
         "  optimizer.momentum: {linear: [0, 1], count: 2}\nobjective: {metric: iou, direction: maximize}\nretries: 2\n")
    keep("sweep", "random.yaml", base + "set: {training.steps: 5}\nparameters: {optimizer.learning_rate: {log: [1e-3, 1]}}\n"
         "strategy: {random: {trials: 20, seed: 1}}\nworkers: 3\n")
    keep("sweep", "counts.yaml", base + "parameters: {optimizer.learning_rate: {log: [1e-300, 1e300], count: 9223372036854775807},"
         " seed: {linear: [0, 1], count: 9999}, optimizer.momentum: {linear: [0, 1], count: 99999}}\n")
    keep("sweep", "trials.yaml", base + "parameters: {seed: {linear: [-1e308, 1e308]}}\nstrategy: {random: {trials: 9999, seed: 18446744073709551615}}\n")
    keep("sweep", "aliases.yaml", base + "a: &a [x,x]\nb: &b [*a,*a]\nparameters: {seed: *b}\n")
    keep("hosts", "usual", "# two machines\nnode1 slots=4\nnode2.example.org slots=2 # the second\n\n")
    keep("hosts", "line", b"node1 slots=1\r\nnode2\r\n")
    keep("hosts", "shell", "$(touch x) slots=1\n`id`\n;id\n* slots=2\n")
    keep("hosts", "escape", b"\x1b[2Jnode1\nnode\xff\n\0node\n-node slots=-1\n")
    keep("hosts", "numbers", "node1 slots=08\nnode2 slots=1000\nnode3 slots=0\nnode4 slots=1 slots=2\n")
    keep("hosts", "twice", "node1\nnode1 slots=3\n")
    keep("hosts", "no-end", "node1 slots=3")
    keep("hosts", "none", "\n# nothing\n")


if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
    sys.exit(__doc__)
make_png()
make_tiff()
make_jpeg()
make_safetensors(pathlib.Path(sys.argv[1]).resolve())
make_texts()
