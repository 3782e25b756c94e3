import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Confirmation, type Listener, Topic } from '../../src/runtime/coordination/variables/topic.ts';

type Step =
  | { readonly type: 'start'; readonly agent: number; readonly isSync: boolean; readonly answers: boolean }
  | { readonly type: 'run' | 'leave'; readonly agent: number }
  | { readonly type: 'answer'; readonly agent: number; readonly back: number }
  | { readonly type: 'change' | 'giveUp' };

interface Known {
  readonly listener: Listener;
  readonly isSync: boolean;
  readonly told: number[];
  began: number;
  knows: number;
}

const agent = fc.nat(4);
const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('start'),
      agent,
      isSync: fc.boolean(),
      answers: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('run', 'leave'), agent }) },
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('answer'), agent, back: fc.integer({ min: -1, max: 3 }) }),
  },
  { weight: 3, arbitrary: fc.constant({ type: 'change' }) },
  { weight: 1, arbitrary: fc.constant({ type: 'giveUp' }) },
);

it('listeners that join, leave, answer late or twice: each gets every version once and in order, each update is confirmed once, and those behind are listed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const topic = new Topic('t');
      const known = new Map<number, Known>();
      const confirmed: Confirmation[] = [];
      let version = 0;
      let incarnation = 0;
      let isWaiting = false;

      const isBehind = ({ listener, knows }: Known) => listener.isRunning && knows < version;
      const shouldWait = () => [...known.values()].some((one) => one.isSync && isBehind(one));

      for (const one of steps) {
        const there = 'agent' in one ? known.get(one.agent) : undefined;
        const before = confirmed.length;
        switch (one.type) {
          case 'start': {
            if (there) break;
            incarnation += 1;
            const told: number[] = [];
            const subscriber = {
              post: (request: { type: string; variable?: { version: number } }) => {
                const { version } = request.variable!;
                told.push(version);
                if (!one.answers) return;
                known.get(one.agent)!.knows = version;
                topic.acknowledge(known.get(one.agent)!.listener, version);
              },
            };
            const listener = topic.open(`a${one.agent}`, incarnation, subscriber, one.isSync, 1_000);
            known.set(one.agent, { listener, isSync: one.isSync, told, began: version, knows: 0 });
            break;
          }
          case 'run':
            if (!there || there.listener.isRunning) break;
            there.knows = there.began;
            topic.run(there.listener);
            break;
          case 'leave':
            if (!there) break;
            known.delete(one.agent);
            topic.leave(there.listener);
            topic.leave(there.listener);
            expect(topic.acknowledge(there.listener, version)).toBe(false);
            break;
          case 'answer': {
            if (!there) break;
            const said = version - one.back;
            const counts = there.told.includes(said) && said > there.knows;
            if (counts) there.knows = said;
            expect(topic.acknowledge(there.listener, said)).toBe(counts);
            expect(topic.acknowledge(there.listener, said)).toBe(false);
            for (const none of [NaN, 0.5, Infinity, -1]) {
              expect(topic.acknowledge(there.listener, none)).toBe(false);
            }
            break;
          }
          case 'change': {
            const wasWaiting = isWaiting;
            version += 1;
            topic.put({ version, value: version, at: 0, by: 'me' }, 5, (came) => confirmed.push(came));
            expect(confirmed.length - before).toBe(wasWaiting ? 1 : 0);
            if (wasWaiting) {
              expect(confirmed.at(-1)).toMatchObject({ version: version - 1, supersededBy: version });
            }
            topic.broadcast();
            isWaiting = true;
            break;
          }
          default:
            topic.giveUpWaiting(version);
            topic.giveUpWaiting(version - 1);
        }
        const isOver = one.type === 'giveUp' || !shouldWait();
        if (isWaiting && isOver) {
          isWaiting = false;
          const last = confirmed.at(-1)!;
          expect([last.version, last.supersededBy]).toEqual([version, undefined]);
          const running = [...known].filter(([, { listener }]) => listener.isRunning);
          const ids = (filter: (known: Known) => boolean) =>
            running.filter(([, one]) => filter(one)).map(([agent]) => `a${agent}`);
          expect(last.acknowledged.toSorted()).toEqual(ids((one) => !isBehind(one)).toSorted());
          expect(last.outOfDate.toSorted()).toEqual(ids(isBehind).toSorted());
        } else if (one.type !== 'change') expect(confirmed.length).toBe(before);
        const behind = [...known].filter(([, one]) => isBehind(one)).map(([agent]) => `a${agent}`);
        expect(
          topic
            .outOfDate()
            .map(({ agentId }) => agentId)
            .toSorted(),
        ).toEqual(behind.toSorted());
        for (const { told, began } of known.values()) {
          expect(told).toEqual([...new Set(told)].toSorted((a, b) => a - b));
          expect(told.every((version) => version > began)).toBe(true);
        }
        for (const { listener, told, began } of known.values()) {
          if (listener.isRunning) expect(Math.max(began, ...told)).toBe(version);
        }
        expect(topic.history.map(({ version }) => version)).toEqual(
          [...Array(5).keys()].map((i) => version - 4 + i).filter((version) => version > 0),
        );
      }
    }),
    { numRuns: 300 },
  );
});
