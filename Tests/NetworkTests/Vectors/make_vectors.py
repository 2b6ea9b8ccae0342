"""Makes the reference vectors beside this script with PyTorch: `python make_vectors.py`.

Needs torch, numpy, pillow and safetensors. README.md says what the files hold and why the seeds are chosen as they are.
Initial weights, images, labels and pixel weights come from an integer hash that NetworkTests computes again in Swift,
bit for bit; the biases and the expected values are stored. Expected values are computed in float64.
"""
import base64
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).parent
SAMPLES = 128  # values kept of a tensor, at most
PROJECTIONS = 4  # sums with random signs kept of a tensor
STEPS = 3
ATTEMPTS = 20  # weights tried for each layer before a pooling
PAD = {"valid": 0, "same": 1}

# --- the hash, as in HashedValues.swift -----------------------------------------------------------------------------


def hashes(stream, count):
    """Outputs 0..<count of SplitMix64 started at a multiple of `stream`."""
    with np.errstate(over="ignore"):
        z = np.uint64(stream) * np.uint64(0xD1B54A32D192ED03)
        z = z + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(stream, shape, deviation):
    """Uniform values of mean 0: a 24-bit number times a float32, rounded once to float32."""
    scale = np.float64(np.float32(math.sqrt(3 * deviation * deviation)))
    k = (hashes(stream, math.prod(shape)) >> np.uint64(40)).astype(np.float64) - 2**23
    return torch.from_numpy((k / 2**23 * scale).astype(np.float32).reshape(shape))


def labels(stream, height, width, classes):
    """Classes; about one pixel in sixteen is -1, which counts nowhere."""
    h = hashes(stream, height * width)
    values = ((h >> np.uint64(32)) % np.uint64(classes)).astype(np.int64)
    values[(h & np.uint64(255)) < 16] = -1
    return torch.from_numpy(values.reshape(height, width))


def pixel_weights(stream, height, width):
    """Weights of the loss in [0.5, 1.5]."""
    k = (hashes(stream, height * width) >> np.uint64(40)).astype(np.float64)
    return torch.from_numpy((0.5 + k / 2**24).astype(np.float32).reshape(height, width))


def signs(stream, count):
    return np.where(hashes(stream, count) >> np.uint64(63), -1.0, 1.0)


# --- the network ----------------------------------------------------------------------------------------------------


def group_count(channels):
    """The largest divisor that is at most 8."""
    return max(g for g in range(1, 9) if channels % g == 0)


def tensor_shapes(channels, classes, base, depth, skip="concatenate", normalization="none"):
    """Names and PyTorch shapes of the parameters, in the order in which the data meets them."""
    c = [base << level for level in range(depth + 1)]
    shapes = {}

    def add(name, weight, bias):
        shapes[name + ".weight"], shapes[name + ".bias"] = weight, (bias,)

    def add_block(name, inputs, outputs):
        for number, inputs in (1, inputs), (2, outputs):
            add(f"{name}.conv{number}", (outputs, inputs, 3, 3), outputs)
            if normalization == "group":
                add(f"{name}.norm{number}", (outputs,), outputs)

    for level in range(depth + 1):
        add_block(f"encoder.{level}", c[level - 1] if level else channels, c[level])
    for level in reversed(range(depth)):
        add(f"decoder.{level}.up", (c[level + 1], c[level], 2, 2), c[level])
        add_block(f"decoder.{level}", c[level] * (2 if skip == "concatenate" else 1), c[level])
    add("head", (classes, base, 1, 1), classes)
    return shapes


def spec_shapes(spec):
    keys = ("input_channels", "classes", "base_channels", "depth", "skip", "normalization")
    return tensor_shapes(*(spec[key] for key in keys))


def incoming(name, shape):
    """The paper's N: connections that come into a neuron."""
    return shape[0] if ".up." in name else shape[1] * shape[2] * shape[3]


def norm_of(name):
    """The normalisation that follows a convolution: encoder.0.norm1 after encoder.0.conv1."""
    return name.replace("conv", "norm")


