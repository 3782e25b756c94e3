/**
 * Laws of secrets, whatever a fleet runs on: an agent has its own, and nothing that is told or kept has them. As laws.ts,
 * run on one program and on machines, whose provider is `lawSecrets`.
 */
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentCode, defineAgent, type SecretRequest } from '../../src/index.ts';
import { eventually } from '../kit/eventually.ts';
import { refusal } from '../kit/rig.ts';
import type { Subject } from './laws.ts';

const KEY = 'key-"5f3e\\91-of-the-laws';
const TOKEN = 'Bearer-0a1b2c3d4e-of-the-laws';
const initArgs = { apiKey: KEY, headers: { authorization: TOKEN }, model: 'large' };
const secrets = ['apiKey', 'headers.authorization'];
const hidden = { apiKey: '[redacted]', headers: { authorization: '[redacted]' }, model: 'large' };

/** What both have, as far as these laws use it. */
export interface SecretSubject extends Subject {
  /** How many of the states that its engine keeps hold a text, where there is an engine. */
  readonly statesWith?: (text: string) => Promise<number>;
}

/** What was asked of the provider, by agent. */
const asked = new Map<string, string[]>();

/** Agents whose secrets it does not give now. */
const sealed = new Set<string>();

/** As a vault would: at once, or later. */
export function lawSecrets({ agentId = '', path }: SecretRequest): unknown {
  if (sealed.has(agentId)) throw new Error('the vault is sealed');
  asked.set(agentId, [...(asked.get(agentId) ?? []), path]);
  if (path === 'apiKey') return agentId.startsWith('rotated') ? `${KEY}-2` : KEY;
  if (path === 'headers.authorization') return Promise.resolve(TOKEN);
  return undefined;
}

const holder = defineAgent({
  type: 'holder',
  initArgs: z.looseObject({
    apiKey: z.string().startsWith('key-', { error: ({ input }) => `expected a key, got ${String(input)}` }),
    headers: z.object({ authorization: z.string() }),
    model: z.string().default('small'),
  }),
  connect: ({ initArgs: given, log }) => {
    log.warn(`connects with ${given.apiKey}`);
    return given;
  },
  init: ({ initArgs: given, restored }): Record<string, unknown> => restored ?? { model: given.model },
  health: ({ resources }) => ({ with: resources.apiKey }),
  tasks: {
    // Its output is its caller's as it is.
    know: {
      run: ({ resources, input }) =>
        resources.apiKey === input || resources.apiKey.split('').toReversed().join(''),
    },
    fail: {
      run: ({ resources }) => {
        throw new Error(`401 for ${resources.apiKey}`, { cause: new Error(resources.headers.authorization) });
      },
    },
    keep: {
      run: ({ resources, state }) => {
        state['mine'] = [1, `Bearer ${resources.headers.authorization}`];
      },
    },
    step: { run: ({ resources, step }) => step('mine', () => [1, `with ${resources.apiKey}`]) },
    ask: {
      run: ({ resources, ask, input }) =>
        ask({
          key: input === 'key' ? resources.apiKey : 'one',
          question: `which, with ${resources.apiKey}?`,
          details: [resources.headers],
          deadlineMs: 20,
          otherwise: 'nobody has said',
        }),
    },
  },
});

export const secretAgents: readonly AgentCode[] = [holder];

function expectNone(where: string, text: string): void {
  for (const secret of [KEY, JSON.stringify(KEY).slice(1, -1), TOKEN]) {
    expect({ where, holds: text.includes(secret) }).toEqual({ where, holds: false });
  }
}

const reversed = (text: string): string => text.split('').toReversed().join('');

