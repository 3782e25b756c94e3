/**
 * The floor under a life: what JavaScript takes to register and start an agent, to kill it and to start it again, with
 * none of the runtime around.
 *
 * By hand, and nothing else: the spec is a frozen copy, agents and what a recovery needs of them are found by id, every
 * event is a frozen place in a life and kept up to a bound, each command commits in a microtask before its promise is
 * resolved, the body has a context of its own, a start is limited by a timer and a health check is due by another, who
 * listens to a variable is in its list. It checks nothing, knows no other case, and has no chart.
 */
import { type Emit, measure } from './measurement.ts';

const KEPT = 10_000;
const FIRST = 1_000;
const MORE = 9_000;
const KILLS = 2_000;

/** Once V8 has compiled it, a small fleet and a large one: how the cost of an agent grows. As bench/spawns.ts does it. */
export async function benchGrowthFloor(emit: Emit): Promise<void> {
  const small = [];
  for (let fleets = 0; fleets < 30; fleets++) small.push(await grown(FIRST));
  const measured = small.slice(20).toSorted((a, b) => a.wall_ms - b.wall_ms);
  emit(measured[5]!);
  globalThis.gc?.();
  emit(await grown(100_000));
}

function grown(times: number) {
  const fleet = new FleetByHand();
  const operation = async (index: number) => {
    const id = `agent-${index + 1}`;
    await fleet.register(specOf(id));
    await fleet.start(id);
  };
  return measure('floor_growth', { times, operation });
}

/** The first ones of a program, and then more: what V8 has not compiled yet costs this work, too. */
export async function benchLifeFloor(emit: Emit): Promise<void> {
  const fleet = new FleetByHand();
  const start = (first: number) => async (index: number) => {
    const id = `agent-${first + index}`;
    await fleet.register(specOf(id));
    await fleet.start(id);
  };
  emit(await measure('floor_spawn_first', { times: FIRST, operation: start(0) }));
  emit(await measure('floor_spawn', { times: MORE, operation: start(FIRST) }));
  emit(await measure('floor_kill', { times: KILLS, operation: (index) => fleet.kill(`agent-${index}`) }));
  emit(
    await measure('floor_restart', { times: KILLS, operation: (index) => fleet.restart(`agent-${index}`) }),
  );
}

interface Spec {
  readonly id: string;
  readonly initArgs: {
    readonly language: string;
    readonly level: string;
    readonly fields: readonly string[];
  };
}

function specOf(id: string): Spec {
  return { id, initArgs: { language: 'elixir', level: 'senior', fields: ['functional', 'otp'] } };
}

type Place = 'registered' | 'starting' | 'serving' | 'crashed';

interface Life {
  readonly at: Place;
  readonly incarnation: number;
  readonly restarts: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly reason: string | undefined;
}

interface KeptEvent {
  readonly sequence: number;
  readonly at: number;
  readonly type: string;
  readonly agentId: string;
  readonly incarnation: number;
  readonly life: Life | Spec;
}

/** A timer among those of its delay. */
export interface ArmedTimer {
  readonly run: () => void;
  readonly dueAt: number;
  previous: ArmedTimer | undefined;
  next: ArmedTimer | undefined;
}

export class TimersByHand {
  #last: ArmedTimer | undefined = undefined;

