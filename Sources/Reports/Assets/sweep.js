'use strict';
// The table of trials or folds, and parallel coordinates.

class ResultTable {
  constructor(node, group) {
    this.node = node; this.group = group; this.sort = null;
  }

  take(spec) {
    this.spec = spec;
    if (!this.sort) this.sort = { column: spec.sort, descending: spec.descending };
    this.draw();
  }

  draw() {
    const { columns, rows } = this.spec, { column, descending } = this.sort;
    const isNumber = columns[column] && columns[column].number;
    const sorted = rows.map((row, i) => ({ row, i })).sort((a, b) => {
      const [x, y] = isNumber ? [a.row.numbers[column], b.row.numbers[column]] : [a.row.texts[column], b.row.texts[column]];
      // What has no value comes last, whichever way round.
      if (x === null || y === null) return (x === null) - (y === null) || a.i - b.i;
      const order = isNumber ? x - y : x.localeCompare(y, 'en', { numeric: true });
      return (descending ? -order : order) || a.i - b.i;
    });
    const head = element('tr', {}, ...columns.map((c, i) => element('th', { class: c.number ? 'number' : null, 'aria-sort': i === column ? descending ? 'descending' : 'ascending' : 'none' },
      element('button', { type: 'button', onclick: () => {
        this.sort = { column: i, descending: i === column ? !descending : c.number && i === this.spec.sort ? this.spec.descending : false };
        this.draw();
      } }, c.title + (i === column ? descending ? ' ↓' : ' ↑' : '')))));
    this.lines = new Map();
    const body = sorted.flatMap(({ row }) => {
      const name = row.name;
      const line = element('tr', { class: [row.best ? 'best' : '', row.status === 'failed' ? 'failed' : '', row.reason ? 'hasreason' : ''].join(' ').trim() || null,
        onpointerenter: () => this.group.light(name), onpointerleave: () => this.group.light(null) },
        ...row.texts.map((text, i) => element('td', { class: columns[i].number ? 'number' : null }, text)));
      this.lines.set(name, line);
      return row.reason ? [line, element('tr', { class: 'failed' }, element('td', { class: 'reason', colspan: columns.length }, row.reason))] : [line];
    });
    this.node.replaceChildren(element('thead', {}, head), element('tbody', {}, ...body));
  }

  light(name) { if (this.lines) for (const [key, line] of this.lines) line.classList.toggle('lit', key === name); }
}

