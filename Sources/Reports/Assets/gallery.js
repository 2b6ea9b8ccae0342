'use strict';
// Validation pictures: an image, the truth, the prediction and the errors, one fading into the next.

const missedColor = [213, 94, 0], falseColor = [240, 228, 66], wrongColor = [213, 40, 120];

/// Classes by runs: pairs of numbers, seven bits a byte. 0 is what does not count, else a class and 1.
function decodeRuns(text, count) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0)), labels = new Uint16Array(count);
  let place = 0, i = 0;
  const number = () => { let value = 0, shift = 0, byte; do { byte = bytes[i++]; value += (byte & 127) * 2 ** shift; shift += 7; } while (byte & 128); return value; };
  while (i < bytes.length && place < count) { const label = number(), length = number(); labels.fill(label, place, place + length); place += length; }
  return labels;
}

function rgb(hex) { return [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)); }

class GallerySample {
  constructor(gallery, sample) {
    this.gallery = gallery; this.sample = sample;
    this.truth = decodeRuns(sample.truth, sample.width * sample.height);
    this.prediction = decodeRuns(sample.prediction, sample.width * sample.height);
    this.image = new Image();
    this.layers = [null, this.layer(this.truth), this.layer(this.prediction), this.errors()];
    this.canvases = new Set();
    this.image.onload = () => this.draw();
    this.image.src = 'data:image/png;base64,' + sample.image;
  }

  picture(paint) {
    const { width, height } = this.sample, canvas = element('canvas', { width, height }), pen = canvas.getContext('2d');
    const data = pen.createImageData(width, height), out = data.data;
    for (let p = 0; p < width * height; p++) {
      const color = paint(p);
      if (color) { out[4 * p] = color[0]; out[4 * p + 1] = color[1]; out[4 * p + 2] = color[2]; out[4 * p + 3] = color[3]; }
    }
    pen.putImageData(data, 0, 0);
    return canvas;
  }

  /// A tint in each region, an outline around it, and a dark halo around that, so that it shows on any ground.
  layer(labels) {
    const { width, height } = this.sample, colors = this.gallery.colors, count = width * height;
    const around = p => {
      const x = p % width, y = p - x, list = [];
      for (const [dx, dy] of [[-1, 0], [1, 0], [0, -width], [0, width], [-1, -width], [1, -width], [-1, width], [1, width]])
        if (x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < count) list.push(labels[p + dx + dy]);
      return list;
    };
    return this.picture(p => {
      if (this.truth[p] === 0) return [20, 20, 20, 170];
      const color = colors[labels[p] - 1];
      if (!color) return around(p).some(other => colors[other - 1]) ? [0, 0, 0, 150] : null;
      return [...color, around(p).some(other => other !== labels[p]) ? 255 : 70];
    });
  }

  errors() {
    const isBinary = this.gallery.spec.classes.length === 2;
    return this.picture(p => {
      const expected = this.truth[p], found = this.prediction[p];
      if (expected === 0) return [20, 20, 20, 170];
      if (expected === found) return [0, 0, 0, 90];
      return [...(isBinary ? expected === 2 ? missedColor : falseColor : wrongColor), 235];
    });
  }

  draw(only) {
    const at = this.gallery.position;
    for (const canvas of only ? [only] : this.canvases) {
      const pen = canvas.getContext('2d');
      pen.imageSmoothingEnabled = false;
      pen.globalAlpha = 1;
      if (!this.image.naturalWidth) continue;
      pen.drawImage(this.image, 0, 0, canvas.width, canvas.height);
      this.layers.forEach((layer, i) => {
        pen.globalAlpha = Math.max(0, 1 - Math.abs(at - i));
        if (layer && pen.globalAlpha > 0) pen.drawImage(layer, 0, 0, canvas.width, canvas.height);
      });
    }
  }