def normalize(z, parameters, name):
    """What follows a convolution before its ReLU."""
    weight = parameters.get(norm_of(name) + ".weight")
    if weight is None:
        return z
    return F.group_norm(z, group_count(z.shape[1]), weight, parameters[norm_of(name) + ".bias"], eps=1e-5)


def forward(parameters, x, depth, padding, visit=None, skip_kind="concatenate"):
    """Logits. `visit(name, input, pooled)` may set a convolution's parameters before they are used, or, called after
    it with its pre-activation as a fourth argument, return another one."""

    def convolution(name, x, pooled=False):
        if visit:
            visit(name, x, pooled)
        z = F.conv2d(x, parameters[name + ".weight"], parameters[name + ".bias"], padding=padding)
        z = normalize(z, parameters, name)
        return F.relu(visit(name, x, pooled, z) if visit else z)

    skips = []
    for level in range(depth + 1):
        x = convolution(f"encoder.{level}.conv1", x if level == 0 else F.max_pool2d(x, 2))
        x = convolution(f"encoder.{level}.conv2", x, pooled=level < depth)
        skips.append(x)
    for level in reversed(range(depth)):
        up = F.conv_transpose2d(x, parameters[f"decoder.{level}.up.weight"], parameters[f"decoder.{level}.up.bias"],
                                stride=2)
        skip = skips[level]
        top, left = (skip.shape[2] - up.shape[2]) // 2, (skip.shape[3] - up.shape[3]) // 2
        skip = skip[:, :, top:top + up.shape[2], left:left + up.shape[3]]
        joined = {"concatenate": lambda: torch.cat([skip, up], 1), "add": lambda: skip + up, "none": lambda: up}
        x = convolution(f"decoder.{level}.conv1", joined[skip_kind]())
        x = convolution(f"decoder.{level}.conv2", x)
    return F.conv2d(x, parameters["head.weight"], parameters["head.bias"])


def sample_loss(logits, label, weight):
    """Σ w·CE / number of pixels that count."""
    each = F.cross_entropy(logits, label[None], reduction="none", ignore_index=-1)[0]
    return (each * weight).sum() / (label >= 0).sum()


# --- clear of kinks -------------------------------------------------------------------------------------------------


def clear_bias(z):
    """For each channel the float32 bias, within a fifth of a deviation, that keeps all z + bias furthest from 0; and
    the smallest |z + bias| in deviations of the layer."""
    deviation = z.std().item()
    biases = []
    for channel in z.transpose(0, 1).flatten(1).numpy():
        kinks = np.sort(-channel[np.abs(channel) < 0.2 * deviation])
        kinks = np.concatenate([[-0.2 * deviation], kinks, [0.2 * deviation]])
        widest = np.argmax(np.diff(kinks))
        biases.append(np.float32((kinks[widest] + kinks[widest + 1]) / 2))
    bias = torch.from_numpy(np.array(biases))
    return bias, ((z + bias.double()[:, None, None]).abs().min() / deviation).item()


def pooling_gap(y, deviation):
    """The smallest lead of a 2×2 window's largest value, where that is positive, in deviations."""
    windows = F.unfold(y.reshape(-1, 1, *y.shape[2:]), 2, stride=2)
    top = windows.topk(2, dim=1).values
    return ((top[:, 0] - top[:, 1])[top[:, 0] > 0].min() / deviation).item()


