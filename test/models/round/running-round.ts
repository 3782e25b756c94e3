/** A round as the runtime has it: a chart on the engine, its ballot box, and a clock; told of what happens to its voters. */
import assert from 'node:assert/strict';
import { SimulatedClock } from 'xstate';
import type { ConsensusEffect } from '../../../src/machines/index.ts';
import { type ChartDriverName, createChart } from '../../../src/runtime/engine/chart.ts';
import type { Happening, Seen, Setup } from './model.ts';
import { DEADLINE_MS, electorateOf, inputOf, type RoundParts } from './walk.ts';

export interface RunningRound {
  take(happening: Happening): void;
  seen(): Seen;
}

export function runningRound(
  { consensusMachine, BallotBox }: RoundParts,
  setup: Setup,
  driver: ChartDriverName,
): RunningRound {
  const clock = new SimulatedClock();
  const box = new BallotBox(electorateOf(setup));
  let refusal: string | undefined;
  let asked: number[] = [];
  let votersAsked = 0;
  const perform = (effect: ConsensusEffect): void => {
    if (effect.type === 'askLeader') asked.push(effect.params.term);
    else votersAsked += 1;
  };
  const chart = createChart(
    consensusMachine,
    inputOf(setup),
    {
      clock,
      perform: (effect) => perform(effect as ConsensusEffect),
      onBug: (error) => assert.fail(String(error)),
    },
    driver,
  );
  assert.equal(votersAsked, 1);
  const closeBox = () => {
    if (chart.path !== 'voting') box.close();
  };
  closeBox();
  return {
    take(happening) {
      refusal = undefined;
      asked = [];
      switch (happening.type) {
        case 'vote': {
          const { voter, incarnation, vote } = happening;
          const taken = box.take(voter, incarnation, vote);
          if (typeof taken === 'string') refusal = taken;
          else {
            const none = { accept: 0, reject: 0, abstain: 0, failed: 0 };
            const ballots = { voters: { ...none, [vote]: 1 }, weight: { ...none, [vote]: taken } };
            chart.send({ type: 'ballots.counted', ballots });
          }
          break;
        }
        case 'death': {
          const left = box.leave(happening.voter, happening.incarnation);
          if (left) chart.send({ type: 'voter.left', ...left });
          break;
        }
        case 'deadline': {
          const before = JSON.stringify(chart.snapshot());
          clock.increment(DEADLINE_MS - 1);
          assert.equal(JSON.stringify(chart.snapshot()), before);
          clock.increment(1);
          break;
        }
        case 'cut':
          chart.send({ type: 'round.cut', why: happening.why });
          break;
        case 'leader':
          chart.send({ type: 'leader.changed', term: happening.term });
          break;
        case 'ruling':
          chart.send({ type: 'leader.ruled', term: happening.term, answer: happening.vote });
          break;
      }
      closeBox();
    },
    seen() {
      const { output, context } = chart.snapshot();
      const { total, accept, reject, abstain, failed } = context.tally.voters;
      return {
        phase: output ? 'over' : (chart.path as Seen['phase']),
        outcome: output?.outcome,
        isEnacted: output?.isEnacted ?? false,
        decidedBy: output?.decidedBy ?? context.decidedBy,
        next: output?.next,
        cut: output?.cut ?? context.cut,
        term: context.term,
        counts: { total, accept, reject, abstain, failed },
        refusal,
        asked,
      };
    },
  };
}
