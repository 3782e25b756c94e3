import { describe, expect, it } from 'vitest';
import { BodyLog } from '../../src/runtime/hosting/body-log.ts';

/** What a line is told with, of a body and of a task. */
function toldBy(fields: unknown): readonly unknown[] {
  const told: unknown[] = [];
  const teller = { tellLine: (_level: string, _message: string, given: unknown) => void told.push(given) };
  new BodyLog(teller).info('line', fields as object);
  new BodyLog(teller, 'task-1').info('line', fields as object);
  return told;
}

function both(fields: object | undefined): readonly unknown[] {
  return [fields, { taskId: 'task-1', ...fields }];
}

describe('the fields of a line', () => {
  it.each<[string, unknown, object | undefined]>([
    ['none', undefined, undefined],
    ['null', null, undefined],
    ['fields', { n: 1, own: { m: 2 } }, { n: 1, own: { m: 2 } }],
    ['a text, however long', 'x'.repeat(2 ** 26), { value: 'x'.repeat(2 ** 26) }],
    ['a number', 7, { value: 7 }],
    ['a list', [1, 2], { value: [1, 2] }],
    ['bytes', Buffer.from('ab'), { value: Buffer.from('ab') }],
  ])('%s', (_, given, fields) => {
    expect(toldBy(given)).toEqual(both(fields));
  });

  it('an error is whole', () => {
    const error = new TypeError('broken', { cause: 1 });
    expect(toldBy(error)).toEqual(both({ err: error }));
  });

  it('what cannot be read is named, and the line is told', () => {
    const getter = {
      n: 1,
      get bad(): never {
        throw new Error('no');
      },
    };
    expect(toldBy(getter)).toEqual(both({ n: 1, bad: 'could not be read: no' }));
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const told of toldBy(proxy))
      expect(told).toMatchObject({ fields: expect.stringMatching(/^could not be read: .*revoked/) });
  });

  it('are read once, by the line', () => {
    let reads = 0;
    const [first, second] = toldBy({
      get n() {
        return (reads += 1);
      },
    });
    expect([first, second, first, second]).toMatchObject([{ n: 1 }, { n: 2 }, { n: 1 }, { n: 2 }]);
  });
});
