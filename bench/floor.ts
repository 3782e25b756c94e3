/**
 * The floor under a task: what JavaScript takes for it with none of the runtime around.
 *
 * `bare` is a promise that is settled in a microtask, with one frozen event. `by hand` is a round trip that does what
 * every task has to have done, and nothing else: its acceptance and its end are committed apart, each in a microtask,
 * its work runs in its caller's context with a signal and a context object of its own, its state becomes JSON, its
 * events and its record are kept up to a bound. It checks nothing, and knows no other case.
 *
 * Behind it come the promises of the contract, one on top of the other: what each costs is the difference to the line
 * before. `context`: all that a task is given, as fields of its own that can be taken apart. `state`: what JSON would
 * lose of it is refused, and a failed task leaves no trace. `record`: `tasks.get` shows where each task stands and when
 * that was. `told`: listeners get each event by its type, once it is committed. `chart`: its agent is
 * busy and idle by the shipped chart.
 *
 * `variable` is the floor under a change of a variable that 10,000 agents are told of and acknowledge.
 *
 * `read` is the floor under a status read: ids that are looked for in a map of 10,000, and a field of what is found.
 */
import { AsyncResource } from 'node:async_hooks';
import { agentMachine, agentSpec, lifePolicyOf } from '../src/machines/index.ts';
import { type Chart, createChart } from '../src/runtime/engine/chart.ts';
import type { WorkOwner } from '../src/runtime/hosting/body-work.ts';
import { RunningTask } from '../src/runtime/hosting/running-task.ts';
import { taskContextOf } from '../src/runtime/hosting/task-context.ts';
import { assertKept } from '../src/runtime/values/state-json.ts';
import { costOf, type Emit, measure, measurement } from './measurement.ts';

const WARM = 5_000;
const KEPT = 10_000;

export async function benchFloor(times: number, emit: Emit): Promise<void> {
  const bare = new Bare();
  await warm(() => bare.run());
  emit(await measure('floor_bare', { times, operation: () => bare.run() }));
  for (let kept = 0; kept <= promises.length; kept++) {
    const byHand = new TaskByHand(new Set(promises.slice(0, kept)));
    await warm(() => byHand.execute({ type: 'test' }));
    const name = kept === 0 ? 'floor_task' : `floor_task_${promises[kept - 1]}`;
    emit(await measure(name, { times, operation: () => byHand.execute({ type: 'test' }) }));
  }
}

/** As bench/reads.ts does it, on a map alone. */
export async function benchReadFloor(times: number, emit: Emit): Promise<void> {
  const ids = Array.from({ length: KEPT }, (_, index) => `agent-${index + 1}`);
  const records = new Map(ids.map((id) => [id, Object.freeze({ id, status: 'running' })]));
  let running = 0;
  let at = 0;
  const cost = await costOf(() => {
    for (let read = 0; read < times; read++) {
      if (records.get(ids[at]!)!.status === 'running') running++;
      at = (at + 7_919) % ids.length;
    }
  });
  if (running !== times) throw new Error(`${running} of ${times} were read as running`);
  emit(measurement('floor_read', { n: times, operations: times, cost }));
}

interface Acknowledged {
  sequence: number;
  at: number;
  readonly type: 'variable.acknowledged';
  readonly agentId: string;
  readonly incarnation: number;
  readonly name: string;
  readonly version: number;
}

/** One agent that is told of a variable, and acknowledges it. */
class Told {
  readonly agentId: string;
  readonly variables: Record<string, unknown> = {};
  readonly state = { rate: 0 };
  acknowledged = 0;

  constructor(agentId: string) {
    this.agentId = agentId;
  }
}

const onVariable = ({ value, state }: { readonly value: number; readonly state: { rate: number } }): void => {
  state.rate = value;
};