  /// A canvas that shows the sample, enlarged by a whole number.
  canvas(scale) {
    const { width, height, name } = this.sample;
    const canvas = element('canvas', { width: width * scale, height: height * scale, role: 'img', 'aria-label': name });
    canvas.addEventListener('pointermove', event => {
      const box = canvas.getBoundingClientRect();
      const x = Math.floor((event.clientX - box.left) / box.width * width), y = Math.floor((event.clientY - box.top) / box.height * height);
      if (x < 0 || y < 0 || x >= width || y >= height) return;
      const p = y * width + x, label = value => value === 0 ? 'does not count' : (this.gallery.spec.classes[value - 1] || {}).name;
      const color = value => value > 0 && (this.gallery.spec.classes[value - 1] || {}).color || '#8a8f98';
      tip.show(event.clientX, event.clientY, [tip.row(color(this.truth[p]), 'truth', label(this.truth[p])), tip.row(color(this.prediction[p]), 'prediction', label(this.prediction[p]))]);
    });
    canvas.addEventListener('pointerleave', () => tip.hide());
    this.canvases.add(canvas);
    this.draw(canvas);
    return canvas;
  }
}

class Gallery {
  constructor(spec) {
    this.spec = spec;
    this.position = 3;
    this.colors = spec.classes.map(c => c.color ? rgb(c.color) : null);
    this.controls = [];
    this.samples = spec.samples.map(sample => new GallerySample(this, sample));
    document.getElementById('gallery-tools').append(this.slider(), this.keys());
    document.getElementById('gallery').append(...this.samples.map((sample, i) => {
      const canvas = sample.canvas(sample.sample.width < 256 ? 2 : 1);
      canvas.tabIndex = 0;
      canvas.addEventListener('click', () => this.open(i));
      canvas.addEventListener('keydown', event => { if (event.key === 'Enter') this.open(i); });
      return element('figure', {}, canvas, this.caption(sample.sample));
    }));
    this.move(2);
  }

  caption(sample) {
    return element('figcaption', {}, element('span', { class: 'name', title: sample.name }, sample.name), element('b', { title: `place ${sample.place} of ${this.spec.count}` }, `${this.spec.metric} ${sample.score}`));
  }

  slider() {
    const input = element('input', { type: 'range', min: 0, max: 3, step: 0.02, value: this.position, 'aria-label': 'From the image to the errors', oninput: () => this.move(Number(input.value)) });
    const buttons = ['image', 'truth', 'prediction', 'errors'].map((name, i) => element('button', { type: 'button', onclick: () => this.move(i) }, name));
    this.controls.push({ input, buttons });
    return element('div', { class: 'stops' }, input, element('div', {}, ...buttons));
  }

  keys() {
    const swatch = (color, name) => element('span', {}, element('i', { class: 'swatch', style: { background: color } }), name);
    const css = color => `rgb(${color.join(' ')})`;
    const classes = this.spec.classes.filter(c => c.color).slice(0, 16).map(c => swatch(c.color, c.name));
    const errors = this.spec.classes.length === 2 ? [swatch(css(missedColor), 'missed'), swatch(css(falseColor), 'found where none is')] : [swatch(css(wrongColor), 'another class')];
    return element('span', { class: 'keys' }, ...classes, ...errors);
  }

  move(position) {
    this.position = position;
    for (const { input, buttons } of this.controls) {
      input.value = position;
      buttons.forEach((button, i) => button.setAttribute('aria-pressed', String(Math.round(position) === i)));
    }
    for (const sample of this.samples) sample.draw();
  }

  open(index) {
    const count = this.samples.length;
    let canvas = null;
    const dialog = element('dialog', { 'aria-label': 'Picture' });
    const show = i => {
      if (canvas) this.samples[index].canvases.delete(canvas);
      index = (i + count) % count;
      const sample = this.samples[index];
      const scale = Math.max(1, Math.floor(Math.min(1050 / sample.sample.width, innerHeight * 0.74 / sample.sample.height)));
      canvas = sample.canvas(scale);
      figureHost.replaceChildren(canvas, this.caption(sample.sample));
    };
    const figureHost = element('figure');
    const tools = element('div', { class: 'tools' }, this.slider(),
      element('button', { class: 'plain', type: 'button', onclick: () => show(index - 1) }, '← worse'),
      element('button', { class: 'plain', type: 'button', onclick: () => show(index + 1) }, 'better →'),
      element('button', { class: 'plain', type: 'button', onclick: () => dialog.close() }, 'close'));
    dialog.append(figureHost, tools);
    dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener('close', () => { this.samples[index].canvases.delete(canvas); this.controls.pop(); dialog.remove(); tip.hide(); });
    document.body.append(dialog);
    show(index);
    this.move(this.position);
    dialog.showModal();
  }
}
