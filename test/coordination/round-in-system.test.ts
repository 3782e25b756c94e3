/** The walks of a round, driven through a whole system: scripted bodies, simulated time, and the same model. */
import { expect, it } from 'vitest';
import { consensusMachine } from '../../src/machines/index.ts';
import { type Decision, defineAgent, variable } from '../../src/index.ts';
import type { BodyReport } from '../../src/runtime/hosting/host.ts';
import { BallotBox } from '../../src/runtime/coordination/rounds/ballot-box.ts';
import { scriptedHost, type ScriptedBody, settled } from '../../src/testing/index.ts';
import { type Rig, rig } from '../kit/rig.ts';
import { type Happening, INCARNATION, type Say, type Seen, type Setup, tell } from '../models/round/model.ts';
import { setupOf } from '../models/round/setups.ts';
import { DEADLINE_MS, different, explore } from '../models/round/walk.ts';
import { toursOf } from '../models/round/tours.ts';

const PATIENCE = { timeout: 120_000 };

const setups: readonly (readonly [string, Setup])[] = [
  ['a majority of two', setupOf({ voters: 2 })],
  [
    'two thirds of two, both of whom have to vote',
    setupOf({ voters: 2, rule: 'supermajority', quorum: [1, 1] }),
  ],
  [
    'three that differ in weight, of whom one is a quorum',
    { ...setupOf({ voters: 3, rule: 'weighted', quorum: [1, 3] }), weights: [1, 2, 3] },
  ],
];

it.each(setups)(
  '%s: every step of every state of a round, in a running system',
  PATIENCE,
  async (_, setup) => {
    const { first, edges } = explore({ consensusMachine, BallotBox }, setup, 'name');
    // That somebody else's death is none of the round's business cannot be staged here.
    const staged = edges.filter(
      ({ happening }) =>
        happening.type !== 'death' ||
        (happening.incarnation === INCARNATION && happening.voter !== 'stranger'),
    );
    const tours = toursOf(first, staged);
    const bodies = new Map<string, ScriptedBody[]>();
    const host = scriptedHost({
      onOpen: (body) => {
        const ofAgent = bodies.get(body.start.agentId) ?? [];
        bodies.set(body.start.agentId, [...ofAgent, body]);
        queueMicrotask(() => body.ready());
      },
    });
    const whole = await rig({ hosts: { 'in-process': host } });
    let taken = 0;
    for (const [n, tour] of tours.entries()) {
      const round = await openRound(whole, bodies, setup, `t${n}`);
      const history: Happening[] = [];
      for (const { happening } of tour) {
        history.push(happening);
        await round.take(happening);
        const problem = different(round.seen(), tell(setup, history));
        expect(problem && `${problem}\n${history.map((h) => JSON.stringify(h)).join('\n')}`).toBeUndefined();
        taken += 1;
      }
      await round.close();
    }
    expect(taken).toBeGreaterThanOrEqual(staged.length);
  },
);

/** What a body tells: a vote that failed is one with an error, whatever vote is given with it. */
function reportOf(roundId: string, say: Say): BodyReport {
  if (say !== 'failed') return { type: 'vote.cast', roundId, vote: say };
  return { type: 'vote.cast', roundId, vote: 'abstain', error: { name: 'Error', message: 'no idea' } };
}

/** A round with voters of its own, in their second incarnation, and bodies of the first that still talk. */
async function openRound(
  { system, agents, clock, events }: Rig,
  bodies: ReadonlyMap<string, readonly ScriptedBody[]>,
  setup: Setup,
  name: string,
) {
  const voter = defineAgent({ type: `voter-${name}`, variables: [name], init: () => null, tasks: {} });
  const stranger = defineAgent({ type: `stranger-${name}`, init: () => null, tasks: {} });
  await system.variables.define(name, variable.integer({ default: 0 }));
  const idOf = (id: string) => `${name}-${id}`;
  const start = async (id: string, module: typeof voter, voteWeight: number) => {
    await agents.register({
      id: idOf(id),
      module,
      restart: { policy: 'never' },
      health: { intervalMs: Infinity },
      coordination: { voteWeight },
    });
    await agents.start(idOf(id));
    bodies.get(idOf(id))![0]!.exit('out_of_memory');
    await agents.start(idOf(id));
  };
  await Promise.all(setup.weights.map((weight, i) => start(`v${i}`, voter, weight)));
  await start('stranger', stranger, 1);
  const { rule, quorum, tie } = setup;
  let decision: Decision | undefined;
  const proposed = system.consensus
    .propose({
      variable: name,
      value: 1,
      rule,
      tie,
      deadlineMs: DEADLINE_MS,
      ...(quorum === undefined ? {} : { quorum: quorum[0] / quorum[1] }),
    })
    .then((came) => (decision = came));
  await settled();
  const [open] = system.consensus.rounds();
  let refusal: string | undefined;
  let counts: Seen['counts'] | undefined;

  return {
    async take(happening: Happening) {
      refusal = undefined;
      const heard = events.length;
      switch (happening.type) {
        case 'vote': {
          const { voter, incarnation, vote } = happening;
          const [older, newer] = bodies.get(idOf(voter))!;
          const body = incarnation === INCARNATION ? newer : older;
          body!.report(reportOf(open!.roundId, vote));
          await settled();
          const [said, ...more] = events.slice(heard).filter(({ type }) => type === 'round.voted');
          expect([said?.agentId, said?.incarnation, more]).toEqual([
            idOf(voter),
            body!.start.incarnation,
            [],
          ]);
          refusal = said?.type === 'round.voted' ? said.refused : 'unheard';
          break;
        }
        case 'death':
          if (bodies.get(idOf(happening.voter))![1]!.isLive)
            bodies.get(idOf(happening.voter))![1]!.exit('killed');
          break;
        case 'deadline': {
          const before = system.consensus.rounds();
          await clock.advance(DEADLINE_MS - 1);
          expect(system.consensus.rounds()).toEqual(before);
          await clock.advance(1);
          break;
        }
        case 'cut':
          if (happening.why === 'superseded') void system.variables.set(name, 2, { timeoutMs: 1 });
          else {
            system.coordination.suspend();
            system.coordination.resume();
          }
          break;
        default:
          throw new Error(`cannot be staged: ${happening.type}`);
      }
      await settled();
    },
    seen(): Seen {
      const now = system.consensus.rounds().find(({ roundId }) => roundId === open!.roundId);
      const tally = now?.tally ?? decision?.tally;
      if (tally) {
        const { total, accept, reject, abstain, failed } = tally.voters;
        counts = { total, accept, reject, abstain, failed };
      }
      return {
        phase: now?.phase ?? 'over',
        outcome: decision?.outcome,
        isEnacted: decision?.version !== undefined,
        decidedBy: decision?.decidedBy === 'leader' ? 'leader' : 'voters',
        next: decision && 'nothing',
        cut: decision?.cut,
        term: undefined,
        counts: counts!,
        refusal,
        asked: [],
      };
    },
    async close() {
      const ids = [...setup.weights.keys()].map((i) => `v${i}`);
      for (const id of [...ids, 'stranger']) {
        const body = bodies.get(idOf(id))![1]!;
        if (body.isLive) body.exit('killed');
      }
      // Whoever ends a tour in the middle of a round has its voters die: it ends by that.
      await proposed;
      await Promise.all([...ids, 'stranger'].map((id) => agents.forget(idOf(id))));
    },
  };
}
