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
