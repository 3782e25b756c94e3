import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { printPromptly } from '../../src/runtime/hosting/hosts/prompt-prints.ts';

/** A stream that is asked for more when its reader says so, as that of a thread is. */
function printer() {
  const sent: string[] = [];
  let taken: (() => void) | undefined;
  const stream = new Writable({
    decodeStrings: false,
    writev(chunks, written) {
      sent.push(...chunks.map(({ chunk }) => String(chunk)));
      taken = () => written();
    },
  });
  return { stream, sent, take: () => taken?.() };
}

test('a line is sent when the call that prints it returns, taken or not', () => {
  const { stream, sent } = printer();
  printPromptly(stream);
  for (const line of ['one', 'two', 'three']) stream.write(line);
  expect(sent).toEqual(['one', 'two', 'three']);
});

test('without it, lines wait until the first one is taken', () => {
  const { stream, sent } = printer();
  for (const line of ['one', 'two', 'three']) stream.write(line);
  expect(sent).toEqual(['one']);
});

test.for([65_535, 65_536])('what %i bytes are ahead of is sent before those are taken', async (bytes) => {
  const { stream, sent, take } = printer();
  printPromptly(stream);
  stream.write('x'.repeat(bytes));
  stream.write('next');
  const isHeld = bytes >= 65_536;
  expect(sent).toHaveLength(isHeld ? 1 : 2);
  take();
  await new Promise(setImmediate);
  expect(sent).toHaveLength(2);
  // What was taken no longer counts.
  stream.write('x'.repeat(bytes));
  expect(sent).toHaveLength(3);
});

test('once it is undone, a write is answered when it is taken', async () => {
  const { stream, take } = printer();
  const undo = printPromptly(stream);
  undo();
  let isTaken = false;
  stream.write('last', () => {
    isTaken = true;
  });
  await new Promise(setImmediate);
  expect(isTaken).toBe(false);
  take();
  await new Promise(setImmediate);
  expect(isTaken).toBe(true);
});

test('a stream that is made in another way is left as it is', () => {
  const stream = new Writable({ write: (_chunk, _encoding, written) => written() });
  printPromptly(stream)();
  expect(Object.keys(stream)).not.toContain('_writev');
});
