"""Makes metric-vectors.json: random label pairs and what other programs, or the definitions taken word for word, say
of them. README.md says what is in it.

    python make_metric_vectors.py        (numpy, scipy, scikit-image, scikit-learn)
"""
import json
import math
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.metrics import adapted_rand_error, variation_of_information
from skimage.segmentation import watershed
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score

IGNORED = -1
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
CROSS = ndimage.generate_binary_structure(2, 1)
SQUARE = ndimage.generate_binary_structure(2, 2)
SIZES = [(11, 9), (8, 13), (1, 15), (13, 1), (10, 10), (12, 7)]
random = np.random.default_rng(20150518)


# What is written

def text(values):
    """A map as a string, a character a pixel: a digit in base 62, '.' where the pixel is ignored."""
    return "".join("." if v == IGNORED else DIGITS[v] for v in values.ravel())


def number(value):
    return None if value is None or math.isnan(value) else round(float(value), 9)


# Random maps

def blobs(shape, share, width=1.2):
    field = ndimage.gaussian_filter(random.standard_normal(shape), width, mode="nearest")
    return field > np.quantile(field, 1 - share)


def cells(shape, count, share):
    """Objects that touch each other: the foreground, cut where another of some points is nearest."""
    rows, columns = np.indices(shape)
    points = random.uniform(size=(count, 2)) * shape
    nearest = np.argmin([(rows - y) ** 2 + (columns - x) ** 2 for y, x in points], axis=0) + 1
    return np.where(blobs(shape, share), nearest, 0)


def components(mask):
    return ndimage.label(mask, CROSS)[0]


def voided(values, share):
    values = values.copy()
    values[random.uniform(size=values.shape) < share] = IGNORED
    return values


# Scores of pairs of labellings

def restricted_pairs(truth, found):
    """Ordered pairs of pixels of the truth's foreground, one with itself included, that are together in both, in the
    truth, in the prediction; a pixel where the prediction has 0 is together with itself alone."""
    keep = truth > 0
    a, b = truth[keep], found[keep]
    own = np.eye(len(a), dtype=bool)
    in_truth = a[:, None] == a[None, :]
    in_found = (b[:, None] == b[None, :]) & (b[:, None] > 0) | own
    return (in_truth & in_found).sum(), in_truth.sum(), in_found.sum(), len(a)


def v_rand(truth, found):
    both, in_truth, in_found, n = restricted_pairs(truth, found)
    if n == 0:
        return None
    precision, recall = both / in_found, both / in_truth
    return 2 * precision * recall / (precision + recall)


def rand_pairs(truth, found):
    """The same without the pairs of a pixel with itself, as counts."""
    both, in_truth, in_found, n = restricted_pairs(truth, found)
    return both - n, in_truth - n, in_found - n


def f_score(both, truth, found):
    return None if truth + found == 0 else 2 * both / (truth + found)


def entropy(labels):
    shares = [labels.count(label) / len(labels) for label in set(labels)]
    return -sum(p * math.log(p) for p in shares)


def v_info(truth, found):
    keep = truth > 0
    if not keep.any():
        return None
    a = truth[keep].tolist()
    # Each border pixel becomes a region of its own.
    b = [value if value > 0 else -1 - place for place, value in enumerate(found[keep].tolist())]
    h_a, h_b, h_ab = entropy(a), entropy(b), entropy(list(zip(a, b)))
    if h_a + h_b == 0:
        return 1.0
    if h_a == 0 or h_b == 0:
        return 0.0
    split, merge = (h_a - (h_ab - h_b)) / h_a, (h_b - (h_ab - h_a)) / h_b
    return 0.0 if split + merge <= 1e-14 else 2 * split * merge / (split + merge)


def objects(labels):
    return [labels == value for value in np.unique(labels) if value > 0]


def seg(truth, found):
    scores = []
    for r in objects(truth):
        best = [s for s in objects(found) if (r & s).sum() > 0.5 * r.sum()]
        scores.append((r & best[0]).sum() / (r | best[0]).sum() if best else 0.0)
    return float(np.mean(scores)) if scores else None


