/** What a task reads of other tasks: given chunk by chunk, and kept no longer than it is read. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { MailboxTask, MadeRequest } from '../../src/runtime/agent/requests.ts';
import { CalledStreams } from '../../src/runtime/fleet/called-streams.ts';
import { settled } from '../../src/testing/index.ts';

test('a stream that was read to its end, or left, is not kept until its task ends', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const readers: WeakRef<object>[] = [];
  const key = {};
  const streams = new CalledStreams<MailboxTask>({
    execute: async (_args, { signal }, reader) => {
      readers.push(new WeakRef(reader));
      const { promise, resolve } = Promise.withResolvers<void>();
      const left = () => resolve();
      signal.addEventListener('abort', left);
      reader.take('chunk', resolve);
      await promise;
      signal.removeEventListener('abort', left);
    },
    keyOf: () => key,
  });
  const request = { signal: new AbortController().signal } as MadeRequest;
  const begin = (id: number) =>
    streams.stream.answer({ id, target: 'a', task: { type: 't' } } as never, request);
  const read = (id: number) => streams.read.answer({ id } as never, request);
  begin(1);
  expect([await read(1), await read(1), await read(1)]).toEqual([
    { chunk: 'chunk' },
    { isOver: true },
    { isOver: true },
  ]);
  begin(2);
  await streams.close.answer({ id: 2 } as never, request);
  await settled();
  collect();
  expect(readers.map((reader) => reader.deref())).toEqual([undefined, undefined]);
});
