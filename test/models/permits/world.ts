/** A real fleet with few permits, whose bodies do as they are told: plays the moves of the permits' model. */
import { pino } from 'pino';
import { type AgentSystem, createAgentSystem, defineAgent, type SystemEvent } from '../../../src/index.ts';
import { type ScriptedBody, scriptedHost, settled, simulatedClock } from '../../../src/testing/index.ts';
import type { Watching } from '../../kit/drivers.ts';
import { kindOf, type Move, partsOf, PERIOD, PERIOD_MS, type PermitsOutcome, type Place } from './model.ts';

const definitions = Object.fromEntries(
  ['a', 'b'].map((type) => [type, defineAgent({ type, init: () => ({}), tasks: {} })]),
);

export interface PermitsWorld {
  play(move: Move): Promise<PermitsOutcome>;
  places(): Readonly<Record<string, string>>;
  isStorm(): boolean;
  /** Timers that are armed. */
  timers(): number;
}

export async function permitsWorld(
  agents: readonly string[],
  maxConcurrentRestarts: number,
  inspect: Watching,
): Promise<PermitsWorld> {
  const clock = simulatedClock();
  const bodies = new Map<string, ScriptedBody>();
  const host = scriptedHost({ onOpen: (body) => void bodies.set(body.start.agentId, body) });
  const system = await createAgentSystem({
    clock,
    inspect,
    logger: pino({ level: 'silent' }),
    limits: { maxConcurrentRestarts },
    hosts: { 'in-process': host },
  });
  for (const id of agents) {
    await system.agents.register({
      id,
      module: definitions[kindOf(id)]!,
      restart: { policy: 'immediate', delayMs: 0, withinMs: 0 },
      startTimeoutMs: Infinity,
      health: { intervalMs: Infinity },
    });
  }
  let events: SystemEvent[] = [];
  system.events.subscribe((event) => events.push(event));

  const act = async (move: Move): Promise<void> => {
    if (move === PERIOD) return clock.advance(PERIOD_MS);
    const [deed, agent] = partsOf(move);
    switch (deed) {
      case 'start': {
        const started = system.agents.start(agent);
        await settled();
        bodies.get(agent)!.ready();
        await started;
        return;
      }
      case 'ready':
        return bodies.get(agent)!.ready();
      case 'crash':
      case 'fail':
        bodies.get(agent)!.exit({ exitCode: 1 });
        return clock.advance(0);
      case 'stop': {
        const isWaiting = system.agents.get(agent).state === 'crashed.queued';
        const stopped = system.agents.stop(agent, { timeoutMs: 0 });
        await settled();
        if (!isWaiting) bodies.get(agent)!.exit('killed');
        await stopped;
      }
    }
  };

  return {
    async play(move) {
      events = [];
      await act(move);
      await settled();
      return outcomeOf(events, move);
    },
    places: () => placesOf(system, agents),
    isStorm: () => system.alerts.list().some(({ alert }) => alert === 'restart_storm'),
    timers: () => clock.pending().length,
  };
}

function outcomeOf(events: readonly SystemEvent[], move: Move): PermitsOutcome {
  const [deed, agent] = partsOf(move);
  const isAsked = (event: SystemEvent) => deed === 'start' && event.agentId === agent;
  return {
    restarted: events.flatMap((event) =>
      event.type === 'agent.starting' && !isAsked(event) ? [event.agentId] : [],
    ),
    alerts: events.flatMap(({ type }) =>
      type === 'alert.raised' ? ['raised' as const] : type === 'alert.cleared' ? ['cleared' as const] : [],
    ),
  };
}

const PLACES: Readonly<Record<string, Place>> = {
  registered: 'down',
  stopped: 'down',
  'crashed.queued': 'queued',
  'alive.starting.initializing': 'starting',
  'alive.serving.running.coordinated.idle': 'up',
};

function placesOf(system: AgentSystem, agents: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    agents.map((agent) => {
      const { state } = system.agents.get(agent);
      return [agent, PLACES[state] ?? state];
    }),
  );
}