def average_precisions(truth, found):
    theirs, ours = objects(truth), objects(found)
    if not theirs and not ours:
        return None
    result = []
    for limit in range(50, 100, 5):
        hits = sum(any(100 * (r & s).sum() > limit * (r | s).sum() for s in ours) for r in theirs)
        result.append(hits / (len(theirs) + len(ours) - hits))
    return result


def label_case(name, truth, found):
    counted = truth != IGNORED
    a, b = truth[counted], found[counted]
    error, split, merge = None, None, None
    with np.errstate(all="ignore"):
        if (a > 0).any():
            error = adapted_rand_error(a, b)[0]
        if len(a):
            split, merge = variation_of_information(a, b)
    return {
        "name": name, "height": truth.shape[0], "width": truth.shape[1], "truth": text(truth), "prediction": text(found),
        "adapted_rand_error": number(error), "voi_split": number(split), "voi_merge": number(merge),
        "v_rand": number(v_rand(a, b)), "v_info": number(v_info(a, b)), "seg": number(seg(a, b)),
        "ap": None if (p := average_precisions(a, b)) is None else [number(v) for v in p],
    }


def label_cases():
    cases = []
    for i in range(50):
        shape = SIZES[i % len(SIZES)]
        truth = cells(shape, 2 + i % 9, random.uniform(0.3, 0.95))
        if i % 3 == 0:
            found = np.roll(truth, 1, axis=i % 2) * (random.uniform(size=shape) > 0.1)
        elif i % 3 == 1:
            found = components((truth > 0) ^ (random.uniform(size=shape) < 0.08))
        else:
            found = cells(shape, 1 + i % 7, random.uniform(0.2, 1))
        cases.append(label_case(f"random {i}", voided(truth, 0.15) if i % 4 == 3 else truth, found))
    some, none, full = cells((9, 8), 5, 0.7), np.zeros((9, 8), int), np.ones((9, 8), int)
    one = none.copy()
    one[3:6, 2:7] = 1
    edge = none.copy()
    edge[0, :], edge[:, 0], edge[8, 4:] = 1, 1, 2
    for name, truth, found in [
        ("same", some, some), ("empty truth", none, some), ("empty prediction", some, none), ("both empty", none, none),
        ("all one class", full, some), ("predicted all one class", some, full), ("both all one class", full, full),
        ("one object", one, some), ("one object, found", one, one), ("one object, missed", one, none),
        ("objects at the edge", edge, np.roll(edge, 1, axis=1)), ("void everywhere", full * IGNORED, some),
        ("void but background", np.where(some > 0, IGNORED, 0), some), ("one pixel", full[:1, :1], full[:1, :1]),
        ("one background pixel", none[:1, :1], none[:1, :1]), ("half covered", edge, np.where(edge == 2, 1, edge)),
    ]:
        cases.append(label_case(name, truth, found))
    return cases


# Scores of pairs of class maps

def class_case(name, classes, truth, found):
    counted = truth != IGNORED
    a, b = truth[counted], found[counted]
    labels = list(range(classes))
    case = {"name": name, "classes": classes, "height": truth.shape[0], "width": truth.shape[1], "truth": text(truth),
            "prediction": text(found)}
    if not len(a):
        return case | {"iou": [None] * classes, "dice": [None] * classes, "accuracy": None, "weighted_iou": None,
                       "weighted_dice": None, "confusion": [0] * classes ** 2}
    options = dict(labels=labels, zero_division=np.nan)
    return case | {
        "iou": [number(v) if label in a or label in b else None
                for label, v in zip(labels, jaccard_score(a, b, average=None, labels=labels, zero_division=0))],
        "dice": [number(v) for v in f1_score(a, b, average=None, **options)],
        "accuracy": number(accuracy_score(a, b)),
        "weighted_iou": number(jaccard_score(a, b, average="weighted", labels=labels, zero_division=0)),
        "weighted_dice": number(f1_score(a, b, average="weighted", labels=labels, zero_division=0)),
        "confusion": confusion_matrix(a, b, labels=labels).ravel().tolist(),
    }