  arm(run: () => void, delayMs: number): ArmedTimer {
    const timer = { run, dueAt: performance.now() + delayMs, previous: this.#last, next: undefined };
    if (this.#last) this.#last.next = timer;
    this.#last = timer;
    return timer;
  }

  clear({ previous, next }: ArmedTimer): void {
    if (previous) previous.next = next;
    if (next) next.previous = previous;
    else this.#last = previous;
  }
}

interface BodyContext {
  readonly agentId: string;
  readonly incarnation: number;
  readonly initArgs: Spec['initArgs'];
}

const init = ({ initArgs }: BodyContext): { done: number; language: string } => ({
  done: 0,
  language: initArgs.language,
});

class AgentByHand {
  readonly id: string;
  readonly spec: Spec;
  place: Place = 'registered';
  incarnation = 0;
  restarts = 0;
  startedAt: number | undefined = undefined;
  endedAt: number | undefined = undefined;
  reason: string | undefined = undefined;
  state: { done: number; language: string } | undefined = undefined;
  check: ArmedTimer | undefined = undefined;

  constructor(spec: Spec) {
    this.id = spec.id;
    this.spec = spec;
  }

  life(): Life {
    const { place: at, incarnation, restarts, startedAt, endedAt, reason } = this;
    return Object.freeze({ at, incarnation, restarts, startedAt, endedAt, reason });
  }
}

class FleetByHand {
  readonly #agents = new Map<string, AgentByHand>();
  /** What a recovery needs: the registration, and the latest event. */
  readonly #slots = new Map<string, { held: KeptEvent; latest: KeptEvent | undefined }>();
  readonly #listeners = new Set<AgentByHand>();
  readonly #events: KeptEvent[] = [];
  readonly #starts = new TimersByHand();
  readonly #checks = new TimersByHand();
  #sequence = 0;
  late = 0;

  register(given: Spec): Promise<string> {
    const { id, initArgs } = given;
    const kept = Object.freeze({ ...initArgs, fields: Object.freeze([...initArgs.fields]) });
    const spec = Object.freeze({ id, initArgs: kept });
    this.#agents.set(id, new AgentByHand(spec));
    const held = this.#emit('agent.registered', id, 0, spec);
    return this.#committed(() => {
      this.#slots.set(id, { held, latest: undefined });
      return id;
    });
  }

  start(id: string): Promise<number> {
    const agent = this.#agents.get(id)!;
    this.#open(agent);
    return this.#committed(() => agent.incarnation);
  }

  kill(id: string): Promise<Life> {
    const life = this.#end(this.#agents.get(id)!);
    return this.#committed(() => life);
  }

  restart(id: string): Promise<number> {
    const agent = this.#agents.get(id)!;
    this.#end(agent);
    agent.restarts += 1;
    this.#follow(agent, 'agent.restart_scheduled');
    // A delay of nothing is a turn of the program.
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#open(agent);
        queueMicrotask(() => resolve(agent.incarnation));
      });
    });
  }

  #open(agent: AgentByHand): void {
    agent.incarnation += 1;
    agent.place = 'starting';
    this.#follow(agent, 'agent.starting');
    const limit = this.#starts.arm(() => (this.late += 1), 30_000);
    this.#listeners.add(agent);
    const { id: agentId, incarnation, spec } = agent;
    agent.state = init({ agentId, incarnation, initArgs: { ...spec.initArgs } });
    this.#starts.clear(limit);
    agent.place = 'serving';
    agent.startedAt = Date.now();
    agent.check = this.#checks.arm(() => (this.late += 1), 30_000);
    this.#follow(agent, 'agent.started');
  }

  #end(agent: AgentByHand): Life {
    if (agent.check) this.#checks.clear(agent.check);
    this.#listeners.delete(agent);
    agent.state = undefined;
    agent.place = 'crashed';
    agent.reason = 'killed';
    agent.endedAt = Date.now();
    return this.#follow(agent, 'agent.crashed');
  }

  #follow(agent: AgentByHand, type: string): Life {
    const life = agent.life();
    this.#slots.get(agent.id)!.latest = this.#emit(type, agent.id, agent.incarnation, life);
    return life;
  }

  #emit(type: string, agentId: string, incarnation: number, life: Life | Spec): KeptEvent {
    const sequence = ++this.#sequence;
    const event = { sequence, at: Date.now(), type, agentId, incarnation, life };
    this.#events[sequence % KEPT] = event;
    return event;
  }

  #committed<Value>(answer: () => Value): Promise<Value> {
    return new Promise((resolve) => {
      queueMicrotask(() => resolve(answer()));
    });
  }
}