/// A line a trial over an axis a parameter, coloured by the objective.
class ParallelAxes {
  constructor(host, group, isBetterHigh) {
    this.group = group; this.isBetterHigh = isBetterHigh; this.kept = new Map();
    this.canvas = element('canvas', { tabindex: 0, role: 'img', 'aria-label': 'Parallel coordinates of the trials' });
    host.append(this.canvas);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  take(axes, rows) {
    this.rows = rows;
    this.axes = axes.map(axis => {
      const values = axis.values.filter(v => v !== null), low = Math.min(...values), high = Math.max(...values);
      const isFlat = !values.length || low === high;
      return { ...axis, low: values.length ? low : 0, high: values.length ? high : 1, isFlat };
    });
    this.draw();
  }

  share(axis, value) {
    if (axis.isFlat) return 0.5;
    return axis.log ? Math.log(value / axis.low) / Math.log(axis.high / axis.low) : (value - axis.low) / (axis.high - axis.low);
  }

  draw() {
    const { canvas } = this, ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !this.axes || !this.axes.length) return;
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext('2d');
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = '12px system-ui, sans-serif';
    const box = this.box = { left: 70, right: width - 70, top: 44, bottom: height - 22 };
    this.places = this.axes.map((_, i) => this.axes.length === 1 ? width / 2 : box.left + i / (this.axes.length - 1) * (box.right - box.left));
    const Y = (axis, value) => box.bottom - this.share(axis, value) * (box.bottom - box.top);
    this.points = this.rows.map((_, r) => this.axes.map((axis, i) => axis.values[r] === null ? null : [this.places[i], Y(axis, axis.values[r])]));
    const objective = this.axes.find(a => a.objective);
    const goodness = r => { const v = objective && objective.values[r]; return v === null || v === undefined ? null : this.isBetterHigh ? this.share(objective, v) : 1 - this.share(objective, v); };
    const passes = r => [...this.kept].every(([i, [low, high]]) => { const p = this.points[r][i]; return p && p[1] >= low && p[1] <= high; });
    const order = this.rows.map((_, r) => r).sort((a, b) => (goodness(a) ?? -1) - (goodness(b) ?? -1));
    const lit = this.rows.findIndex(row => row.name === this.group.lit);
    if (lit >= 0) order.push(lit);
    for (const r of order) {
      const good = goodness(r), row = this.rows[r], isLit = r === lit;
      pen.strokeStyle = isLit ? palette.ink : row.best ? palette.accent : good === null ? palette.bad : mix(palette.muted, palette.accent, good * good);
      pen.globalAlpha = !passes(r) ? 0.06 : isLit || row.best ? 1 : good === null ? 0.35 : 0.25 + 0.55 * good;
      pen.lineWidth = isLit || row.best ? 2.4 : 1.3;
      pen.beginPath();
      let isDown = false, before = null;
      for (const point of this.points[r]) {
        if (!point) { isDown = false; continue; }
        if (isDown) { const middle = (before[0] + point[0]) / 2; pen.bezierCurveTo(middle, before[1], middle, point[1], point[0], point[1]); } else pen.moveTo(...point);
        isDown = true; before = point;
      }
      pen.stroke();
    }
    pen.globalAlpha = 1;
    this.axes.forEach((axis, i) => {
      const x = this.places[i];
      pen.strokeStyle = palette.muted; pen.lineWidth = 1;
      pen.beginPath(); pen.moveTo(Math.round(x) + 0.5, box.top); pen.lineTo(Math.round(x) + 0.5, box.bottom); pen.stroke();
      pen.textAlign = i === 0 ? 'left' : i === this.axes.length - 1 ? 'right' : 'center';
      pen.fillStyle = palette.ink; pen.textBaseline = 'top';
      const room = (box.right - box.left) / Math.max(1, this.axes.length - 1) * 0.92;
      pen.fillText(shortened(pen, axis.title, i === 0 || i === this.axes.length - 1 ? room : room), i === 0 ? 12 : i === this.axes.length - 1 ? width - 12 : x, 14);
      // Values that a file lists are said as they are, where they do not run into each other.
      const few = [...new Set(axis.values.filter(v => v !== null))].sort((a, b) => a - b);
      const listed = !axis.objective && few.length <= 8 ? few.filter((v, k) => k === 0 || k === few.length - 1 || Y(axis, few[k - 1]) - Y(axis, v) > 13 && Y(axis, v) - Y(axis, few[few.length - 1]) > 13) : null;
      const labels = axis.words ? axis.words.map((word, k) => [word, k]).filter((_, k) => axis.words.length <= 12 || k % Math.ceil(axis.words.length / 12) === 0)
        : listed ? listed.map(v => [String(v), v]) : axis.isFlat ? [[figure(axis.low), axis.low]]
          : (axis.log ? logTicks(axis.low, axis.high, 6).ticks : linearTicks(axis.low, axis.high, 5).ticks).map(v => [String(Number(v.toPrecision(3))), v]);
      pen.textAlign = i === this.axes.length - 1 ? 'left' : 'right'; pen.textBaseline = 'middle'; pen.font = '11.5px system-ui, sans-serif';
      for (const [text, value] of labels) {
        const y = Y(axis, value), at = i === this.axes.length - 1 ? x + 8 : x - 8;
        pen.strokeStyle = palette.panel; pen.lineWidth = 4; pen.lineJoin = 'round'; pen.strokeText(shortened(pen, text, 62), at, y);
        pen.fillStyle = palette.muted; pen.fillText(shortened(pen, text, 62), at, y);
        pen.fillRect(x - 3, y - 0.5, 7, 1);
      }
      pen.font = '12px system-ui, sans-serif';
      const kept = this.kept.get(i);
      if (kept) { pen.fillStyle = palette.accent; pen.globalAlpha = 0.35; pen.fillRect(x - 6, kept[0], 12, kept[1] - kept[0]); pen.globalAlpha = 1; }
    });
  }

  listen() {
    const local = event => { const box = this.canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    let drag = null;
    this.canvas.addEventListener('pointerdown', event => {
      const [x, y] = local(event), i = this.places.findIndex(p => Math.abs(p - x) < 14);
      if (i >= 0) { drag = { axis: i, y }; this.kept.delete(i); this.canvas.setPointerCapture(event.pointerId); this.draw(); }
    });
    this.canvas.addEventListener('pointermove', event => {
      const [x, y] = local(event);
      if (drag) { if (Math.abs(y - drag.y) > 3) { this.kept.set(drag.axis, [Math.min(y, drag.y), Math.max(y, drag.y)]); this.draw(); } return; }
      let best = -1, distance = 12;
      this.points.forEach((line, r) => line.forEach((to, i) => {
        const from = i && line[i - 1];
        if (!from || !to || x < from[0] || x > to[0]) return;
        const t = (x - from[0]) / (to[0] - from[0]), s = t * t * (3 - 2 * t), apart = Math.abs(from[1] + s * (to[1] - from[1]) - y);
        if (apart < distance) { distance = apart; best = r; }
      }));
      this.group.light(best < 0 ? null : this.rows[best].name);
      if (best < 0) return tip.hide();
      tip.show(event.clientX, event.clientY, [tip.row('', this.rows[best].name, ''), ...this.axes.map(axis => tip.row('', axis.title, axis.values[best] === null ? '–' : axis.words ? axis.words[axis.values[best]] : figure(axis.values[best])))]);
    });
    this.canvas.addEventListener('pointerup', () => { drag = null; });
    this.canvas.addEventListener('pointerleave', () => { tip.hide(); this.group.light(null); });
  }
}

function shortened(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  // Of a dotted key the end tells most.
  const end = text.includes('.') ? text.slice(text.lastIndexOf('.') + 1) : text;
  let result = end;
  while (result.length > 1 && pen.measureText(result + '…').width > room) result = result.slice(0, -1);
  return result === end && result !== text ? '…' + result.slice(0) : result === text ? result : result + '…';
}

function mix(a, b, share) {
  const [x, y] = [a, b].map(c => rgb(c.length === 4 ? '#' + [...c.slice(1)].map(d => d + d).join('') : c));
  return `rgb(${x.map((v, i) => Math.round(v + (y[i] - v) * share)).join(' ')})`;
}
