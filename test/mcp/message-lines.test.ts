import { expect, it } from 'vitest';
import { MAX_LINE_BYTES, MessageLines } from '../../src/mcp/message-lines.ts';

function reader(soleRequest?: number) {
  const lines: string[] = [];
  const refused: unknown[] = [];
  let endless = 0;
  const read = new MessageLines((line) => lines.push(line), {
    tooLong: (refusal) => refused.push(refusal && 'id' in refusal ? refusal.id : undefined),
    endless: () => (endless += 1),
    soleRequest: () => soleRequest,
  });
  return {
    lines,
    refused,
    endless: () => endless,
    read,
    said: (text: string) => read.append(Buffer.from(text)),
  };
}

const long = 'x'.repeat(MAX_LINE_BYTES);
const answers = [
  ['first', `{"jsonrpc":"2.0","id":7,"result":{"id":9,"text":"${long}"}}`],
  ['first of all', `{ "id" : 7, "jsonrpc" : "2.0", "result" : {"text":"${long}"} }`],
  ['last', `{"result":{"text":"${long}"},"jsonrpc":"2.0","id":7}`],
  ['before the version', `{"result":{"text":"${long}"}, "id": 7, "jsonrpc": "2.0"}`],
  ['of an error', `{"error":{"code":1,"message":"${long}"},"jsonrpc":"2.0","id":7}`],
] as const;
const others = [
  ['a request of the server', `{"method":"ask","params":{"text":"${long}"},"jsonrpc":"2.0","id":7}`],
  ['a request with its id first', `{"jsonrpc":"2.0","id":7,"method":"ask","params":{"text":"${long}"}}`],
  ['an answer to nobody', `{"jsonrpc":"2.0","id":"a","result":{"text":"${long}","id":7}}`],
  ['no message', long + long],
] as const;

it('lines come whole, however they are cut; the empty ones, too', () => {
  const text = 'one\r\n\ntwo €\nthr';
  for (let size = 1; size <= text.length; size += 1) {
    const { read, lines } = reader();
    const bytes = Buffer.from(text);
    for (let from = 0; from < bytes.length; from += size) read.append(bytes.subarray(from, from + size));
    expect(lines).toEqual(['one', '', 'two €']);
  }
});

it('a line of just the longest size is read, one byte more is too long', () => {
  const { said, lines, refused } = reader();
  said(`${long}\n${long}y\nnext\n`);
  expect(lines.map((line) => line.length)).toEqual([MAX_LINE_BYTES, 4]);
  expect(refused).toEqual([undefined]);
});

it.each(answers)('of an answer that is too long the id is read, where it is %s', (_, answer) => {
  const { said, read, lines, refused } = reader();
  said('before\n');
  const bytes = Buffer.from(`${answer}\nafter\n`);
  for (let from = 0; from < bytes.length; from += 65_537) read.append(bytes.subarray(from, from + 65_537));
  expect([lines, refused]).toEqual([['before', 'after'], [7]]);
});

it.each(others)('%s that is too long refuses nobody, once', (_, message) => {
  const { said, lines, refused } = reader();
  said(`${message}\nafter\n`);
  expect([lines, refused]).toEqual([['after'], [undefined]]);
});

it('an id that comes first is told before the line ends', () => {
  const { said, refused } = reader();
  said(`{"jsonrpc":"2.0","id":7,"result":"${long}`);
  expect(refused).toEqual([7]);
  said(long);
  said('"}\n');
  expect(refused).toEqual([7]);
});

it('an id that comes last is told before the line ends, if one alone waits for an answer; another message is not theirs', () => {
  const alone = reader(7);
  alone.said(`{"result":{"text":"${long}`);
  expect(alone.refused).toEqual([7]);
  alone.said('"},"jsonrpc":"2.0","id":7}\n');
  expect(alone.refused).toEqual([7]);
  const other = reader(7);
  for (const [, message] of others) other.said(`${message}\n`);
  expect(other.refused).toEqual(others.map(() => undefined));
});

it('a last part of one byte is read with what came before it', () => {
  const { said, refused } = reader();
  for (const part of [`{"result":"${long}`, long, '","jsonrpc":"2.0","id":', '7', '}', '\n']) said(part);
  expect(refused).toEqual([7]);
});

it('a line that is as long as ten of the longest is told of as one that does not end, once', () => {
  const { read, endless, lines } = reader();
  const part = Buffer.from(long);
  for (let times = 0; times < 10; times += 1) read.append(part);
  expect(endless()).toBe(0);
  read.append(Buffer.from('y'));
  read.append(part);
  expect(endless()).toBe(1);
  read.append(Buffer.from('\nafter\n'));
  expect(lines).toEqual(['after']);
});
