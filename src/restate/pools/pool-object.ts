/**
 * A pool of a fleet: one virtual object for each name, and the service that brings its members up and ends them.
 *
 * Decides nothing: a handler takes a turn (pool-turn.ts), whose acts are performed as calls.
 *
 * I1  The pool's object never waits: the crew service does what takes time, and reports the end.
 * I2  At most one wake is waited for; one that comes late does nothing.
 */
import {
  object,
  type ObjectContext,
  type ObjectSharedContext,
  RestatePromise,
  service,
  TerminalError,
} from '@restatedev/restate-sdk';
import { exclusive, keyless, shared } from '../engine/handlers.ts';
import type { Context } from '@restatedev/restate-sdk';
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import { endedInOrder } from '../../runtime/agent/ended-in-order.ts';
import { checkTask } from '../../runtime/fleet/task-check.ts';
import type { Alert } from '../../runtime/observability/alerts.ts';
import type { TaskRecord } from '../../runtime/fleet/task-record.ts';
import { type TaskWish, wishedOf } from '../tasks/task-entries.ts';
import type { PoolRecord } from '../../runtime/pools/pool.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { withoutKnownSecrets } from '../../runtime/values/secrets.ts';
import { type Answer, answering, type Refusal, refusalOf } from '../engine/call-answer.ts';
import { call, send, tellEvents, toAgent, toNodes, toPool } from '../engine/calls.ts';
import { CREW, nodeOf, POOL, type PoolCommand, REGISTRY } from '../engine/names.ts';
import type { MemberNews } from './pool-members.ts';
import type { MachineStrain } from '../../machines/index.ts';
import { type NodeEntry, type PlaceAsked, placeAsked, roomFor } from '../nodes/placement.ts';
import type { Measured, SignalQuestion } from './pool-scaling.ts';
import type { SignalCode } from './scaling-signals.ts';
import { type PoolAct, type PoolState, type PoolStates, PoolTurn } from './pool-turn.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire, wireOf } from '../engine/wire.ts';

const STATE = 'pool';
/** Where pools are listed. */
export const POOLS = { service: REGISTRY, key: 'pools' } as const;

/** What is listed of a pool. */
export interface PoolLook {
  readonly record: PoolRecord;
  readonly alerts: readonly Alert[];
  readonly states: PoolStates;
}

export interface PoolCharts {
  readonly pool: string;
  readonly autoscaler?: string;
}

function stateOf(ctx: Pick<ObjectContext, 'get'>): Promise<PoolState | null> {
  return ctx.get(STATE, wireOf<PoolState>());
}

async function momentOf(ctx: ObjectContext, at: number | undefined) {
  return { now: at ?? (await ctx.date.now()), chance: ctx.rand.random() };
}

function unknown(name: string): Answer {
  const message = `there is no pool ${inWords(name)}`;
  const details = { pool: withoutKnownSecrets(name) };
  return { refusal: refusalOf(new AgentSystemError('POOL_UNKNOWN', message, { details })) };
}

