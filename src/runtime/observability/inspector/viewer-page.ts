/** The page that hands what the relay sends to Stately's viewer, in a frame. Pure: one self-contained text. */

/**
 * @param nonce the page's policy allows the scripts and styles that carry it, and no other
 * @param viewerUrl a page that speaks the inspector's protocol by `postMessage`
 */
export function viewerPage(viewerUrl: URL, nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>mabeam: inspector</title>
<style nonce="${nonce}">
html, body { margin: 0; height: 100%; font: 14px system-ui, sans-serif; }
iframe { border: 0; width: 100%; height: 100%; }
#notice { position: fixed; inset: auto 0 0 0; padding: 4px 8px; background: #fde68a; }
</style>
</head>
<body>
<iframe title="Stately inspector" src="${attribute(viewerUrl.href)}"></iframe>
<div id="notice" hidden></div>
<script nonce="${nonce}">
const viewer = document.querySelector('iframe');
const notice = document.getElementById('notice');
const origin = ${JSON.stringify(viewerUrl.origin)};
// Until the viewer is ready: who each actor is, and its newest snapshot.
let waiting = new Map();
const give = (message) => viewer.contentWindow.postMessage(message, origin);
addEventListener('message', (event) => {
  if (event.source !== viewer.contentWindow || event.origin !== origin) return;
  if (event.data?.type !== '@statelyai.connected' || waiting === undefined) return;
  for (const message of waiting.values()) give(message);
  waiting = undefined;
});
const socket = new WebSocket('ws://' + location.host + '/' + location.search);
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (waiting) waiting.set(message.type + message.sessionId, message);
  else give(message);
};
socket.onclose = () => {
  notice.textContent = 'The program has ended, or has closed its inspector.';
  notice.hidden = false;
};
</script>
</body>
</html>
`;
}

function attribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
