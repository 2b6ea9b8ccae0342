'use strict';
// Charts on a canvas: curves with their extremes, zoomed and panned together. No library, no request.

/// A number in four significant digits.
function figure(value) {
  if (value === null || value === undefined || !isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2).replace('e+', 'e').replace('-', '−');
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(4)));
}

/// A label of an axis.
function tickText(value, step) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(1).replace('.0e', 'e').replace('e+', 'e').replace('-', '−');
  const digits = step ? Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9))) : 0;
  return step ? value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    : String(Number(value.toPrecision(3)));
}

function linearTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 5, 10].map(f => f * power).find(s => s >= raw * 0.999) || power * 10;
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9 && ticks.length < 40; i++) ticks.push(i * step);
  return { ticks, step };
}

function logTicks(low, high, count) {
  const ticks = [];
  const decades = Math.log10(high / low);
  const factors = decades > 3 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 3, 5, 7];
  const every = Math.max(1, Math.ceil(decades / Math.max(2, count)));
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++) {
    if (p % every) continue;
    for (const f of factors) {
      const value = f * Math.pow(10, p);
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value);
    }
  }
  return { ticks: ticks.length > 1 ? ticks : linearTicks(low, high, 3).ticks.filter(v => v > 0), step: 0 };
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'style') Object.assign(node.style, value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

/// The page's colours, as they are at the moment.
const palette = {
  read() {
    const style = getComputedStyle(document.documentElement);
    const get = name => style.getPropertyValue(name).trim();
    this.ink = get('--ink'); this.muted = get('--muted'); this.line = get('--line'); this.panel = get('--panel');
    this.accent = get('--accent'); this.bad = get('--bad');
    this.series = [0, 1, 2, 3, 4, 5, 6, 7].map(i => get('--c' + i));
  },
};

const tip = {
  show(x, y, rows) {
    const node = document.getElementById('tip');
    node.replaceChildren(...rows);
    node.hidden = false;
    const box = node.getBoundingClientRect();
    const left = x + 16 + box.width > innerWidth ? x - 14 - box.width : x + 16;
    node.style.left = Math.max(4, left) + 'px';
    node.style.top = Math.max(4, Math.min(y + 14, innerHeight - box.height - 6)) + 'px';
  },
  row(color, name, value) {
    return element('div', {}, color ? element('i', { style: { background: color } }) : '', element('span', {}, name), element('b', {}, value));
  },
  hide() { document.getElementById('tip').hidden = true; },
};

/// What the charts of a page have in common: the steps they show, the pointer, smoothing.
class ChartGroup {
  constructor() {
    this.charts = [];
    this.view = null; // [from, to] in steps; null: all
    this.hover = null;
    this.smoothing = 0.8;
    this.mode = matchMedia('(pointer: coarse)').matches ? 'pan' : 'zoom';
    this.lit = null; // the name of a curve that is pointed at anywhere
    this.onLight = () => { };
  }
  get domain() {
    let low = Infinity, high = -Infinity;
    for (const chart of this.charts) for (const curve of chart.curves) if (curve.x.length) {
      low = Math.min(low, curve.x[0]); high = Math.max(high, curve.x[curve.x.length - 1]);
    }
    if (!isFinite(low)) return [0, 1];
    return low === high ? [low - 1, high + 1] : [low, high];
  }
  get shown() { return this.view || this.domain; }
  zoom(from, to) {
    const [low, high] = this.domain;
    const least = Math.max((high - low) / 5000, 0.5);
    if (to - from < least) { const middle = (from + to) / 2; from = middle - least / 2; to = middle + least / 2; }
    if (from < low) { to += low - from; from = low; }
    if (to > high) { from -= to - high; to = high; }
    from = Math.max(low, from);
    this.view = from <= low && to >= high ? null : [from, to];
    this.draw();
  }
  scale(factor, at) {
    const [a, b] = this.shown, center = at === undefined ? (a + b) / 2 : at;
    this.zoom(center - (center - a) * factor, center + (b - center) * factor);
  }
  pan(steps) { if (this.view) this.zoom(this.view[0] + steps, this.view[1] + steps); }
  reset() { this.view = null; this.draw(); }
  light(name) { if (name !== this.lit) { this.lit = name; this.onLight(name); this.draw(); } }
  draw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; for (const chart of this.charts) chart.draw(); });
  }
}