/** As bench/coordination.ts does it: each agent's function is called, and its answer is an event that is kept. */
export async function benchVariableFloor(rounds: number, emit: Emit): Promise<void> {
  const fleet = new Set(Array.from({ length: KEPT }, (_, index) => new Told(`agent-${index + 1}`)));
  const kept: Acknowledged[] = [];
  let sequence = 0;
  const set = (version: number): Promise<readonly string[]> => {
    const name = 'rate';
    for (const told of fleet) {
      const { agentId, variables, state } = told;
      variables[name] = version;
      const context = { name, value: version, version, state, variables, resources: undefined, log: console };
      onVariable(context);
      told.acknowledged = version;
      const type = 'variable.acknowledged';
      const event: Acknowledged = { sequence: 0, at: 0, type, agentId, incarnation: 1, name, version };
      event.sequence = ++sequence;
      event.at = Date.now();
      kept[sequence % KEPT] = event;
    }
    return new Promise((resolve) => {
      queueMicrotask(() => resolve(Array.from(fleet, ({ agentId }) => agentId)));
    });
  };
  for (let version = 1; version <= 3; version++) await set(version);
  const series = { times: rounds, perOperation: KEPT, n: KEPT };
  emit(await measure('floor_variable', { ...series, operation: (round) => set(round + 4) }));
}

export const promises = ['context', 'state', 'record', 'told', 'chart'] as const;
type Promised = (typeof promises)[number];

async function warm(operation: () => Promise<unknown>): Promise<void> {
  for (let warmed = 0; warmed < WARM; warmed++) await operation();
}

class Bare {
  #sequence = 0;
  event: object | undefined = undefined;

  run(): Promise<number> {
    return new Promise((resolve) => {
      const sequence = ++this.#sequence;
      this.event = Object.freeze({
        sequence,
        at: Date.now(),
        type: 'task.completed',
        agentId: 'agent',
        incarnation: 1,
        taskId: `task-${sequence}`,
        task: 'test',
        waitedMs: 0,
        ranMs: 0,
      });
      queueMicrotask(() => resolve(sequence));
    });
  }
}

interface Context {
  readonly state: { done: number };
}

interface Event {
  sequence: number;
  at: number;
  readonly type: string;
  readonly [field: string]: unknown;
}

interface KnownRecord {
  readonly id: string;
  place: string;
  attempts: number;
  acceptedAt: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  [field: string]: unknown;
}

const run = ({ state }: Context): number => ++state.done;

/** A body that is asked for nothing. */
const body = {
  variables: {},
  resources: undefined,
  definition: { tasks: {} },
  tellLine: () => undefined,
} as unknown as WorkOwner;
const nobody = { ask: () => Promise.reject(new Error('nobody is asked')) };

const BUSY = { type: 'mailbox.busy' } as const;
const IDLE = { type: 'mailbox.idle' } as const;

export class TaskByHand {
  readonly #events: Event[] = [];
  readonly #records = new Map<string, KnownRecord | { status: string }>();
  readonly #state = { done: 0 };
  readonly #observers: ReadonlyMap<string, ReadonlyArray<(event: Event) => void>>;
  readonly #chart: Chart<typeof agentMachine> | undefined;
  readonly #keeps: Readonly<Record<Promised, boolean>>;
  readonly ended: string[] = [];
  json = '';
  seen = 0;
  #sequence = 0;
  #told = 0;

