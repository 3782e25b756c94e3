/** Laws of the secrets of simulated fleets: which program has which of them. */
import { expect, it } from 'vitest';
import { settled } from '../../../src/testing/index.ts';
import { FleetSecrets } from '../../../src/testing/simulate-fleet/fleet-secrets.ts';

const fleet = () =>
  new FleetSecrets([
    [
      'keeper',
      {
        secrets: ['key', 'db.password'],
        initArgs: { key: 'first-key', db: { password: 'word-of-pass', host: 'h' } },
      },
    ],
    ['other', { secrets: ['key'], initArgs: { key: 'second-key' } }],
    ['open', { initArgs: { key: 'plain' } }],
    ['empty', { secrets: ['key'], initArgs: {} }],
  ] as never);

const refused = () => Promise.reject(new Error('refused'));

it('its texts are those that specs name, and no others', () => {
  expect(fleet().texts.toSorted()).toEqual(['first-key', 'second-key', 'word-of-pass']);
});

it('a program with a provider lacks none, and is given each by its agent and path', () => {
  const secrets = fleet();
  secrets.programBegins(true);
  expect(['keeper', 'other', 'open'].map((id) => secrets.lacks(id))).toEqual([false, false, false]);
  const ask = (agentId: string | undefined, path: string) => secrets.provider!({ agentId, path } as never);
  expect(ask('keeper', 'key')).toBe('first-key');
  expect(ask('other', 'key')).toBe('second-key');
  expect(ask('open', 'key')).toBeUndefined();
  expect(ask(undefined, 'key')).toBeUndefined();
});

it('without one, an agent lacks its secrets until it is given them, and each program anew', async () => {
  const secrets = fleet();
  secrets.programBegins(false);
  const lacking = () => ['keeper', 'other', 'open', 'empty'].filter((id) => secrets.lacks(id));
  expect(secrets.provider).toBeUndefined();
  expect(lacking()).toEqual(['keeper', 'other']);
  expect(await secrets.give('keeper', Promise.resolve(3))).toBe(3);
  expect(lacking()).toEqual(['other']);
  secrets.programBegins(false);
  expect(lacking()).toEqual(['keeper', 'other']);
});

it('a call that is refused gives nothing, unless an earlier one has given it', async () => {
  const secrets = fleet();
  secrets.programBegins(false);
  const given = secrets.give('keeper', refused());
  // It counts as given while it is under way.
  expect(secrets.lacks('keeper')).toBe(false);
  await expect(given).rejects.toThrow('refused');
  await settled();
  expect(secrets.lacks('keeper')).toBe(true);
  await secrets.give('keeper', Promise.resolve());
  await expect(secrets.give('keeper', refused())).rejects.toThrow('refused');
  await settled();
  expect(secrets.lacks('keeper')).toBe(false);
});

it('a call that an earlier program made gives the next one nothing, and takes nothing from it', async () => {
  const secrets = fleet();
  secrets.programBegins(false);
  const { promise, reject } = Promise.withResolvers<void>();
  const given = secrets.give('keeper', promise);
  secrets.programBegins(false);
  await secrets.give('keeper', Promise.resolve());
  reject(new Error('its program is gone'));
  await expect(given).rejects.toThrow('gone');
  await settled();
  expect(secrets.lacks('keeper')).toBe(false);
});