class Chart {
  constructor(group, spec) {
    this.group = group;
    this.id = spec.id;
    this.isLog = spec.log;
    this.isExact = spec.exact;
    this.hidden = new Set(spec.curves.filter(c => !c.shown).map(c => c.name));
    this.legend = element('div', { class: 'legend' });
    this.logButton = element('button', { class: 'plain', type: 'button', 'aria-pressed': String(this.isLog), title: 'Logarithmic axis', onclick: () => {
      this.isLog = !this.isLog; this.logButton.setAttribute('aria-pressed', String(this.isLog)); this.draw();
    } }, 'log');
    this.canvas = element('canvas', { tabindex: 0, role: 'img', 'aria-label': spec.title });
    this.node = element('div', { class: 'chart' }, element('div', { class: 'row' }, element('h3', {}, spec.title), this.logButton), this.legend, this.canvas);
    this.take(spec);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /// Takes new points.
  take(spec) {
    this.curves = spec.curves.map((curve, index) => ({ ...curve, index, smooth: null }));
    this.mark = spec.mark;
    this.gaps = spec.gaps;
    // Trials and folds are many of a kind; scores that nobody has asked for are not.
    this.isCrowd = this.curves.filter(c => c.shown).length > 8;
    const names = this.curves.map(c => c.name).join('\n');
    if (names === this.names) return;
    this.names = names;
    this.legend.hidden = this.isCrowd || this.curves.length < 2;
    this.legend.replaceChildren(...this.curves.map(curve => {
      const swatch = element('i', { style: { background: `var(--c${curve.index % 8})`, borderColor: `var(--c${curve.index % 8})` } });
      const button = element('button', { type: 'button', 'aria-pressed': String(!this.hidden.has(curve.name)), onclick: () => {
        this.hidden.has(curve.name) ? this.hidden.delete(curve.name) : this.hidden.add(curve.name);
        button.setAttribute('aria-pressed', String(!this.hidden.has(curve.name)));
        this.draw();
      } }, swatch, curve.name);
      return button;
    }));
  }

  isSmooth(curve) { return this.group.smoothing > 0 && curve.style === 'line' && !this.isExact; }

  color(curve) { return palette.series[curve.index % 8]; }

  /// The moving average of a curve, without the bias of its beginning.
  smoothed(curve) {
    const weight = this.group.smoothing;
    if (curve.smooth && curve.smooth.weight === weight) return curve.smooth.values;
    const values = new Array(curve.y.length);
    let sum = 0, norm = 0;
    for (let i = 0; i < values.length; i++) {
      const y = curve.y[i];
      if (y === null) { values[i] = null; continue; }
      sum = weight * sum + (1 - weight) * y; norm = weight * norm + (1 - weight);
      values[i] = sum / norm;
    }
    curve.smooth = { weight, values };
    return values;
  }

  draw() {
    const ratio = devicePixelRatio || 1;
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (!width || !height) return;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio); this.canvas.height = Math.round(height * ratio);
    }
    const pen = this.canvas.getContext('2d');
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = '11.5px system-ui, sans-serif';
    const [from, to] = this.group.shown;
    const shown = this.curves.filter(c => !this.hidden.has(c.name));
    // What is to be seen, with one point beyond either edge.
    const parts = shown.map(curve => {
      const smooth = this.isSmooth(curve);
      const first = Math.max(0, lowerBound(curve.x, from) - 1), last = Math.min(curve.x.length, lowerBound(curve.x, to) + 1);
      return { curve, smooth, first, last, y: smooth ? this.smoothed(curve) : curve.y };
    });
    let low = Infinity, high = -Infinity;
    for (const part of parts) for (let i = part.first; i < part.last; i++) {
      if (part.curve.x[i] < from || part.curve.x[i] > to) continue;
      const a = part.curve.low ? part.curve.low[i] : part.curve.y[i], b = part.curve.high ? part.curve.high[i] : part.curve.y[i];
      if (a !== null && !(this.isLog && a <= 0)) low = Math.min(low, a);
      if (b !== null && !(this.isLog && b <= 0)) high = Math.max(high, b);
    }
    if (!isFinite(low) || !isFinite(high)) [low, high] = this.isLog ? [0.1, 1] : [0, 1];
    if (this.isLog) {
      if (high / low < 1.05) { low /= 1.1; high *= 1.1; }
      const margin = Math.pow(high / low, 0.05); low /= margin; high *= margin;
    } else {
      if (high - low < 1e-12 * Math.max(1, Math.abs(high))) { const pad = Math.abs(high) * 0.1 || 0.5; low -= pad; high += pad; }
      const margin = (high - low) * 0.06;
      low = low >= 0 && low - margin < 0 ? 0 : low - margin; high += margin;
    }
    const yTicks = this.isLog ? logTicks(low, high, height / 55) : linearTicks(low, high, height / 42);
    const labels = yTicks.ticks.map(value => tickText(value, yTicks.step));
    const left = Math.ceil(Math.max(28, ...labels.map(text => pen.measureText(text).width)) + 10);
    const box = this.box = { left, top: 8, right: width - 10, bottom: height - 24 };
    const X = this.X = step => box.left + (step - from) / (to - from) * (box.right - box.left);
    const Y = this.isLog
      ? value => box.bottom - Math.log(value / low) / Math.log(high / low) * (box.bottom - box.top)
      : value => box.bottom - (value - low) / (high - low) * (box.bottom - box.top);
    this.Y = Y;
    // Axes.
    pen.lineWidth = 1; pen.strokeStyle = palette.line; pen.fillStyle = palette.muted; pen.textBaseline = 'middle'; pen.textAlign = 'right';
    yTicks.ticks.forEach((value, i) => {
      const y = Math.round(Y(value)) + 0.5;
      pen.beginPath(); pen.moveTo(box.left, y); pen.lineTo(box.right, y); pen.stroke();
      pen.fillText(labels[i], box.left - 7, y);
    });
    pen.textBaseline = 'top'; pen.textAlign = 'center';
    const xTicks = linearTicks(from, to, Math.max(2, width / 95));
    for (const value of xTicks.ticks) {
      const x = X(value);
      if (x < box.left + 8 || x > box.right - 4) continue;
      pen.fillText(tickText(value, xTicks.step), Math.min(x, box.right - 10), box.bottom + 7);
    }
    pen.textAlign = 'left';
    pen.fillText('step', box.left, box.bottom + 7);
    // Curves.
    pen.save();
    pen.beginPath(); pen.rect(box.left, 0, box.right - box.left + 1, box.bottom + 1); pen.clip();
    const lit = this.group.lit;
    const order = parts.slice().sort((a, b) => (a.curve.best ? 1 : 0) - (b.curve.best ? 1 : 0) || (a.curve.name === lit ? 1 : 0) - (b.curve.name === lit ? 1 : 0));
    for (const part of order) {
      const curve = part.curve;
      let color = this.color(curve), strong = 1.6, alpha = 1;
      if (this.isCrowd) {
        color = curve.name === lit ? palette.ink : curve.best ? palette.accent : palette.muted;
        strong = curve.name === lit || curve.best ? 2.2 : 1; alpha = curve.name === lit || curve.best ? 1 : 0.42;
      } else if (lit) { alpha = curve.name === lit ? 1 : 0.3; strong = curve.name === lit ? 2.2 : 1.4; }
      if (!this.isCrowd && curve.style === 'line') {
        if (curve.low || part.last - part.first > 2 * (box.right - box.left)) this.band(pen, part, color, alpha * (part.smooth ? 0.16 : 0.26));
        else if (part.smooth) this.line(pen, { ...part, y: curve.y }, color, 1, alpha * 0.28);
      }
      this.line(pen, part, color, strong, alpha);
      if (curve.style === 'dots' && !this.isCrowd && part.last - part.first < (box.right - box.left) / 6) {
        pen.fillStyle = color; pen.globalAlpha = alpha;
        for (let i = part.first; i < part.last; i++) if (part.y[i] !== null && !(this.isLog && part.y[i] <= 0)) {
          pen.beginPath(); pen.arc(X(curve.x[i]), Y(part.y[i]), 2.6, 0, 7); pen.fill();
        }
        pen.globalAlpha = 1;
      }
    }
    // Steps without a finite value.
    pen.strokeStyle = palette.bad; pen.globalAlpha = 0.8;
    for (const step of this.gaps) if (step >= from && step <= to) {
      pen.beginPath(); pen.moveTo(X(step), box.bottom); pen.lineTo(X(step), box.bottom - 10); pen.stroke();
    }
    pen.globalAlpha = 1;
    if (this.mark && this.mark.x >= from && this.mark.x <= to) {
      const x = Math.round(X(this.mark.x)) + 0.5;
      pen.strokeStyle = palette.muted; pen.setLineDash([3, 3]);
      pen.beginPath(); pen.moveTo(x, box.top); pen.lineTo(x, box.bottom); pen.stroke(); pen.setLineDash([]);
      pen.fillStyle = palette.muted; pen.textBaseline = 'top';
      const right = x > box.right - 40;
      pen.textAlign = right ? 'right' : 'left';
      pen.fillText(this.mark.label, right ? x - 5 : x + 5, box.top);
    }
    if (this.group.hover !== null && this.group.hover >= from && this.group.hover <= to) {
      const x = Math.round(X(this.group.hover)) + 0.5;
      pen.strokeStyle = palette.ink; pen.globalAlpha = 0.45;
      pen.beginPath(); pen.moveTo(x, box.top); pen.lineTo(x, box.bottom); pen.stroke(); pen.globalAlpha = 1;
      if (!this.isCrowd) for (const part of parts) {
        const i = nearest(part.curve.x, this.group.hover), y = part.y[i];
        if (y === null || y === undefined || (this.isLog && y <= 0)) continue;
        pen.fillStyle = this.color(part.curve); pen.strokeStyle = palette.panel; pen.lineWidth = 1.5;
        pen.beginPath(); pen.arc(X(part.curve.x[i]), Y(y), 4, 0, 7); pen.fill(); pen.stroke();
      }
    }
    if (this.selection) {
      const [a, b] = this.selection;
      pen.fillStyle = palette.accent; pen.globalAlpha = 0.14;
      pen.fillRect(Math.min(a, b), box.top, Math.abs(b - a), box.bottom - box.top); pen.globalAlpha = 1;
    }
    pen.restore();
  }

  line(pen, part, color, width, alpha) {
    const { curve, y } = part, { X, Y } = this;
    pen.strokeStyle = color; pen.lineWidth = width; pen.globalAlpha = alpha; pen.lineJoin = 'round';
    pen.beginPath();
    let isDown = false, column = null, sum = 0, count = 0;
    const pixels = this.box.right - this.box.left;
    const crowded = part.last - part.first > 2 * pixels;
    const put = (x, value) => { isDown ? pen.lineTo(x, value) : pen.moveTo(x, value); isDown = true; };
    for (let i = part.first; i < part.last; i++) {
      if (y[i] === null || (this.isLog && y[i] <= 0)) { if (y[i] === null) { isDown = false; } continue; }
      const x = X(curve.x[i]);
      if (!crowded) { put(x, Y(y[i])); continue; }
      const place = Math.round(x);
      if (place !== column && count) { put(column, Y(sum / count)); sum = 0; count = 0; }
      column = place; sum += y[i]; count++;
    }
    if (count) put(column, Y(sum / count));
    pen.stroke(); pen.globalAlpha = 1;
  }

  /// From the smallest to the largest value, a line a column of the screen.
  band(pen, part, color, alpha) {
    const { curve } = part, { X, Y } = this;
    pen.strokeStyle = color; pen.globalAlpha = alpha; pen.lineWidth = 1.2;
    pen.beginPath();
    let column = null, low = 0, high = 0;
    const flush = () => { if (column !== null) { pen.moveTo(column, Y(low) + 0.5); pen.lineTo(column, Y(high) - 0.5); } };
    for (let i = part.first; i < part.last; i++) {
      let a = curve.low ? curve.low[i] : curve.y[i]; const b = curve.high ? curve.high[i] : curve.y[i];
      if (a === null || b === null || (this.isLog && b <= 0)) continue;
      if (this.isLog && a <= 0) a = b;
      const place = Math.round(X(curve.x[i]));
      if (place !== column) { flush(); column = place; low = a; high = b; } else { low = Math.min(low, a); high = Math.max(high, b); }
    }
    flush();
    pen.stroke(); pen.globalAlpha = 1;
  }

  step(x) {
    const [from, to] = this.group.shown;
    return from + (x - this.box.left) / (this.box.right - this.box.left) * (to - from);
  }

  /// The curve that is nearest to a point of the canvas.
  curveAt(x, y) {
    let best = null, distance = 24;
    for (const curve of this.curves) {
      if (this.hidden.has(curve.name) || !curve.x.length) continue;
      const values = this.isSmooth(curve) ? this.smoothed(curve) : curve.y;
      const step = this.step(x), next = Math.min(curve.x.length - 1, lowerBound(curve.x, step)), before = Math.max(0, next - 1);
      if (step > curve.x[curve.x.length - 1] + 1 || values[next] === null || values[before] === null) continue;
      const share = curve.x[next] > curve.x[before] ? Math.max(0, Math.min(1, (step - curve.x[before]) / (curve.x[next] - curve.x[before]))) : 0;
      const apart = Math.abs(this.Y(values[before] + share * (values[next] - values[before])) - y);
      if (apart < distance) { distance = apart; best = curve; }
    }
    return best;
  }

  point(event) {
    const rect = this.canvas.getBoundingClientRect(), x = event.clientX - rect.left, y = event.clientY - rect.top;
    if (!this.box) return;
    const [from, to] = this.group.shown;
    this.group.hover = Math.max(from, Math.min(to, this.step(x)));
    const rows = [];
    if (this.isCrowd) {
      const curve = this.curveAt(x, y);
      this.group.light(curve ? curve.name : null);
      if (curve) { const i = nearest(curve.x, this.group.hover); rows.push(tip.row('', 'step ' + curve.x[i].toLocaleString('en-US'), ''), tip.row(curve.best ? palette.accent : palette.muted, curve.name, figure(curve.y[i]))); }
    } else {
      for (const curve of this.curves) {
        if (this.hidden.has(curve.name) || !curve.x.length) continue;
        const i = nearest(curve.x, this.group.hover);
        if (!rows.length) rows.push(tip.row('', 'step ' + curve.x[i].toLocaleString('en-US'), ''));
        const spread = curve.low && curve.low[i] !== null && curve.low[i] !== curve.high[i] ? ` (${figure(curve.low[i])} to ${figure(curve.high[i])})` : '';
        const name = this.curves.length > 1 && curve.style === 'dots' && rows.length > 1 && this.curves[0].style === 'line' ? `${curve.name}, step ${curve.x[i].toLocaleString('en-US')}` : curve.name;
        rows.push(tip.row(this.color(curve), name, (curve.y[i] === null ? 'not finite' : figure(curve.y[i])) + spread));
        if (this.isSmooth(curve)) rows.push(tip.row('', 'smoothed', figure(this.smoothed(curve)[i])));
      }
    }
    rows.length ? tip.show(event.clientX, event.clientY, rows) : tip.hide();
    this.group.draw();
  }

  listen() {
    const canvas = this.canvas, group = this.group, pointers = new Map();
    const local = event => event.clientX - canvas.getBoundingClientRect().left;
    let drag = null;
    canvas.addEventListener('pointerdown', event => {
      if (event.button !== 0) return;
      pointers.set(event.pointerId, local(event));
      canvas.setPointerCapture(event.pointerId);
      const pans = event.shiftKey !== (group.mode === 'pan');
      drag = pointers.size > 1 ? { kind: 'pinch', apart: spread(pointers) } : { kind: pans ? 'pan' : 'zoom', x: local(event) };
    });
    canvas.addEventListener('pointermove', event => {
      const x = local(event);
      if (pointers.has(event.pointerId)) pointers.set(event.pointerId, x);
      if (drag && drag.kind === 'zoom' && Math.abs(x - drag.x) > 3) { this.selection = [drag.x, x]; tip.hide(); group.hover = null; group.draw(); return; }
      if (drag && drag.kind === 'pan') {
        const [from, to] = group.shown;
        group.pan((drag.x - x) / (this.box.right - this.box.left) * (to - from)); drag.x = x;
      }
      if (drag && drag.kind === 'pinch' && pointers.size > 1) {
        const apart = spread(pointers), middle = [...pointers.values()].reduce((a, b) => a + b) / pointers.size;
        if (apart > 4) group.scale(drag.apart / apart, this.step(middle)); drag.apart = Math.max(apart, 4); return;
      }
      this.point(event);
    });
    const end = event => {
      pointers.delete(event.pointerId);
      if (drag && drag.kind === 'zoom' && this.selection) {
        const [a, b] = this.selection.map(x => this.step(x)).sort((a, b) => a - b);
        this.selection = null; group.zoom(a, b);
      }
      this.selection = null; drag = null; group.draw();
    };
    canvas.addEventListener('pointerup', end);
    canvas.addEventListener('pointercancel', end);
    canvas.addEventListener('pointerleave', () => { group.hover = null; tip.hide(); if (this.isCrowd) group.light(null); group.draw(); });
    canvas.addEventListener('dblclick', () => group.reset());
    canvas.addEventListener('wheel', event => {
      if (event.ctrlKey || event.metaKey) { event.preventDefault(); group.scale(Math.exp(event.deltaY * 0.004), this.step(local(event))); }
      else if (group.view && Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault(); const [from, to] = group.shown; group.pan(event.deltaX / canvas.clientWidth * (to - from));
      }
    }, { passive: false });
    canvas.addEventListener('keydown', event => {
      const [from, to] = group.shown, some = (to - from) / 6;
      const action = { ArrowLeft: () => group.pan(-some), ArrowRight: () => group.pan(some), '+': () => group.scale(0.6), '=': () => group.scale(0.6), '-': () => group.scale(1 / 0.6), '0': () => group.reset(), Escape: () => group.reset() }[event.key];
      if (action) { event.preventDefault(); action(); }
    });
  }
}