def clear_parameters(spec, images):
    """Weights, biases, and the weights' streams: of each layer that a pooling follows, the stream with the widest
    pooling gap out of ATTEMPTS; biases as clear_bias has them. Returns the smallest margins too."""
    shapes = spec_shapes(spec)
    parameters, streams, margins = {}, {}, {"relu": math.inf, "pooling": math.inf}
    for number, (name, shape) in enumerate(shapes.items()):
        if name.endswith(".weight") and "norm" in name:
            # Factors around 1 that a hash gives; the term after them is set as a bias is.
            parameters[name] = (1 + uniform(1 + number, shape, 0.2)).double()
        elif name.endswith(".weight"):
            streams[name] = 1 + number
            parameters[name] = uniform(1 + number, shape, math.sqrt(2 / incoming(name, shape))).double()
        else:
            parameters[name] = uniform(1 + number, shape, 0.1).double()

    def visit(name, x, pooled, z=None):
        if z is not None:
            return z
        weight, best = name + ".weight", -math.inf
        number, shape = streams[weight], shapes[weight]
        for attempt in range(ATTEMPTS if pooled else 1):
            w = uniform(number + 1000 * attempt, shape, math.sqrt(2 / incoming(weight, shape))).double()
            z = F.conv2d(x, w, padding=PAD[spec["padding"]])
            if spec["normalization"] == "group":
                factor = parameters[norm_of(name) + ".weight"]
                z = z + parameters[name + ".bias"][:, None, None]
                z = F.group_norm(z, group_count(z.shape[1]), factor, torch.zeros_like(factor), eps=1e-5)
            bias, margin = clear_bias(z)
            gap = math.inf
            if pooled:
                gap = pooling_gap(F.relu(z + bias.double()[:, None, None]), z.std().item())
            if gap > best:
                best, kept = gap, (w, bias.double(), margin, gap, number + 1000 * attempt)
        term = (norm_of(name) if spec["normalization"] == "group" else name) + ".bias"
        parameters[weight], parameters[term], margin, gap, streams[weight] = kept
        margins["relu"], margins["pooling"] = min(margins["relu"], margin), min(margins["pooling"], gap)

    forward(parameters, images, spec["depth"], PAD[spec["padding"]], visit, spec["skip"])
    return parameters, streams, margins


# --- what is measured -----------------------------------------------------------------------------------------------


def batch(spec, trial, dtype):
    """Images, labels and pixel weights of the two samples, and their streams."""
    h, w, margin = spec["height"], spec["width"], spec["margin"]
    samples = []
    for i in range(2):
        stream = {"image": 100_000 + i, "labels": 200_000 + 10 * trial + i, "weights": 300_000 + i}
        samples.append({
            "stream": stream,
            "image": uniform(stream["image"], (h, w, spec["input_channels"]), 1).permute(2, 0, 1)[None].to(dtype),
            "label": labels(stream["labels"], h - 2 * margin, w - 2 * margin, spec["classes"]),
            "weight": pixel_weights(stream["weights"], h - 2 * margin, w - 2 * margin).to(dtype),
        })
    return samples


def run(spec, parameters, samples, dtype, noise=0.0):
    """Logits, loss and gradients of sample 0, and the change of all weights over the steps on the batch."""
    generator = torch.Generator().manual_seed(7)

    def visit(name, x, pooled, z=None):
        if z is None or noise == 0:
            return z
        return z + noise * z.detach().std() * torch.randn(z.shape, generator=generator, dtype=z.dtype)

    def loss(p, sample):
        logits = forward(p, sample["image"], spec["depth"], PAD[spec["padding"]], visit, spec["skip"])
        return logits, sample_loss(logits, sample["label"], sample["weight"])

    p = {name: value.to(dtype).clone().requires_grad_() for name, value in parameters.items()}
    logits, value = loss(p, samples[0])
    gradients = dict(zip(p, torch.autograd.grad(value, list(p.values()))))
    s = spec["step"]
    optimizer = torch.optim.SGD(p.values(), lr=s["learning_rate"], momentum=s["momentum"],
                                weight_decay=s["weight_decay"], nesterov=s["nesterov"])
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        mean = sum(loss(p, sample)[1] for sample in samples) / len(samples)
        mean.backward()
        losses.append(mean.item())
        optimizer.step()
    change = {name: p[name].detach().double() - parameters[name] for name in p}
    return {"logits": logits[0].detach().double(), "loss": value.item(), "losses": losses,
            "gradients": {name: g.double() for name, g in gradients.items()}, "change": change}


def distance(a, b):
    return ((a - b).norm() / b.norm()).item()


