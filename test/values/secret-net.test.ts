/** Whose secrets are hidden, and for how long. */
import { expect, it } from 'vitest';
import { SecretNet } from '../../src/runtime/values/secret-net.ts';

const ONE = 'secret-of-one';
const OTHER = 'secret-of-another';
const BOTH = `${ONE} ${OTHER}`;

function netOf(...given: readonly (readonly [agentId: string, secret: string])[]): SecretNet {
  const net = new SecretNet();
  for (const [agentId, secret] of given) net.add(agentId, new Map([['key', secret]]));
  return net;
}

it('an agent that is forgotten takes its own secrets along, and nobody else’s', () => {
  const net = netOf(['a', ONE], ['b', OTHER]);
  expect(net.hideText(BOTH)).toBe('[redacted] [redacted]');
  net.drop('a');
  expect(net.hideText(BOTH)).toBe(`${ONE} [redacted]`);
  expect([net.textsOf('a'), net.textsOf('b'), net.textsOf()]).toEqual([[], [OTHER], [OTHER]]);
  net.drop('nobody');
  expect([net.hideText(BOTH), net.isEmpty]).toEqual([`${ONE} [redacted]`, false]);
  net.drop('b');
  expect([net.hideText(BOTH), net.isEmpty]).toEqual([BOTH, true]);
});

it('an agent of the same id as one that was forgotten has none of its secrets', () => {
  const net = netOf(['a', ONE]);
  net.drop('a');
  net.add('a', new Map([['key', OTHER]]));
  expect([net.textsOf('a'), net.hideText(BOTH)]).toEqual([[OTHER], `${ONE} [redacted]`]);
});

it('a secret that two agents have is hidden until both are forgotten', () => {
  const net = netOf(['a', ONE], ['b', ONE]);
  net.drop('a');
  expect(net.hideText(ONE)).toBe('[redacted]');
  net.drop('b');
  expect(net.hideText(ONE)).toBe(ONE);
});

it('of an agent its own secrets alone are hidden, those that were replaced included', () => {
  const net = netOf(['a', ONE], ['b', OTHER], ['a', 'secret-that-is-new']);
  expect(net.hide({ text: `${BOTH} secret-that-is-new` }, 'a')).toEqual({
    text: `[redacted] ${OTHER} [redacted]`,
  });
});

it.each([
  ['the longer one was there before', 'secret-1234-and-more', 'secret-1234'],
  ['the longer one is new', 'secret-1234', 'secret-1234-and-more'],
])('a secret that begins with another is hidden as a whole: %s', (_, earlier, later) => {
  const told = { both: 'secret-1234-and-more, secret-1234' };
  const hidden = { both: '[redacted], [redacted]' };
  const replaced = netOf(['a', earlier], ['a', later]);
  expect([replaced.hide(told, 'a'), replaced.hideText(told.both)]).toEqual([hidden, hidden.both]);
  const ofTwo = netOf(['a', earlier], ['b', later]);
  expect([ofTwo.hide(told), ofTwo.hideText(told.both)]).toEqual([hidden, hidden.both]);
});

it('of an agent’s secrets the last 64 texts are hidden, each counted once', () => {
  const net = netOf(['a', 'secret-0'], ['a', 'secret-0']);
  for (let at = 1; at < 64; at++) net.add('a', new Map([['key', `secret-${at}`]]));
  expect([net.textsOf('a').length, net.hideText('secret-0')]).toEqual([64, '[redacted]']);
  net.add('a', new Map([['key', 'secret-new']]));
  expect([net.textsOf('a').length, net.hideText('secret-0')]).toEqual([64, 'secret-0']);
  expect(net.hideText('secret-1, secret-new')).toBe('[redacted], [redacted]');
});

it('secrets without a text leave nothing to look for', () => {
  const net = new SecretNet();
  net.add('a', new Map([['key', 'short']]));
  expect([net.isEmpty, net.textsOf('a')]).toEqual([true, []]);
});
