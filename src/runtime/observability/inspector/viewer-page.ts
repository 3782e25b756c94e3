/**
 * The page that hands what the relay sends to Stately's viewer, in a frame. Pure: one self-contained text.
 *
 * Where that viewer does not answer, as on a machine without internet, it says so and shows the charts itself: ours as
 * they were drawn, any other as its states, the one that it is in lit up. A viewer that answers after all takes over.
 */

/**
 * @param nonce the page's policy allows the scripts and styles that carry it, and no other
 * @param viewerUrl a page that speaks the inspector's protocol by `postMessage`
 * @param charts names of the pictures that `/charts/NAME.svg` gives
 */
export function viewerPage(viewerUrl: URL, nonce: string, charts: readonly string[]): string {
  const facts = { origin: viewerUrl.origin, host: viewerUrl.host, charts };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mabeam: inspector</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<iframe title="Stately inspector" src="${attribute(viewerUrl.href)}"></iframe>
<div id="notice" role="status" hidden></div>
<main id="own" hidden>
<header><p id="why"></p><button id="again" type="button">Try again</button></header>
<nav><label for="search">Actors</label><input id="search" type="search" placeholder="Search"><ul id="actors"></ul></nav>
<section><h1 id="name"></h1><p id="state"></p><div id="chart" tabindex="0" role="region" aria-label="Chart"></div></section>
</main>
<script nonce="${nonce}">
const { origin, host, charts } = ${embedded(facts)};
${SCRIPT}
</script>
</body>
</html>
`;
}

function attribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}

/** Data in a script: nothing in it ends the script. */
function embedded(data: unknown): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}

const STYLE = `
:root { color-scheme: light dark; --paper: light-dark(#fdfdfc, #12151a); --ink: light-dark(#1f2937, #e5e7eb);
  --quiet: light-dark(#5b6472, #9aa5b4); --line: light-dark(#d3d9e2, #323a46); --box: light-dark(#fff, #262c36);
  --lit: light-dark(#0f766e, #5fd0bf); --lit-soft: light-dark(#dcf3ee, #12312c); --notice: light-dark(#fde68a, #4a3a10); }
html, body { margin: 0; height: 100%; font: 14px/1.5 system-ui, sans-serif; background: var(--paper); color: var(--ink); }
iframe { border: 0; width: 100%; height: 100%; display: block; }
[hidden] { display: none !important; }
#notice { position: fixed; inset: auto 0 0 0; padding: 4px 12px; background: var(--notice); }
main { display: grid; grid: auto minmax(0, 1fr) / minmax(180px, 240px) minmax(0, 1fr); height: 100%; }
header { grid-column: 1 / -1; display: flex; gap: 16px; align-items: baseline; padding: 8px 16px; background: var(--notice); }
header p { margin: 0; flex: 1; }
nav { display: flex; flex-direction: column; gap: 6px; padding: 12px; border-right: 1px solid var(--line); min-height: 0; }
nav label { font-weight: 600; }
input, button { font: inherit; color: inherit; background: var(--box); border: 1px solid var(--line); border-radius: 5px; padding: 3px 8px; }
ul { list-style: none; margin: 0; padding: 0; overflow: auto; min-height: 0; }
nav button { display: block; width: 100%; text-align: left; border-color: transparent; background: none; overflow-wrap: anywhere; }
nav button small { display: block; color: var(--quiet); }
nav button[aria-current] { background: var(--lit-soft); }
section { display: flex; flex-direction: column; min-width: 0; min-height: 0; padding: 12px 16px; }
h1 { margin: 0; font-size: 16px; }
#state { margin: 0 0 8px; color: var(--quiet); }
#chart { flex: 1; overflow: auto; min-height: 0; }
#chart .lit > .box, #chart .lit > .group { stroke: var(--lit); stroke-width: 3; fill: var(--lit-soft); }
#chart .around > .group { stroke: var(--lit); }
.node { border: 1px solid var(--line); border-radius: 8px; padding: 6px 10px; margin: 6px 0; background: var(--box); width: fit-content; min-width: 120px; }
.node.around { border-color: var(--lit); }
.node.lit { border-color: var(--lit); background: var(--lit-soft); box-shadow: 0 0 0 1px var(--lit); }
.node p { margin: 0; color: var(--quiet); font-size: 12px; }
`;

const SCRIPT = `
const viewer = document.querySelector('iframe');
const by = (id) => document.getElementById(id);
// Who each actor is, and its newest snapshot: for the viewer once it is ready, and for this page until then.
const newest = new Map();
let isReady = false;
const give = (message) => viewer.contentWindow.postMessage(message, origin);
addEventListener('message', (event) => {
  if (event.source !== viewer.contentWindow || event.origin !== origin) return;
  if (event.data?.type !== '@statelyai.connected' || isReady) return;
  isReady = true;
  by('own').hidden = true;
  viewer.hidden = false;
  for (const message of newest.values()) give(message);
  newest.clear();
});
const socket = new WebSocket('ws://' + location.host + '/' + location.search);
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (isReady) return give(message);
  newest.set(message.type + message.sessionId, message);
  later();
};
socket.onclose = () => {
  by('notice').textContent = 'The program has ended, or has closed its inspector.';
  by('notice').hidden = false;
};

// A frame does not say that it could not load; a viewer that is there says so by itself, and soon.
let patience;
const wait = (ms) => { clearTimeout(patience); patience = setTimeout(showOwn, ms); };
viewer.addEventListener('load', () => wait(4000));
wait(navigator.onLine ? 8000 : 0);
by('again').onclick = () => { by('why').textContent = 'Asking ' + host + ' again…'; viewer.src = viewer.src; wait(8000); };

function showOwn() {
  if (isReady) return;
  by('why').textContent = 'Stately’s viewer (' + host + ') cannot be reached. These are the same charts, drawn by mabeam; the viewer takes over as soon as it answers.';
  by('own').hidden = false;
  viewer.hidden = true;
  draw();
}

let chosen;
let isDue = false;
function later() {
  if (isDue || by('own').hidden) return;
  isDue = true;
  requestAnimationFrame(() => { isDue = false; draw(); });
}
by('search').oninput = later;

const pathsOf = (value, above = '') => typeof value === 'string' ? [above + value]
  : Object.entries(value ?? {}).flatMap(([key, inner]) => {
    const deeper = pathsOf(inner, above + key + '.');
    return deeper.length > 0 ? deeper : [above + key];
  });
const isWithin = (state, path) => state === path || state.startsWith(path + '.');
const snapshotOf = (id) => (newest.get('@xstate.snapshot' + id) ?? newest.get('@xstate.actor' + id))?.snapshot;

function draw() {
  const search = by('search').value.toLowerCase();
  const actors = [...newest.values()].filter(({ type, name, definition }) => type === '@xstate.actor' && definition.includes('"states"') && name.toLowerCase().includes(search));
  chosen ??= actors[0]?.sessionId;
  by('actors').replaceChildren(...actors.slice(0, 300).map(({ sessionId, name }) => {
    const button = document.createElement('button');
    const state = document.createElement('small');
    button.type = 'button';
    button.textContent = name;
    state.textContent = pathsOf(snapshotOf(sessionId)?.value).join(', ') || snapshotOf(sessionId)?.status || '';
    button.append(state);
    if (sessionId === chosen) button.setAttribute('aria-current', 'true');
    button.onclick = () => { chosen = sessionId; draw(); };
    const item = document.createElement('li');
    item.append(button);
    return item;
  }));
  const actor = newest.get('@xstate.actor' + chosen);
  const states = pathsOf(snapshotOf(chosen)?.value);
  by('name').textContent = actor?.name ?? 'No chart yet';
  by('state').textContent = actor ? states.join(', ') : 'Charts show up here as they begin.';
  void light(actor, states);
}

let drawn;
async function light(actor, states) {
  const definition = actor ? JSON.parse(actor.definition) : undefined;
  const of = actor ? actor.sessionId + ' ' + definition.id : '';
  let isNew = false;
  if (drawn !== of) {
    drawn = of;
    const picture = charts.includes(definition?.id) ? await pictureOf(definition.id) : undefined;
    if (drawn !== of) return;
    by('chart').replaceChildren(picture ?? outlineOf(definition));
    isNew = true;
  }
  const known = [...by('chart').querySelectorAll('[data-state]')];
  for (const element of known) {
    const path = element.dataset.state;
    const isIn = path !== '' && states.some((state) => isWithin(state, path));
    const isDeepest = isIn && !known.some(({ dataset }) => dataset.state !== path && isWithin(dataset.state, path) && states.some((state) => isWithin(state, dataset.state)));
    element.classList.toggle('lit', isDeepest);
    element.classList.toggle('around', isIn && !isDeepest);
    if (isNew && isDeepest) element.scrollIntoView({ block: 'center', inline: 'center' });
  }
}

async function pictureOf(name) {
  const response = await fetch('/charts/' + encodeURIComponent(name) + '.svg' + location.search);
  if (!response.ok) return undefined;
  // Its own style sheet gets this page's nonce, or the policy would forbid it.
  const [before, css = '', after = ''] = (await response.text()).split(/<style>|<\\/style>/);
  const svg = new DOMParser().parseFromString(before + after, 'image/svg+xml').documentElement;
  const style = document.createElement('style');
  style.nonce = document.querySelector('script').nonce;
  style.textContent = css;
  const all = document.createDocumentFragment();
  all.append(style, document.importNode(svg, true));
  return all;
}

/** A chart that nobody has drawn: its states, one inside the other. */
function outlineOf(definition) {
  const all = document.createDocumentFragment();
  const add = (parent, states, above) => {
    for (const [key, state] of Object.entries(states ?? {})) {
      const node = document.createElement('div');
      const title = document.createElement('b');
      const events = document.createElement('p');
      node.className = 'node';
      node.dataset.state = above + key;
      title.textContent = key;
      events.textContent = Object.keys(state.on ?? {}).join(', ');
      node.append(title, events);
      parent.append(node);
      add(node, state.states, above + key + '.');
    }
  };
  add(all, definition?.states, '');
  return all;
}
`;