def worst(result, truth):
    """The largest relative L2 distances of logits, gradients and changes."""
    return {"logits": max(distance(result["logits"], truth["logits"]), abs(result["loss"] / truth["loss"] - 1)),
            "gradients": max(distance(g, truth["gradients"][n]) for n, g in result["gradients"].items()),
            "change": max(distance(c, truth["change"][n]) for n, c in result["change"].items())}


# What two ways of adding in float32, and a float64 with noise in every pre-activation (as much as a Winograd convolution
# errs), may be off. NetworkTests allow 1e-5, 1e-4 and 1e-3.
LIMITS = {
    "float32": {"logits": 2e-6, "gradients": 1e-5, "change": 1e-4},
    "float32, other order": {"logits": 2e-6, "gradients": 1e-5, "change": 1e-4},
    "noise": {"logits": 1e-4, "gradients": 1e-4, "change": 3e-4},
}


def choose(spec):
    """Parameters, their streams, and the first trial of labels for which everything stays within the limits, with its
    true values."""
    images = torch.cat([sample["image"] for sample in batch(spec, 0, torch.float64)])
    parameters, streams, margins = clear_parameters(spec, images)
    print(f"{spec['name']}: margins in deviations: ReLU {margins['relu']:.1e}, pooling {margins['pooling']:.1e}")
    for trial in range(200):
        truth = run(spec, parameters, batch(spec, trial, torch.float64), torch.float64)
        clear = True
        for kind, limits in LIMITS.items():
            dtype = torch.float64 if kind == "noise" else torch.float32
            with torch.backends.mkldnn.flags(enabled=kind != "float32, other order"):
                result = run(spec, parameters, batch(spec, trial, dtype), dtype, spec["noise"] if kind == "noise" else 0)
            off = worst(result, truth)
            clear = clear and all(off[key] <= limits[key] for key in limits)
            print(f"  trial {trial}, {kind}:", ", ".join(f"{key} {value:.1e}" for key, value in off.items()), flush=True)
            if not clear:
                break
        if clear:
            return parameters, streams, trial, truth
    raise SystemExit(f"{spec['name']}: no trial is clear of kinks")


# --- files ----------------------------------------------------------------------------------------------------------


