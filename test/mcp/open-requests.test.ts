/** Which requests a server has not answered, and whether one of them waits alone. */
import { expect, it } from 'vitest';
import { OpenRequests } from '../../src/mcp/open-requests.ts';

const request = (id: number, method = 'tools/call') => ({ jsonrpc: '2.0', id, method }) as const;
const answer = (id: number) => ({ jsonrpc: '2.0', id, result: {} }) as const;

it('one that waits alone is known by its id, from when it is sent until it is answered', () => {
  const open = new OpenRequests();
  expect(open.sole).toBeUndefined();
  open.sent(request(0));
  expect(open.sole).toBe(0);
  open.sent(request(1));
  expect(open.sole).toBeUndefined();
  open.heard(answer(0));
  expect(open.sole).toBe(1);
  open.heard(answer(1));
  expect(open.sole).toBeUndefined();
});

it('pings, notices and answers that are sent do not count, nor do requests that are heard', () => {
  const open = new OpenRequests();
  open.sent(request(1));
  open.sent(request(2, 'ping'));
  open.sent({ jsonrpc: '2.0', method: 'notifications/cancelled' });
  open.sent(answer(3));
  open.heard(request(1));
  open.heard({ jsonrpc: '2.0', method: 'notifications/progress' });
  open.heard(answer(9));
  expect(open.sole).toBe(1);
});

it('a thousand are kept, and the oldest beyond them are forgotten', () => {
  const open = new OpenRequests();
  for (let id = 0; id <= 1_000; id += 1) open.sent(request(id));
  for (let id = 2; id < 1_000; id += 1) open.heard(answer(id));
  // The first is forgotten; the second and the last are there.
  expect(open.sole).toBeUndefined();
  open.heard(answer(1_000));
  expect(open.sole).toBe(1);
});
