/**
 * Shows an inspector the charts of a fleet: by events what they tell, the rest by a look now and then.
 *
 * Owns when is looked, and nothing of the fleet.
 *
 * I1  Looks take a fifth of the time at the most: one that took long is followed by a longer pause.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { ChartObserver } from '../../runtime/engine/chart.ts';
import type { FleetAgents } from '../client/fleet-agents.ts';
import type { FleetConsensus } from '../client/fleet-consensus.ts';
import type { FleetEvents } from '../client/fleet-events.ts';
import type { FleetPools } from '../client/fleet-pools.ts';
import type { FleetBudgets } from '../client/fleet-budgets.ts';
import type { FleetCoordination } from '../client/fleet-coordination.ts';
import type { FleetQuotas } from '../client/fleet-quotas.ts';
import { ShownBudgets } from './shown-budgets.ts';
import { ShownCoordination } from './shown-coordination.ts';
import { ShownLives } from './shown-lives.ts';
import { ShownPools } from './shown-pools.ts';
import { ShownProgress } from './shown-progress.ts';
import { ShownQuotas } from './shown-quotas.ts';
import { ShownRounds } from './shown-rounds.ts';

/** Between two looks, ms; at least this many times as long as the last one took. */
const LOOK_MS = 500;
const PAUSE_SHARE = 4;
/** Until the next look after one that failed, ms. */
const AGAIN_MS = 5_000;

export interface FleetInspectionOptions {
  readonly agents: FleetAgents;
  readonly consensus: FleetConsensus;
  readonly events: FleetEvents;
  readonly pools: FleetPools;
  readonly quotas: FleetQuotas;
  readonly budgets: FleetBudgets;
  readonly coordination: FleetCoordination;
  readonly observe: ChartObserver;
  readonly reportFault: (message: string, thrown: unknown) => void;
}

/** Shows what there is, and follows it. Returns a function that stops it. */
export function inspectFleet(options: FleetInspectionOptions): () => void {
  const { agents, consensus, events, observe, reportFault } = options;
  const over = new AbortController();
  const { signal } = over;
  const quotas = new ShownQuotas(() => options.quotas.shared(), observe);
  const lives = new ShownLives({ agents, observe, quotas, signal, reportFault });
  const rounds = new ShownRounds(() => consensus.rounds(), observe);
  const pools = new ShownPools(() => options.pools.looks(), observe);
  const budgets = new ShownBudgets(() => options.budgets.list(), observe);
  const coordination = new ShownCoordination(options.coordination, observe);
  const progress = new ShownProgress(observe);
  const looked = [rounds, pools, quotas, budgets, coordination];

  const lookOn = async (): Promise<void> => {
    while (!signal.aborted) {
      const begunAt = performance.now();
      let leastMs = LOOK_MS;
      try {
        await Promise.all(looked.map((shown) => shown.look(signal)));
      } catch (thrown) {
        if (!signal.aborted) reportFault('charts of the fleet could not be shown', thrown);
        leastMs = AGAIN_MS;
      }
      const pauseMs = Math.max(leastMs, (performance.now() - begunAt) * PAUSE_SHARE);
      await wait(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const unsubscribe = events.subscribe((event) => {
    for (const shown of [lives, rounds, budgets, coordination, progress]) shown.heard(event);
  });
  void lives.begin();
  void lookOn();
  return () => {
    over.abort();
    unsubscribe();
  };
}