async function conclude(ctx: ObjectContext, turn: PoolTurn): Promise<void> {
  turn.end();
  const { state, now } = turn;
  const answers: (readonly [token: string, answer: Answer])[] = [];
  for (let act = turn.acts.shift(); act !== undefined; act = turn.acts.shift()) {
    switch (act.do) {
      case 'bringUp': {
        const { spec, manifest, name: pool } = state;
        const { id } = act;
        send(ctx, crew('bringUp'), { pool, id, spec: { ...spec, id, pool }, manifest, at: now });
        break;
      }
      case 'dismiss': {
        const { id, timeoutMs } = act;
        send(ctx, crew('dismiss'), { pool: state.name, id, timeoutMs, at: now });
        break;
      }
      case 'kill':
        send(ctx, toAgent(act.id, 'command'), { type: 'kill', at: now });
        break;
      case 'give': {
        const { id } = act;
        const { token, asked } = executing(act, now);
        send(ctx, toAgent(id, 'command'), { ...asked, token, isAwaited: true });
        break;
      }
      case 'run': {
        const { id, number } = act;
        send(ctx, crew('run'), { pool: state.name, id, number, ...executing(act, now) });
        break;
      }
      case 'measure': {
        const { name: pool, spec, manifest } = state;
        const { look, question } = act;
        const occupant = placeAsked(spec, manifest);
        send(ctx, crew('measure'), { pool, look, occupant, question } satisfies Measuring);
        break;
      }
      case 'cancelCall':
        send(ctx, toAgent(act.id, 'command'), {
          type: 'cancelCall',
          callId: act.callId,
          reason: act.reason,
          at: now,
        });
        break;
      case 'answer':
        answers.push([act.token, act.answer]);
        break;
    }
  }
  if (turn.events.length > 0) tellEvents(ctx, { events: turn.events });
  const look: PoolLook = { record: turn.record(), alerts: state.alerts, states: turn.states() };
  const isAwaited = answers.length > 0;
  const entry = { id: state.name, look: turn.isClosed ? null : look };
  // The fleet is listed so before the answer.
  if (isAwaited) await call(ctx, { ...POOLS, method: 'put' }, entry);
  else send(ctx, { ...POOLS, method: 'put' }, entry);
  if (turn.isClosed) ctx.clearAll();
  else {
    const dueAt = turn.nextDueAt();
    if (dueAt !== undefined && (state.wakeAt === undefined || state.wakeAt > dueAt)) {
      state.wakeAt = dueAt;
      send(ctx, toPool(ctx.key, 'wake'), { at: dueAt }, dueAt - now);
    }
    ctx.set(STATE, state, wireOf<PoolState>());
  }
  for (const [token, answer] of answers) {
    const isRecord = !('refusal' in answer) && answer.value === undefined;
    ctx.resolveAwakeable(token, isRecord ? { value: turn.record() } : answer, wire);
  }
}

/** A task as a member is asked for it, and who waits for it. */
function executing(
  { number, work: { token, ...work } }: Extract<PoolAct, { do: 'give' | 'run' }>,
  at: number,
) {
  const terms = { ...work.terms, pool: number };
  return { token, asked: { type: 'execute', work: { ...work, whenDown: 'wait', terms }, at } };
}

const crew = (method: string) => ({ service: CREW, method });

async function command(
  ctx: ObjectContext,
  asked: PoolCommand,
  code: SignalCode,
): Promise<Answer | undefined> {
  const state = await stateOf(ctx);
  const moment = await momentOf(ctx, asked.at);
  const { token = '' } = asked;
  if (asked.type === 'create') {
    if (state !== null) {
      const message = `pools.create: name: there is a pool ${JSON.stringify(ctx.key)} already`;
      return { refusal: refusalOf(new AgentSystemError('AGENT_SPEC_INVALID', message)) };
    }
    const { pool, spec, manifest, by } = asked;
    const { signal } = pool;
    const problem = signal === undefined ? undefined : await code.problem(ctx, signal);
    if (problem !== undefined) {
      const message = `pools.create: scale.signal: ${problem}`;
      return { refusal: refusalOf(new AgentSystemError('AGENT_SPEC_INVALID', message)) };
    }
    await conclude(ctx, PoolTurn.creating({ name: ctx.key, pool, spec, manifest, by }, moment, token));
    return undefined;
  }
  if (state === null) return unknown(ctx.key);
  const turn = new PoolTurn(state, moment);
  if (turn.isClosing && (asked.type === 'resize' || asked.type === 'execute')) {
    const message = `pool ${ctx.key} is closing`;
    return {
      refusal: refusalOf(new AgentSystemError('POOL_UNKNOWN', message, { details: { pool: ctx.key } })),
    };
  }
  const refused = answering(() => act(turn, asked, token));
  if ('refusal' in refused) return refused;
  await conclude(ctx, turn);
  return asked.type === 'cancelCall' ? { value: undefined } : undefined;
}

function act(turn: PoolTurn, asked: Exclude<PoolCommand, { type: 'create' }>, token: string): void {
  switch (asked.type) {
    case 'resize': {
      const { min, max } = turn.state.pool;
      const { size } = asked;
      if (Number.isSafeInteger(size) && size >= min && size <= max) return turn.resize(size, asked.by, token);
      const message = `ensureSize: size: expected ${min} to ${max} (min to max), got ${size}`;
      throw new AgentSystemError('AGENT_SPEC_INVALID', message);
    }
    case 'close':
      return turn.close(asked.timeoutMs ?? turn.state.spec.shutdownMs, asked.by, token);
    case 'execute': {
      const { type, input, priority } = asked.work;
      checkTask({ type, input, ...(priority === undefined ? {} : { priority }) }, turn.state.manifest);
      return turn.tasks.execute({ ...asked.work, token });
    }
    case 'cancelCall':
      return turn.tasks.cancel(asked.callId, asked.reason);
    case 'cancelTask':
      return turn.cancelWaiting(asked.number, asked.why, token);
    case 'locate':
      return turn.tasks.locate(asked.callId, token);
  }
}

