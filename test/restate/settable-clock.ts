/** Preloaded into a node's program: its clock is off by what a message says, `{ clockOffMs }`, which is answered. */
const right = Date.now;
let offMs = 0;
Date.now = () => right() + offMs;

process.on('message', (said: { readonly clockOffMs?: number }) => {
  if (said.clockOffMs === undefined) return;
  offMs = said.clockOffMs;
  process.send?.({ clockOffMs: offMs });
});