def class_cases():
    cases = []
    for i in range(50):
        shape, classes = SIZES[i % len(SIZES)], 2 + i % 4
        truth = sum(blobs(shape, random.uniform(0.2, 0.8)).astype(int) for _ in range(classes - 1))
        found = np.where(random.uniform(size=shape) < 0.3, random.integers(0, classes, shape), truth)
        # A class that neither side has now and then.
        if i % 5 == 4:
            truth, found = np.minimum(truth, classes - 2), np.minimum(found, classes - 2)
        cases.append(class_case(f"random {i}", classes, voided(truth, 0.2) if i % 3 == 2 else truth, found))
    none, full = np.zeros((5, 6), int), np.ones((5, 6), int)
    for name, truth, found in [
        ("both empty", none, none), ("missed", full, none), ("found in the void", full * IGNORED, full),
        ("all one class", full, full), ("one pixel", full[:1, :1], none[:1, :1]),
    ]:
        cases.append(class_case(name, 2, truth, found))
    return cases


# Scores over thresholds

def thinned(mask):
    """Regions of the foreground, grown one pixel at a time into the rest, first come, first served, until a line one
    pixel wide is left where two meet."""
    regions = components(mask)
    waiting = [(0 if mask[p] else 1, turn, p, regions[p]) for turn, p in enumerate(zip(*np.nonzero(mask)))]
    seen, turns = mask.copy(), len(waiting)

    def beside(p):
        for y, x in [(p[0] - 1, p[1]), (p[0], p[1] - 1), (p[0], p[1] + 1), (p[0] + 1, p[1])]:
            if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]:
                yield y, x

    while waiting:
        first = min(waiting)
        waiting.remove(first)
        _, _, p, region = first
        if not mask[p] and len({regions[q] for q in beside(p)} - {0}) > 1:
            continue
        regions[p] = region
        for q in beside(p):
            if not seen[q]:
                seen[q] = True
                waiting.append((0 if mask[q] else 1, turns, q, region))
                turns += 1
    return regions


def topology(mask):
    """How many components the 4-connected foreground has, and the 8-connected background with a frame around."""
    framed = np.pad(mask, 1)
    return ndimage.label(framed, CROSS)[1], ndimage.label(~framed, SQUARE)[1]


def warping(truth, probability, threshold):
    counted = truth != IGNORED
    if not counted.any():
        return None
    warped, found = truth > 0, probability > threshold
    rest = [(-abs((1 if warped[p] else 0) - probability[p]), p) for p in zip(*np.nonzero(counted & (warped != found)))]
    rest.sort()
    changed = True
    while changed:
        changed, left = False, []
        for difference, p in rest:
            flipped = warped.copy()
            flipped[p] = not flipped[p]
            if topology(flipped) == topology(warped):
                warped, changed = flipped, True
            else:
                left.append((difference, p))
        rest = left
    return len(rest) / counted.sum()


def probability_case(name, truth, values):
    """`values` are 0 … 31 and stand for the probabilities (2v + 1)/64: exact, and none on a threshold."""
    probability = (2 * values + 1) / 64
    counted = truth != IGNORED
    numbers = components(truth > 0)
    a = numbers[counted]
    result = {key: [] for key in ["v_rand", "v_info", "rand_f", "pixel_f", "warping_error"]}
    for step in range(11):
        mask = probability > step / 10
        regions = thinned(mask)[counted]
        result["v_rand"].append(number(v_rand(a, regions)))
        result["v_info"].append(number(v_info(a, regions)))
        result["rand_f"].append(number(f_score(*rand_pairs(a, components(mask)[counted]))))
        x, y = a > 0, mask[counted]
        result["pixel_f"].append(number(f_score((x & y).sum(), x.sum(), y.sum())))
        result["warping_error"].append(number(warping(truth, probability, step / 10)))
    return {"name": name, "height": truth.shape[0], "width": truth.shape[1], "truth": text(truth),
            "probability": text(values)} | result


