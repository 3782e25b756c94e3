/** Events of a server, of which none takes more room than a message may have. */
import { expect, it } from 'vitest';
import { BoundedEvents } from '../../src/mcp/bounded-events.ts';
import { MAX_LINE_BYTES, refusalOf } from '../../src/mcp/message-lines.ts';

function rig(id?: number) {
  const out: Uint8Array[] = [];
  let [longs, ends] = [0, 0];
  const controller = {
    enqueue: (part: Uint8Array) => void out.push(part),
    terminate: () => void (ends += 1),
  } as unknown as TransformStreamDefaultController<Uint8Array>;
  const events = new BoundedEvents(id, () => void (longs += 1));
  return {
    add: (...texts: string[]) => texts.forEach((text) => events.transform(Buffer.from(text), controller)),
    flush: () => events.flush(controller),
    given: () => Buffer.concat(out).toString(),
    counts: () => ({ longs, ends }),
  };
}
/** So many bytes of an event, with what ends it. */
const event = (bytes: number, end = '\n\n') => `data: ${'x'.repeat(bytes - 6 - end.length)}${end}`;

it.each(['\n\n', '\r\n\r\n', '\n\r\n'])('an event is given whole, when it ends with %j', (end) => {
  const { add, given, counts } = rig();
  for (const byte of `id: 1${end.slice(0, end.length / 2)}`) add(byte);
  expect(given()).toBe('');
  const rest = `data: é${end}`;
  add(rest.slice(0, 4), rest.slice(4));
  expect(given()).toContain('data: é');
  add('data: next');
  expect(given()).not.toContain('next');
  add(end);
  expect(given()).toContain(`data: next${end}`);
  expect(counts()).toEqual({ longs: 0, ends: 0 });
});

it('what has not ended when the stream does is given, too', () => {
  const { add, flush, given } = rig();
  add('data: a\n\ndata: b');
  expect(given()).toBe('data: a\n\n');
  flush();
  expect(given()).toBe('data: a\n\ndata: b');
  flush();
  expect(given()).toBe('data: a\n\ndata: b');
});

it('one as long as a message may be is given; a longer one is left out, is told of once, and costs no other', () => {
  const { add, given, counts } = rig();
  add(event(MAX_LINE_BYTES));
  expect([given().length, counts().longs]).toEqual([MAX_LINE_BYTES, 0]);
  const long = event(MAX_LINE_BYTES + 20);
  add('data: a\n\n', long.slice(0, -10), long.slice(-10), 'data: b\n\n');
  expect([given().slice(MAX_LINE_BYTES), counts()]).toEqual([
    'data: a\n\ndata: b\n\n',
    { longs: 1, ends: 0 },
  ]);
  add(event(MAX_LINE_BYTES + 20));
  expect(counts().longs).toBe(2);
});

it('in the answer to a request its refusal stands for it, with the fields before its data, and the stream ends', () => {
  const { add, given, counts } = rig(7);
  add('id: 3\r\nevent: message\r\n', event(MAX_LINE_BYTES));
  expect(given()).toBe(`id: 3\nevent: message\ndata: ${JSON.stringify(refusalOf(7))}\n\n`);
  expect(counts()).toEqual({ longs: 1, ends: 1 });
});
