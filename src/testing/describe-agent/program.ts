/**
 * One program around the agent under test: a system on a simulated clock, a host between it and its agent, and a
 * store that outlives it.
 *
 * I1  After `quiet` all work has settled, or waits for the clock or for a move.
 * I2  From the loss of a program on, the store takes nothing more from it.
 */
import { pino } from 'pino';
import type { InspectionEvent } from 'xstate';
import type { Isolation } from '../../machines/index.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { AgentCode } from '../../runtime/definition/module-binding.ts';
import type { Host } from '../../runtime/hosting/host.ts';
import { inProcessHost } from '../../runtime/hosting/hosts/in-process.ts';
import { processHost } from '../../runtime/hosting/hosts/process.ts';
import { threadHost } from '../../runtime/hosting/hosts/thread.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type { Store } from '../../runtime/journal/store.ts';
import { createAgentSystem } from '../../runtime/system.ts';
import type { AgentSystem } from '../../runtime/system/agent-system.ts';
import type { AgentSystemError } from '../../runtime/values/errors.ts';
import { settled, type SimulatedClock, simulatedClock } from '../simulated-clock.ts';
import { InterposedHost } from './interposed-host.ts';

/** Real time for work that does not wait for the simulated clock; ms, in steps. */
const STEP_MS = 2;
/** Times as long if another process has to answer. */
const CHILD_PATIENCE = 100;
/** Real time after which a command counts as never answered; ms. */
const HANG_MS = 10_000;

const silent = pino({ level: 'silent' });

export interface ProgramOptions {
  readonly isolation: Isolation;
  /** Real time for what does not go by the simulated clock; ms. */
  readonly patienceMs: number;
  /** What outlives the program. */
  readonly store: Store;
  readonly agents: readonly AgentCode[];
  /** Known descriptions of modules: to describe one costs a process. */
  readonly manifests: Map<string, Promise<AgentManifest>>;
  /** The last state that the earlier program got. */
  readonly told: SavedState | undefined;
  /** Epoch ms, simulated. */
  readonly startAt: number | undefined;
  /** Gets XState's inspection events of the agent's chart, if it runs in this process. */
  readonly observe: ((event: InspectionEvent) => void) | undefined;
  /** Throws: a command was never answered. */
  readonly onHang: () => never;
}

export class Program {
  readonly system: AgentSystem;
  readonly clock: SimulatedClock;
  readonly host: InterposedHost;
  readonly #options: ProgramOptions;
  readonly #store: Mortal;
  /** What was given its time, and has not answered. */
  readonly #waiting = new Set<string>();

  private constructor(
    options: ProgramOptions,
    system: AgentSystem,
    clock: SimulatedClock,
    host: InterposedHost,
    store: Mortal,
  ) {
    this.#options = options;
    this.system = system;
    this.clock = clock;
    this.host = host;
    this.#store = store;
  }

  static async start(options: ProgramOptions): Promise<Program> {
    const { isolation, startAt, observe, agents } = options;
    const clock = simulatedClock(startAt === undefined ? {} : { startAt });
    const host = new InterposedHost(innerHost(isolation, clock, observe), options.manifests);
    host.told = options.told;
    const store = mortal(options.store);
    const system = await createAgentSystem({
      store,
      clock,
      random: () => 0,
      logger: silent,
      agents,
      hosts: { [isolation]: host },
    });
    return new Program(options, system, clock, host, store);
  }

  /** It is over: from here on its store keeps nothing. */
  end(): void {
    this.#store.isDead = true;
  }

  /** It dies, and the bodies of its agents with it. */
  async die(): Promise<void> {
    this.end();
    await this.host.die();
  }

  /**
   * Until nothing moves any more. What goes by no clock of ours (another program, a timer of Node) is given real
   * time, once: what has not answered by then waits for something that is not under way.
   */
  async quiet(): Promise<void> {
    const { patienceMs, isolation } = this.#options;
    const patience = isolation === 'in-process' ? patienceMs : patienceMs * CHILD_PATIENCE;
    for (let left = patience, before = -1; ; left -= STEP_MS) {
      await settled();
      const open = this.host.unanswered.filter((one) => !this.#waiting.has(one));
      if (open.length === 0) return;
      if (open.length !== before) left = patience;
      before = open.length;
      if (left <= 0) {
        for (const one of open) this.#waiting.add(one);
        return;
      }
      await aStep();
    }
  }

  /** What a promise comes to, the clock going on by `withinMs` at the most. @throws what it rejects with */
  async until<Value>(promise: Promise<Value>, withinMs = 0): Promise<Value> {
    const { clock } = this;
    const seen = { isSettled: false };
    const settle = () => {
      seen.isSettled = true;
    };
    promise.then(settle, settle);
    await this.quiet();
    const until = clock.now() + withinMs;
    while (!seen.isSettled) {
      const [next] = clock.pending();
      if (next === undefined || next.dueAt > until) break;
      await clock.runNext();
      await this.quiet();
    }
    for (let waited = 0; !seen.isSettled && waited < HANG_MS; waited += STEP_MS) await aStep();
    if (!seen.isSettled) this.#options.onHang();
    return promise;
  }

  /** What a command is refused with. Without a time nothing is waited for. */
  async errorOf(promise: Promise<unknown>, withinMs = 0): Promise<AgentSystemError | undefined> {
    let refused: AgentSystemError | undefined;
    const caught = promise.then(
      () => undefined,
      (error: AgentSystemError) => {
        refused = error;
      },
    );
    if (withinMs === 0) return undefined;
    await this.until(caught, withinMs);
    return refused;
  }
}

function aStep(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, STEP_MS);
  });
}

function innerHost(
  isolation: Isolation,
  clock: SimulatedClock,
  observe: ((event: InspectionEvent) => void) | undefined,
): Host {
  if (isolation === 'in-process') return inProcessHost({ clock, observe });
  return isolation === 'thread' ? threadHost() : processHost();
}

type Mortal = Store & { isDead: boolean };

/** A store as a program has it that can be lost: from its loss on it is given nothing more. */
function mortal(kept: Store): Mortal {
  return {
    isDead: false,
    isDurable: kept.isDurable,
    recover: () => kept.recover(),
    append(batch) {
      if (!this.isDead) void kept.append(batch);
    },
    read: (query) => kept.read(query),
    state(agentId) {
      return this.isDead ? undefined : kept.state(agentId);
    },
    close: () => undefined,
  };
}