def encoded(values):
    """Little-endian float32 in base64."""
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def stride_of(count):
    """The distance between the values kept of `count`: coprime to 6, so that every tap of a kernel has its turn."""
    stride = -(-count // SAMPLES)
    while stride > 1 and math.gcd(stride, 6) > 1:
        stride += 1
    return stride


def summary(tensor):
    """What is stored of a tensor: every stride-th value, its norm, and its sums with the signs of streams 400000…"""
    flat = tensor.contiguous().flatten().numpy()
    return {"stride": stride_of(flat.size), "values": encoded(flat[::stride_of(flat.size)]),
            "norm": float(np.linalg.norm(flat)),
            "projections": [float(signs(400_000 + p, flat.size) @ flat) for p in range(PROJECTIONS)]}


def write_network(spec):
    parameters, streams, trial, truth = choose(spec)
    tensors = []
    for number, (name, value) in enumerate(parameters.items()):
        entry = {"name": name, "shape": list(value.shape)}
        if name in streams:
            entry |= {"stream": streams[name], "deviation": math.sqrt(2 / incoming(name, value.shape))}
        else:
            entry["values"] = encoded(value.numpy())
        entry["gradient"], entry["change"] = summary(truth["gradients"][name]), summary(truth["change"][name])
        tensors.append(entry)
    keys = ("input_channels", "classes", "base_channels", "depth", "padding", "skip", "normalization", "height",
            "width")
    document = {key: spec[key] for key in keys} | {
        "samples": [sample["stream"] for sample in batch(spec, trial, torch.float64)],
        # H×W×C, as the project lays images out.
        "logits": summary(truth["logits"].permute(1, 2, 0)), "loss": truth["loss"],
        "step": spec["step"], "losses": truth["losses"], "tensors": tensors}
    # One tensor a line.
    text = json.dumps(document | {"tensors": []}, indent=1)
    lines = ",\n  ".join(json.dumps(tensor) for tensor in tensors)
    (FOLDER / f"{spec['name']}.json").write_text(text.replace('"tensors": []', f'"tensors": [\n  {lines}\n ]') + "\n")


def write_foreign_weights():
    """A weights-only file as another program writes it, two 8-bit images, and what the network makes of them."""
    base, depth, margin = 4, 2, 20
    shapes = tensor_shapes(1, 2, base, depth)
    parameters = {}
    for number, (name, shape) in enumerate(shapes.items()):
        deviation = math.sqrt(2 / incoming(name, shape)) if name.endswith(".weight") else 0.1
        # A head this steep gives probabilities on both sides of a half, far from it too.
        parameters[name] = uniform(500_000 + number, shape, deviation * (6 if name == "head.weight" else 1))
    save_file({name: value.numpy() for name, value in parameters.items()}, FOLDER / "foreign.safetensors")
    parameters = {name: value.double() for name, value in parameters.items()}
    document = {}
    # The second image is smaller than the margin: mirrored again and again.
    for name, (height, width) in {"foreign-large": (43, 50), "foreign-small": (7, 12)}.items():
        y, x = np.mgrid[:height, :width]
        noise = uniform(600_000, (height, width), 20).numpy()
        pixels = np.clip(128 + 80 * np.sin(y / 3.0) * np.cos(x / 4.0 + y / 9.0) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(FOLDER / f"{name}.png", optimize=True)
        # The next legal input at least as large as the image and its margins: a multiple of 4 from 44 on at depth 2.
        after = [-(-(side + 2 * margin) // 4) * 4 - side - margin for side in (height, width)]
        padded = np.pad(pixels / 255.0, ((margin, after[0]), (margin, after[1])), mode="reflect")
        logits = forward(parameters, torch.from_numpy(padded)[None, None], depth, 0)
        probability = logits.softmax(1)[0, 1, :height, :width].numpy()
        document[name] = {"height": height, "width": width, "probability": encoded(probability)}
        print(f"{name}: {padded.shape}, probabilities {probability.min():.3f} to {probability.max():.3f}")
    (FOLDER / "foreign.json").write_text(json.dumps(document, indent=1) + "\n")


NETWORKS = [
    {"name": "valid-1-channel", "input_channels": 1, "classes": 2, "base_channels": 8, "depth": 3, "padding": "valid",
     "height": 100, "width": 100, "margin": 44,
     "step": {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.0, "nesterov": False}},
    {"name": "same-rgb-5-classes", "input_channels": 3, "classes": 5, "base_channels": 6, "depth": 2, "padding": "same",
     "height": 28, "width": 20, "margin": 0,
     "step": {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.001, "nesterov": True}},
    {"name": "valid-rectangular", "input_channels": 1, "classes": 2, "base_channels": 16, "depth": 4,
     "padding": "valid", "height": 188, "width": 204, "margin": 92,
     # Its pixels are too many for more.
     "noise": 3e-6,
     "step": {"learning_rate": 0.05, "momentum": 0.99, "weight_decay": 0.0005, "nesterov": False}},
    {"name": "group-normalization", "input_channels": 2, "classes": 3, "base_channels": 16, "depth": 2,
     "padding": "valid", "normalization": "group", "height": 52, "width": 48, "margin": 20, "noise": 3e-6,
     "step": {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.001, "nesterov": False}},
    {"name": "added-skips", "input_channels": 1, "classes": 2, "base_channels": 8, "depth": 2, "padding": "valid",
     "skip": "add", "height": 60, "width": 52, "margin": 20,
     "step": {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.0, "nesterov": False}},
    {"name": "no-skips", "input_channels": 1, "classes": 2, "base_channels": 6, "depth": 2, "padding": "same",
     "skip": "none", "height": 20, "width": 24, "margin": 0,
     "step": {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.0, "nesterov": False}},
]
NETWORKS = [{"skip": "concatenate", "normalization": "none", "noise": 1e-5} | network for network in NETWORKS]

if __name__ == "__main__":
    for network in NETWORKS:
        write_network(network)
    write_foreign_weights()