async function told(
  ctx: ObjectContext,
  at: number | undefined,
  tell: (turn: PoolTurn) => void,
): Promise<void> {
  const state = await stateOf(ctx);
  if (state === null) return;
  const turn = new PoolTurn(state, await momentOf(ctx, at));
  tell(turn);
  await conclude(ctx, turn);
}

const codec = { input: wire, output: wire } as const;

/** @param code of the node that it runs on */
export const poolObjectOf = (code: SignalCode) =>
  object({
    name: POOL,
    handlers: {
      command: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
        const asked = given as PoolCommand;
        const answer = await command(ctx, asked, code);
        if (answer !== undefined && asked.token !== undefined)
          ctx.resolveAwakeable(asked.token, answer, wire);
      }),

      /** A command, and its answer whenever that comes. */
      ask: shared({ ...codec, enableLazyState: true }, async (ctx: ObjectSharedContext, asked: unknown) => {
        const { id: token, promise } = ctx.awakeable(wireOf<Answer>());
        send(ctx, toPool(ctx.key, 'command'), { ...(asked as PoolCommand), token });
        return promise;
      }),

      /** A report of a member. */
      member: exclusive(codec, (ctx: ObjectContext, given: unknown) => {
        const { news, at } = given as { news: MemberNews; at: number };
        return told(ctx, at, (turn) => turn.told(news));
      }),

      broughtUp: exclusive(codec, (ctx: ObjectContext, given: unknown) => {
        const { id, failure, at } = given as { id: string; failure: Refusal | null; at: number };
        return told(ctx, at, (turn) => turn.broughtUp(id, failure ?? undefined));
      }),

      dismissed: exclusive(codec, (ctx: ObjectContext, given: unknown) => {
        const { id, isInOrder, at } = given as { id: string; isInOrder: boolean; at: number };
        return told(ctx, at, (turn) => turn.gone(id, isInOrder));
      }),

      /** One that the pool answers: its caller is answered here, even if the pool is gone. */
      taskEnded: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
        const { number, token, answer, at } = given as EndedTask & { readonly at: number };
        const state = await stateOf(ctx);
        if (state === null) return ctx.resolveAwakeable(token, answer, wire);
        await told(ctx, at, (turn) => turn.tasks.ended(number, token, answer));
      }),

      measured: exclusive(codec, (ctx: ObjectContext, given: unknown) => {
        const { measured, at } = given as { measured: Measured; at: number };
        return told(ctx, at, (turn) => turn.measured(measured));
      }),

      wake: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
        const { at } = given as { at: number };
        await told(ctx, at, (turn) => {
          if (turn.state.wakeAt !== at) return;
          turn.state.wakeAt = undefined;
          turn.wake();
        });
      }),

      /** Those that wait for a member, of those that are wished for. */
      tasks: shared(
        codec,
        async (ctx: ObjectSharedContext, given: unknown): Promise<readonly TaskRecord[]> => {
          const state = await stateOf(ctx);
          if (state === null) return [];
          const waiting = new PoolTurn(state, { now: 0, chance: 0 }).tasks.waiting();
          return wishedOf(waiting, given as TaskWish);
        },
      ),

      /** Identities of the charts that its snapshots are of. */
      charts: shared(codec, async (ctx: ObjectSharedContext): Promise<PoolCharts | null> => {
        const state = await stateOf(ctx);
        if (state === null) return null;
        const { chart = '', scaling } = state;
        return scaling === undefined ? { pool: chart } : { pool: chart, autoscaler: scaling.chart ?? '' };
      }),

      record: shared(codec, async (ctx: ObjectSharedContext): Promise<PoolRecord | null> => {
        const state = await stateOf(ctx);
        return state === null ? null : new PoolTurn(state, { now: 0, chance: 0 }).record();
      }),
    },
    options: fleetOptions,
  });

interface EndedTask {
  readonly number: number;
  readonly token: string;
  readonly answer: Answer;
}

/** How long a node may take to say how strained its machine is, ms. */
const STRAIN_TIMEOUT_MS = 2_000;