/** @param subjectOf the fleet that all laws are tried on; each has agents of its own */
export function secretLaws(subjectOf: () => SecretSubject): void {
  const agents = () => subjectOf().agents;
  const know = (id: string) => agents().execute(id, { type: 'know' });

  test('an agent has its secrets, and no record, event, error, health report or engine has them', async () => {
    const { events, statesWith } = subjectOf();
    const told: unknown[] = [];
    const id = `holder-${crypto.randomUUID()}`;
    const spec = { id, module: holder, initArgs, secrets, restart: { policy: 'never' } };
    told.push(await refusal(agents().register({ ...spec, initArgs: { ...initArgs, apiKey: `bad-${KEY}` } })));
    expect(await agents().register(spec)).toBe(id);
    await agents().start(id);
    expect(await know(id)).toBe(reversed(KEY));
    told.push(await refusal(agents().execute(id, { type: 'fail' })));
    const kept = await refusal(agents().execute(id, { type: 'keep' }));
    expect(kept.message).toContain('state.mine[1]');
    const step = await refusal(agents().execute(id, { type: 'step' }));
    expect(step.cause).toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining('holds a secret') as string,
    });
    told.push(await refusal(agents().execute(id, { type: 'ask', input: 'key' })));
    expect(await agents().execute(id, { type: 'ask' })).toBe('nobody has said');
    told.push(kept, step, await agents().checkHealth(id), await agents().savedState(id));
    const record = await agents().get(id);
    expect(record.spec).toMatchObject({ initArgs: hidden, secrets });
    told.push(record, await agents().list(), await agents().stop(id));
    const read: { readonly type: string }[] = [];
    await eventually(
      async () => {
        read.length = 0;
        for await (const event of events.read({ agentId: id })) read.push(event);
        return read;
      },
      (all) => all.some(({ type }) => type === 'agent.stopped'),
    );
    told.push(read);
    expect(read).toContainEqual(
      expect.objectContaining({ type: 'question.asked', question: 'which, with [redacted]?' }),
    );
    for (const one of told) expectNone('what was told', inspect(one, { depth: Infinity }));
    if (statesWith === undefined) return;
    expect(await statesWith('[redacted]')).toBeGreaterThan(0);
    for (const secret of ['of-the-laws', TOKEN])
      expect([secret, await statesWith(secret)]).toEqual([secret, 0]);
  });

  test('a provider is asked at each start; one that fails has the start fail', async () => {
    const id = `rotated-${crypto.randomUUID()}`;
    const given = { headers: {}, model: 'large' };
    await agents().register({
      id,
      module: holder,
      initArgs: given,
      secrets,
      restart: { policy: 'immediate', delayMs: 10 },
    });
    await agents().start(id);
    expect(await know(id)).toBe(reversed(`${KEY}-2`));
    asked.delete(id);
    await agents().kill(id);
    await eventually(
      () => agents().get(id),
      ({ status, incarnation }) => status === 'running' && incarnation === 2,
    );
    expect(asked.get(id)).toEqual(secrets);
    await agents().stop(id);
    sealed.add(id);
    const { code, message } = await refusal(agents().start(id));
    expect([code, message]).toEqual([
      'AGENT_START_FAILED',
      expect.stringContaining('vault is sealed') as string,
    ]);
    sealed.delete(id);
    await agents().start(id);
    await agents().stop(id);
  });

  test('a spec whose secret nobody gives is refused by its path, and a change of another field asks for none', async () => {
    const { code, message } = await refusal(
      agents().register({ module: holder, initArgs, secrets: [...secrets, 'apikey'] }),
    );
    expect([code, message]).toEqual([
      'AGENT_SPEC_INVALID',
      expect.stringContaining('initArgs.apikey') as string,
    ]);
    const id = await agents().register({ module: holder, initArgs, secrets });
    asked.clear();
    expect(await agents().update(id, { shutdownMs: 1 })).toEqual({ id, change: 'updated' });
    expect([...asked]).toEqual([]);
    const spec = { id, module: holder, initArgs, secrets, shutdownMs: 1 };
    expect(await agents().ensure(spec)).toEqual({ id, change: 'none' });
    await agents().update(id, { initArgs: { ...hidden, model: 'small' } });
    expect((await agents().get(id)).spec.initArgs).toEqual({ ...hidden, model: 'small' });
    await agents().forget(id);
  });

  test('members of a pool have the secrets of its spec', async () => {
    const { pools } = subjectOf();
    const name = await pools.create({
      name: `holders-${crypto.randomUUID()}`,
      spec: { module: holder, initArgs, secrets },
      min: 1,
      max: 1,
    });
    expect(await pools.execute(name, { type: 'know' })).toBe(reversed(KEY));
    const { members } = await pools.get(name);
    expect((await agents().get(members[0]!)).spec.initArgs).toEqual(hidden);
    await pools.close(name);
  });
}
