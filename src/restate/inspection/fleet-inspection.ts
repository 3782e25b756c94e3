/**
 * Shows an inspector the charts of a fleet: lives by the events of their agents, rounds and pools by a look now and then.
 *
 * Owns when is looked, and nothing of the fleet.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { ChartObserver } from '../../runtime/engine/chart.ts';
import type { FleetAgents } from '../client/fleet-agents.ts';
import type { FleetConsensus } from '../client/fleet-consensus.ts';
import type { FleetEvents } from '../client/fleet-events.ts';
import type { FleetPools } from '../client/fleet-pools.ts';
import { ShownLives } from './shown-lives.ts';
import { ShownPools } from './shown-pools.ts';
import { ShownRounds } from './shown-rounds.ts';

/** Between two looks at pools and rounds, ms. */
const LOOK_MS = 500;
/** Until the next look after one that failed, ms. */
const AGAIN_MS = 5_000;

export interface FleetInspectionOptions {
  readonly agents: FleetAgents;
  readonly consensus: FleetConsensus;
  readonly events: FleetEvents;
  readonly pools: FleetPools;
  readonly observe: ChartObserver;
  readonly reportFault: (message: string, thrown: unknown) => void;
}

/** Shows what there is, and follows it. Returns a function that stops it. */
export function inspectFleet(options: FleetInspectionOptions): () => void {
  const { agents, consensus, events, observe, reportFault } = options;
  const over = new AbortController();
  const { signal } = over;
  const lives = new ShownLives({ agents, observe, signal, reportFault });
  const rounds = new ShownRounds(() => consensus.rounds(), observe);
  const pools = new ShownPools(() => options.pools.looks(), observe);

  const lookOn = async (): Promise<void> => {
    while (!signal.aborted) {
      let pauseMs = LOOK_MS;
      try {
        await Promise.all([rounds.look(signal), pools.look(signal)]);
      } catch (thrown) {
        if (!signal.aborted) reportFault('rounds and pools could not be shown', thrown);
        pauseMs = AGAIN_MS;
      }
      await wait(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const unsubscribe = events.subscribe((event) => {
    lives.heard(event);
    rounds.heard(event);
  });
  void lives.begin();
  void lookOn();
  return () => {
    over.abort();
    unsubscribe();
  };
}