  constructor(kept: ReadonlySet<Promised>) {
    const keeps = (promise: Promised) => kept.has(promise);
    const [context, state, record] = [keeps('context'), keeps('state'), keeps('record')];
    this.#keeps = { context, state, record, told: keeps('told'), chart: keeps('chart') };
    const see = ({ sequence }: Event) => void (this.seen = sequence);
    this.#observers = new Map(
      ['task.accepted', 'task.started', 'agent.state_saved', 'task.completed'].map((type) => [type, [see]]),
    );
    this.#chart = keeps('chart') ? runningChart() : undefined;
  }

  execute({ type: task, input }: { readonly type: string; readonly input?: unknown }): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const taskId = `task-${this.#sequence + 1}`;
    const caller = new AsyncResource('task');
    const acceptedAt = performance.now();
    const [agentId, incarnation] = ['agent', 1];
    const accepted = {
      sequence: 0,
      at: 0,
      type: 'task.accepted',
      agentId,
      incarnation,
      taskId,
      task,
      retry: false,
    };
    this.#emit(accepted);
    queueMicrotask(() => {
      this.#accept(accepted);
      const startedAt = performance.now();
      this.#chart?.send(BUSY);
      this.#emit({ sequence: 0, at: 0, type: 'task.started', agentId, incarnation, taskId, task });
      try {
        const output = caller.runInAsyncScope(run, undefined, this.#contextOf(taskId, task, input));
        const bytes = Buffer.byteLength(this.#save());
        this.#emit({ sequence: 0, at: 0, type: 'agent.state_saved', agentId, incarnation, bytes });
        const now = performance.now();
        const [waitedMs, ranMs] = [startedAt - acceptedAt, now - startedAt];
        const of = { agentId, incarnation, taskId, task };
        this.#emit({ sequence: 0, at: 0, type: 'task.completed', ...of, waitedMs, ranMs });
        this.#chart?.send(IDLE);
        queueMicrotask(() => this.#end(taskId, output, resolve));
      } catch (thrown) {
        reject(thrown);
      }
    });
    return promise;
  }

  #emit(event: Event): void {
    event.sequence = ++this.#sequence;
    event.at = Date.now();
    this.#events[event.sequence % KEPT] = event;
  }

  /** Its events were committed. */
  #tell(): void {
    while (this.#keeps.told && this.#told < this.#sequence) {
      const event = this.#events[++this.#told % KEPT]!;
      for (const observer of this.#observers.get(event.type)!) {
        try {
          observer(event);
        } catch (thrown) {
          console.error(thrown);
        }
      }
    }
  }

  #accept(accepted: Event): void {
    this.#tell();
    const { taskId, at } = accepted as Event & { readonly taskId: string };
    this.#records.set(taskId, this.#keeps.record ? recordOf(taskId, at) : { status: 'waiting' });
  }

  #contextOf(taskId: string, task: string, input: unknown): Context {
    if (this.#keeps.context) {
      const running = new RunningTask({ type: 'task.run', taskId, task, input, attempt: 1 }, nobody);
      running.state = this.#state;
      const owner = { body, progress: () => undefined, emit: () => Promise.resolve() };
      return taskContextOf(owner, running, input) as Context;
    }
    const { signal } = new AbortController();
    const progress = (value: unknown): void =>
      this.#emit(Object.freeze({ sequence: 0, at: 0, type: 'task.progress', taskId, value }));
    return { input, state: this.#state, signal, progress } as Context;
  }

  #save(): string {
    const json = JSON.stringify(this.#state);
    if (this.#keeps.state && json !== this.json) assertKept(this.#state);
    this.json = json;
    return json;
  }

  #end(taskId: string, output: unknown, resolve: (output: unknown) => void): void {
    this.#tell();
    const known = this.#records.get(taskId)!;
    if ('place' in known) {
      known.place = 'done';
      known.attempts = 1;
      known.startedAt = this.#events[(this.#sequence - 2) % KEPT]?.at;
      known.endedAt = this.#events[this.#sequence % KEPT]?.at;
    } else known.status = 'done';
    const place = this.#sequence % KEPT;
    this.#records.delete(this.ended[place] ?? '');
    this.ended[place] = taskId;
    resolve(output);
  }
}

/** As many fields as the record of a task has, most of them for what few tasks do. */
function recordOf(id: string, at: number): KnownRecord {
  const none = undefined;
  return {
    id,
    order: 0,
    agentId: 'agent',
    pool: none,
    task: 'test',
    place: 'waiting.queued',
    attempts: 0,
    acceptedAt: at,
    startedAt: none,
    endedAt: none,
    dueAt: none,
    output: none,
    code: none,
    error: none,
    submitted: none,
    keys: none,
    endedBy: 0,
    endedAs: 0,
    parked: none,
    stalledAt: none,
    isBodyGone: false,
    waiting: none,
  };
}

/** The shipped chart of an agent, which runs and is idle; nothing of what it asks for is done. */
function runningChart(): Chart<typeof agentMachine> {
  const chart = createChart(
    agentMachine,
    { id: 'agent', policy: lifePolicyOf(agentSpec.parse({ id: 'agent', module: {} })) },
    {
      clock: { setTimeout: () => undefined, clearTimeout: () => undefined },
      perform: () => undefined,
      child: () => ({ stop: () => undefined }),
      onBug: (bug) => {
        throw bug;
      },
    },
  );
  chart.send({ type: 'agent.start', at: Date.now() });
  chart.send({ type: 'body.ready', at: Date.now() });
  if (!chart.path.endsWith('idle')) throw new Error(`expected a chart that is idle, got ${chart.path}`);
  return chart;
}