function spread(pointers) { const x = [...pointers.values()]; return Math.max(...x) - Math.min(...x); }

/// The first place whose value is not below `value`.
function lowerBound(list, value) {
  let low = 0, high = list.length;
  while (low < high) { const middle = (low + high) >> 1; list[middle] < value ? low = middle + 1 : high = middle; }
  return low;
}

function nearest(list, value) {
  const i = lowerBound(list, value);
  if (i === 0) return 0;
  if (i >= list.length) return list.length - 1;
  return value - list[i - 1] <= list[i] - value ? i - 1 : i;
}

/// The switches above the charts.
function chartTools(group, hasLines) {
  const host = document.getElementById('tools');
  const mode = name => element('button', { type: 'button', 'aria-pressed': String(group.mode === name), onclick: event => {
    group.mode = name;
    for (const other of event.target.parentNode.children) other.setAttribute('aria-pressed', String(other === event.target));
  } }, name);
  const reading = element('span', {}, group.smoothing.toFixed(2));
  const slider = element('input', { type: 'range', min: 0, max: 0.99, step: 0.01, value: group.smoothing, 'aria-label': 'Smoothing', oninput: () => {
    group.smoothing = Number(slider.value); box.checked = group.smoothing > 0; reading.textContent = group.smoothing ? group.smoothing.toFixed(2) : 'off'; group.draw();
  } });
  const box = element('input', { type: 'checkbox', checked: true, onchange: () => { slider.value = box.checked ? 0.8 : 0; slider.dispatchEvent(new Event('input')); } });
  host.replaceChildren(
    element('span', { class: 'segments', role: 'group', 'aria-label': 'What dragging does' }, mode('zoom'), mode('pan')),
    element('button', { class: 'plain', type: 'button', onclick: () => group.reset() }, 'show all'),
    ...(hasLines ? [element('label', {}, box, 'smooth'), slider, reading] : []),
    element('span', { class: 'hint' }, 'Drag to zoom, shift-drag to pan, double-click to show all'));
}