/** The strain of the least strained machine: a pool may grow as long as one has room. Pure. */
function leastStrain(strains: readonly MachineStrain[]): MachineStrain {
  const least = (of: keyof MachineStrain) => {
    const told = strains.map((strain) => strain[of]).filter((share) => share !== undefined);
    return told.length === 0 ? {} : { [of]: Math.min(...told) };
  };
  return {
    ...least('memoryPressure'),
    ...least('memoryUsed'),
    ...least('cpuPressure'),
    ...least('loadPerCpu'),
  };
}

interface Measuring {
  readonly pool: string;
  readonly look: number;
  readonly occupant: PlaceAsked;
  readonly question: SignalQuestion | undefined;
}

async function measure(
  ctx: Context,
  { look, occupant, question }: Measuring,
  code: SignalCode,
): Promise<Measured> {
  try {
    const nodes = await call<readonly NodeEntry[]>(ctx, toNodes('list'), null);
    const admissible = roomFor(nodes, occupant);
    if (question === undefined) return { look, admissible, strain: await strainOf(ctx, nodes) };
    const { name, load, withinMs } = question;
    const said = await code.ask(ctx, name, { ...load, admissible }, withinMs);
    return 'why' in said ? { look, admissible, why: said.why } : { look, admissible, strain: said.signal };
  } catch (thrown) {
    if (thrown instanceof TerminalError) return { look, why: thrown.message };
    throw thrown;
  }
}

/** How strained the nodes say that they are. */
async function strainOf(ctx: Context, nodes: readonly NodeEntry[]): Promise<MachineStrain> {
  const asked = nodes.map(({ name }) =>
    ctx
      .genericCall<unknown, MachineStrain>({
        service: nodeOf(name),
        method: 'serve',
        parameter: { what: 'strain', parameter: null },
        inputSerde: wire,
        outputSerde: wireOf<MachineStrain>(),
      })
      .orTimeout(STRAIN_TIMEOUT_MS),
  );
  const told = await RestatePromise.allSettled(asked);
  // One that does not answer says nothing of its machine.
  const strains = told.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  return leastStrain(strains);
}

/** What takes time: starts and ends of members, tasks that the pool answers, and what nodes say of their machines. */
export const poolCrewOf = (code: SignalCode) =>
  service({
    name: CREW,
    handlers: {
      bringUp: keyless(codec, async (ctx: Context, given: unknown) => {
        const { pool, id, spec, manifest, at } = given as {
          pool: string;
          id: string;
          spec: object;
          manifest: object;
          at: number;
        };
        const registered = await call<Answer>(ctx, toAgent(id, 'command'), {
          type: 'register',
          spec,
          manifest,
          at,
        });
        const started =
          'refusal' in registered
            ? registered
            : await call<Answer>(ctx, toAgent(id, 'ask'), { type: 'start' });
        const failure = 'refusal' in started ? started.refusal : null;
        send(ctx, toPool(pool, 'broughtUp'), { id, failure, at: await ctx.date.now() });
      }),

      run: keyless(codec, async (ctx: Context, given: unknown) => {
        const { pool, id, number, token, asked } = given as {
          pool: string;
          id: string;
          number: number;
          token: string;
          asked: object;
        };
        const answer = await call<Answer>(ctx, toAgent(id, 'ask'), asked);
        const ended: EndedTask = { number, token, answer };
        send(ctx, toPool(pool, 'taskEnded'), { ...ended, at: await ctx.date.now() });
      }),

      measure: keyless(codec, async (ctx: Context, given: unknown) => {
        const asked = given as Measuring;
        const measured = await measure(ctx, asked, code);
        send(ctx, toPool(asked.pool, 'measured'), { measured, at: await ctx.date.now() });
      }),

      dismiss: keyless(codec, async (ctx: Context, given: unknown) => {
        const { pool, id, timeoutMs } = given as { pool: string; id: string; timeoutMs: number | undefined };
        const stopped = await call<Answer<AgentRecord>>(ctx, toAgent(id, 'ask'), { type: 'stop', timeoutMs });
        await call<Answer>(ctx, toAgent(id, 'command'), { type: 'forget' });
        const isInOrder = !('refusal' in stopped) && endedInOrder(stopped.value!);
        send(ctx, toPool(pool, 'dismissed'), { id, isInOrder, at: await ctx.date.now() });
      }),
    },
    options: fleetOptions,
  });