def probability_cases():
    cases = []
    for i in range(46):
        shape = SIZES[i % len(SIZES)]
        truth = (cells(shape, 3, 0.95) > 0) & ~blobs(shape, 0.3, 0.8) if i % 2 else blobs(shape, random.uniform(0.3, 0.9))
        noise = ndimage.gaussian_filter(random.standard_normal(shape), 0.7, mode="nearest")
        p = np.clip(0.5 + 0.25 * (2.0 * truth - 1) + random.uniform(0.2, 0.9) * noise, 0, 0.999)
        values = (32 * p).astype(int)
        truth = truth.astype(int)
        cases.append(probability_case(f"random {i}", voided(truth, 0.1) if i % 4 == 2 else truth, values))
    some = blobs((8, 7), 0.6).astype(int)
    none, full, high = 0 * some, 0 * some + 1, 0 * some + 31
    for name, truth, values in [
        ("empty truth", none, 31 * some), ("empty prediction", some, none), ("both empty", none, none),
        ("all one class", full, 31 * some), ("predicted all one class", some, high), ("void everywhere", -full, high),
        ("same", some, 31 * some), ("one pixel", full[:1, :1], high[:1, :1]),
    ]:
        cases.append(probability_case(name, truth, values))
    return cases


# Weights of borders

def border_case(name, labels, w0=10.0, sigma=5.0):
    weights = np.zeros(labels.shape)
    numbers = [value for value in np.unique(labels) if value > 0]
    for y, x in zip(*np.nonzero(labels == 0)):
        nearest = sorted(
            min(math.hypot(y - v, x - u) for v, u in zip(*np.nonzero(labels == value))) for value in numbers)
        if len(nearest) >= 2:
            weights[y, x] = w0 * math.exp(-(nearest[0] + nearest[1]) ** 2 / (2 * sigma ** 2))
    return {"name": name, "height": labels.shape[0], "width": labels.shape[1], "w0": w0, "sigma": sigma,
            "objects": text(labels), "weights": [round(float(w), 8) for w in weights.ravel()]}


def border_cases():
    cases = []
    for i, (shape, w0, sigma) in enumerate(
            [((11, 9), 10, 5), ((7, 12), 10, 5), ((1, 15), 10, 5), ((13, 1), 10, 5), ((10, 10), 5, 2), ((9, 9), 10, 3)]):
        cases.append(border_case(f"random {i}", cells(shape, 3 + i, 0.35), w0, sigma))
    none = np.zeros((6, 7), int)
    one = none.copy()
    one[2:4, 1:6] = 1
    two = one.copy()
    two[0, :] = 2
    far = np.zeros((3, 30), int)
    far[1, 0], far[1, 29] = 7, 3
    parts = none.copy()
    parts[0, :], parts[5, :], parts[2, 3] = 1, 1, 2
    for name, labels in [("empty", none), ("all one object", none + 1), ("one object", one), ("two objects", two),
                         ("far apart", far), ("one object in two parts", parts)]:
        cases.append(border_case(name, labels))
    return cases


# Watersheds of scikit-image, where no two heights are equal

def watershed_cases():
    cases = []
    for i, shape in enumerate([(9, 11), (12, 8), (1, 14), (10, 10)]):
        heights = random.permutation(shape[0] * shape[1]).reshape(shape)
        markers = np.where(random.uniform(size=shape) < 0.07, random.integers(1, 9, shape), 0)
        mask = random.uniform(size=shape) < (0.85 if i % 2 else 1)
        cases.append({
            "height": shape[0], "width": shape[1], "heights": heights.ravel().tolist(), "markers": text(markers),
            "mask": text(mask.astype(int)),
            "regions": text(watershed(heights, markers, connectivity=1, mask=mask))})
    return cases


def main():
    vectors = {"labels": label_cases(), "classes": class_cases(), "probabilities": probability_cases(),
               "borders": border_cases(), "watersheds": watershed_cases()}
    lines = [
        json.dumps(key) + ": [\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]"
        for key, cases in vectors.items()]
    path = Path(__file__).with_name("metric-vectors.json")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(path.name, path.stat().st_size, "bytes:", {key: len(cases) for key, cases in vectors.items()})


main()
