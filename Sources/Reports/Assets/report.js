'use strict';
// Puts the page's parts to work, and follows a run that lasts.

palette.read();
const group = new ChartGroup();
const byId = id => document.getElementById(id);
let live = JSON.parse(byId('live').textContent);
let table = null, axes = null;
const reviewed = live.reviewed;

function show(next) {
  live = next;
  byId('badge').className = 'badge ' + live.badge.tone;
  byId('badge').textContent = live.badge.word;
  byId('verdict').textContent = live.verdict;
  byId('notes').replaceChildren(...live.notes.map(note => element('p', { class: 'note' + (note.bad ? ' bad' : '') }, note.text)));
  if (live.reviewed !== reviewed) byId('notes').append(element('p', { class: 'note' }, `There are pictures and scores of step ${live.reviewed.toLocaleString('en-US')} now. `,
    element('button', { type: 'button', onclick: () => location.reload() }, 'Show them')));
  byId('facts').replaceChildren(...live.facts.map(fact => element('div', {}, element('dt', {}, fact.label), element('dd', {}, fact.value), element('dd', { class: 'detail' }, fact.detail))));
  const host = byId('charts');
  for (const spec of live.charts) {
    const known = group.charts.find(chart => chart.id === spec.id);
    if (known) { known.take(spec); continue; }
    const chart = new Chart(group, spec);
    group.charts.push(chart);
    host.append(chart.node);
  }
  group.charts.forEach((chart, i) => chart.node.classList.toggle('large', i === 0 && group.charts.length % 2 === 1));
  byId('no-charts').hidden = group.charts.length > 0;
  if (group.charts.length && !byId('tools').children.length) chartTools(group, live.charts.some(c => c.curves.some(k => k.style === 'line')));
  showPhases();
  if (live.table && byId('table')) { table = table || new ResultTable(byId('table'), group); table.take(live.table); }
  if (byId('axes')) {
    byId('parameters').hidden = !live.axes.length;
    if (live.axes.length) { axes = axes || new ParallelAxes(byId('axes'), group, live.table.descending); axes.take(live.axes, live.table.rows); }
  }
  group.draw();
}

function showPhases() {
  const host = byId('phases');
  if (!host) return;
  if (!live.phases.length) { host.replaceChildren(element('p', { class: 'empty' }, 'No step has been timed yet.')); return; }
  const color = i => `var(--c${i % 8})`;
  host.replaceChildren(
    element('div', { class: 'stack', role: 'img', 'aria-label': 'Shares of the training time' }, ...live.phases.map((phase, i) =>
      element('span', { style: { width: 100 * phase.share + '%', background: color(i) }, title: `${phase.name}: ${(100 * phase.share).toFixed(1)} %` }))),
    element('dl', {}, ...live.phases.map((phase, i) => element('div', {}, element('dt', {}, element('i', { style: { background: color(i) } }), phase.name, ' ', element('span', { class: 'muted small' }, phase.meaning === phase.name + ' pass' ? '' : phase.meaning)),
      element('dd', {}, `${phase.time}  ·  ${(100 * phase.share).toFixed(1)} %`)))));
}

group.onLight = name => { if (table) table.light(name); if (axes) axes.draw(); };
show(live);
if (byId('gallery-data')) new Gallery(JSON.parse(byId('gallery-data').textContent));

for (const section of document.querySelectorAll('section[data-title]')) byId('contents').append(element('a', { href: '#' + section.id }, section.dataset.title));

// Light, dark, or as the system has it.
const dark = matchMedia('(prefers-color-scheme: dark)');
const redraw = () => { palette.read(); group.draw(); if (axes) axes.draw(); };
dark.addEventListener('change', redraw);
byId('theme').addEventListener('click', () => {
  const root = document.documentElement, isDark = root.dataset.theme ? root.dataset.theme === 'dark' : dark.matches;
  root.dataset.theme = isDark ? 'light' : 'dark';
  try { localStorage.setItem('lockstep-theme', root.dataset.theme); } catch (_) { }
  redraw();
});

for (const button of document.querySelectorAll('.copy')) button.addEventListener('click', async () => {
  const code = button.parentNode.querySelector('code');
  try { await navigator.clipboard.writeText(code.textContent); button.textContent = 'copied'; } catch (_) {
    // A page from a file may not write there: the command is selected instead.
    getSelection().selectAllChildren(code); button.textContent = 'selected';
  }
  setTimeout(() => { button.textContent = 'copy'; }, 1500);
});

// Tables of classes sort by their headings.
for (const node of document.querySelectorAll('table.sortable')) node.querySelectorAll('thead th').forEach((th, column) => {
  if (!th.textContent) return;
  let descending = false;
  th.style.cursor = 'pointer'; th.title = 'Sort';
  th.addEventListener('click', () => {
    const body = node.querySelector('tbody'), value = row => row.children[column].textContent.trim();
    descending = !descending;
    const number = text => parseFloat(text.replace(/[,−]/g, c => c === ',' ? '' : '-'));
    body.append(...[...body.children].sort((a, b) => {
      const [x, y] = [number(value(a)), number(value(b))];
      const order = isNaN(x) || isNaN(y) ? value(a).localeCompare(value(b)) : x - y;
      return descending ? -order : order;
    }));
  });
});

if (document.documentElement.dataset.served === 'yes') {
  let isGone = false;
  const poll = async () => {
    let wait = live.badge.tone === 'live' ? 2000 : 5000;
    try {
      const answer = await fetch('live?version=' + live.version, { cache: 'no-store' });
      if (answer.status === 200) show(await answer.json());
      if (isGone) { isGone = false; show(live); }
    } catch (_) {
      if (!isGone) byId('notes').append(element('p', { class: 'note' }, 'lockstep report has ended: what is shown is as it was then.'));
      isGone = true; wait = 10000;
    }
    setTimeout(poll, wait);
  };
  setTimeout(poll, 1500);
}
