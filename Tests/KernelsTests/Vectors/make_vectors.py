"""Makes the reference vectors beside this script with PyTorch: `python make_vectors.py`.

Needs torch and numpy. Inputs are float32, expected values float64; maps are H×W×C. `losses.json` holds the losses of
single images and their gradients by the logits: PyTorch's cross_entropy with label_smoothing, times pixel weights; the
soft Dice loss as autograd differentiates it; and their sum. -1 in the labels counts nowhere.
"""
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

FOLDER = pathlib.Path(__file__).parent


def numbers(array):
    return [float(x) for x in np.asarray(array, dtype=np.float64).ravel()]


def floats(generator, *shape, scale=1.0):
    """Random float32, few enough digits to be read."""
    return np.round(generator.normal(size=shape) * scale, 3).astype(np.float32)


def cross_entropy(logits, labels, weights, smoothing):
    each = F.cross_entropy(logits.permute(2, 0, 1)[None], labels[None], reduction="none", ignore_index=-1,
                           label_smoothing=smoothing)[0]
    return (each * weights).sum() / (labels >= 0).sum()


def dice(logits, labels):
    """1 − mean over classes of (2Σpy + 1)/(Σp + Σy + 1) over the pixels that count."""
    counted = labels >= 0
    p = logits.softmax(2)[counted]
    y = F.one_hot(labels[counted], logits.shape[2]).to(p.dtype)
    return 1 - ((2 * (p * y).sum(0) + 1) / (p.sum(0) + y.sum(0) + 1)).mean()


def losses():
    generator = np.random.default_rng(5)
    cases = []
    for height, width, classes, smoothing in [(3, 4, 2, 0.0), (5, 19, 2, 0.1), (4, 17, 3, 0.25), (3, 6, 5, 0.5),
                                              (2, 9, 12, 0.9)]:
        logits = floats(generator, height, width, classes, scale=2)
        labels = generator.integers(-1, classes, size=(height, width))
        weights = np.abs(floats(generator, height, width)) + np.float32(0.5)
        case = {"height": height, "width": width, "classes": classes, "smoothing": smoothing,
                "logits": numbers(logits), "labels": labels.ravel().tolist(), "weights": numbers(weights)}
        y, w = torch.from_numpy(labels), torch.from_numpy(weights).double()
        for name, loss in [("cross_entropy", lambda z: cross_entropy(z, y, w, smoothing)),
                           ("dice", lambda z: dice(z, y)),
                           ("cross_entropy+dice", lambda z: cross_entropy(z, y, w, smoothing) + dice(z, y))]:
            z = torch.from_numpy(logits).double().requires_grad_()
            value = loss(z)
            case[name] = {"loss": value.item(), "gradient": numbers(torch.autograd.grad(value, z)[0])}
        cases.append(case)
    return cases


def write(name, cases):
    # One case a line.
    (FOLDER / name).write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    write("losses.json", losses())
