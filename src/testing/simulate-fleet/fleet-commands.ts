/** The commands of a script: each is given to the running system, and its answer is compared with what the store kept. */
import type { AgentSpec } from '../../runtime/fleet/spec-reading.ts';
import type { AgentSystem } from '../../runtime/system/agent-system.ts';
import { GRACE_MS, type SimulatedCallers } from './callers.ts';
import { type Deed, deedInWords, type FleetFault } from './deeds.ts';
import type { FleetJudge } from './fleet-judge.ts';
import type { FleetSecrets } from './fleet-secrets.ts';
import { type FleetAnswer, idsOfMembers, type SimulationOptions } from './simulation-options.ts';

/** A task that was asked for. */
interface Asked {
  readonly controller: AbortController;
  /** Once a submitted task has been accepted. */
  id: string | undefined;
}

export type FleetCommand = Exclude<
  Deed,
  | { fault: FleetFault }
  | { do: 'settle' | 'wait' | 'wait for deadline' | 'reopen' | 'mend store' | 'resume coordination' }
>;

export interface CommandsOwner {
  /** Of the running program. */
  readonly system: AgentSystem;
  readonly options: SimulationOptions;
  readonly judge: FleetJudge;
  readonly secrets: FleetSecrets;
  readonly callers: SimulatedCallers;
  /** A caller was given the output of a task. */
  answered(answer: FleetAnswer): void;
}

export class FleetCommands {
  readonly #owner: CommandsOwner;
  readonly #options: SimulationOptions;
  readonly #judge: FleetJudge;
  readonly #secrets: FleetSecrets;
  readonly #callers: SimulatedCallers;
  readonly #tasks: Asked[] = [];

  constructor(owner: CommandsOwner) {
    this.#owner = owner;
    const { options, judge, secrets, callers } = owner;
    this.#options = options;
    this.#judge = judge;
    this.#secrets = secrets;
    this.#callers = callers;
  }

  get #system(): AgentSystem {
    return this.#owner.system;
  }

  perform(deed: FleetCommand): void {
    const system = this.#system;
    const { agents, variables, consensus, pools } = system;
    const kept = this.#judge.kept;
    const what = deedInWords(deed);
    switch (deed.do) {
      case 'register': {
        const spec = this.#specOf(deed.agent);
        if (spec === undefined) return;
        return this.#callers.ask(
          what,
          GRACE_MS,
          this.#secrets.give(deed.agent, agents.register(spec)),
          (id) => this.#judge.acknowledged(what, kept.told.agents.has(id) || this.#isForgotten(id)),
        );
      }
      case 'give secrets':
        return this.giveSecrets(deed.agent);
      case 'start':
      case 'restart':
        return this.#callers.ask(
          what,
          this.#startMs(deed.agent) + GRACE_MS,
          agents[deed.do](deed.agent),
          ({ id, incarnation }) =>
            this.#judge.acknowledged(
              what,
              this.#isForgotten(id) || kept.told.agents.get(id)!.lastStarted >= incarnation,
            ),
        );
      case 'stop':
        return this.#callers.ask(
          what,
          (deed.timeoutMs ?? this.#stopMs(deed.agent)) + GRACE_MS,
          agents.stop(deed.agent, deed.timeoutMs === undefined ? undefined : { timeoutMs: deed.timeoutMs }),
          (record) => this.#endAcknowledged(what, record),
        );
      case 'kill':
        return this.#callers.ask(what, GRACE_MS, agents.kill(deed.agent), (record) =>
          this.#endAcknowledged(what, record),
        );
      case 'forget':
        return this.#callers.ask(what, GRACE_MS, agents.forget(deed.agent));
      case 'check':
        return this.#callers.ask(what, GRACE_MS, agents.checkHealth(deed.agent));
      case 'pause':
      case 'resume':
        return this.#callers.ask(what, GRACE_MS, agents[deed.do](deed.agent, { by: 'the seed' }));
      case 'lift':
        return this.#callers.ask(what, GRACE_MS, this.#lift(deed.agent));
      case 'stream':
        return this.#callers.ask(what, Infinity, this.#stream(deed));
      case 'answer':
        return this.#answer(deed.which, what);
      case 'refill':
        return this.#callers.ask(what, GRACE_MS, system.budgets.refill(deed.budget, { by: 'the seed' }));
      case 'schedule': {
        const { to, task, input, everyMs } = deed;
        const given = { type: task, ...(input === undefined ? {} : { input: structuredClone(input) }) };
        const schedule = { name: `of ${to}`, everyMs, target: to, task: given };
        return this.#callers.ask(what, GRACE_MS, system.tasks.schedule(schedule));
      }
      case 'unschedule':
        return this.#callers.ask(what, GRACE_MS, system.tasks.unschedule(`of ${deed.to}`));
      case 'execute':
        return this.#execute(deed, what);
      case 'submit':
        return this.#submit(deed, what);
      case 'cancel':
      case 'retry': {
        const task = this.#tasks.at(-deed.ago);
        if (task === undefined) return;
        if (task.id === undefined) return task.controller.abort();
        return this.#callers.ask(what, GRACE_MS, system.tasks[deed.do](task.id));
      }
      case 'set':
        return this.#callers.ask(what, GRACE_MS, variables.set(deed.variable, deed.value), ({ version }) =>
          this.#judge.acknowledged(what, (kept.told.variables.get(deed.variable)?.version ?? 0) >= version),
        );
      case 'propose': {
        const { variable, value, deadlineMs, tie, fallback } = deed;
        const proposal = { variable, value, deadlineMs, ...(tie && { tie }), ...(fallback && { fallback }) };
        return this.#callers.ask(
          what,
          deadlineMs * 4 + GRACE_MS,
          consensus.propose(proposal),
          ({ roundId, outcome }) =>
            this.#judge.acknowledged(
              `${what} (${roundId}: ${outcome})`,
              kept.told.closedRounds.get(roundId) === outcome,
            ),
        );
      }
      case 'open pool':
        return this.openPool(deed.pool);
      case 'close pool':
        return this.#callers.ask(what, Infinity, pools.close(deed.pool));
      case 'resize':
        return this.#callers.ask(what, Infinity, pools.ensureSize(deed.pool, deed.size));
    }
  }

  #specOf(id: string): (AgentSpec & { readonly id: string }) | undefined {
    const member = this.#options.members.find((one) => one.id === id);
    if (member === undefined) return undefined;
    const { module, spec } = member;
    return { ...this.#options.plan.specs.get(id), ...spec, id, module };
  }

  /** Gives an agent its secrets, if it is registered and lacks them. */
  giveSecrets(id: string): void {
    const spec = this.#specOf(id);
    if (spec === undefined || !this.#secrets.lacks(id) || !this.#judge.told.told.agents.has(id)) return;
    const given = this.#secrets.give(id, this.#system.agents.ensure(spec));
    this.#callers.ask(`give the secrets of ${id}`, GRACE_MS, given);
  }

  openPool(name: string): void {
    const pool = this.#options.pools.find((one) => one.name === name)!;
    const { module, min, max, spec } = pool;
    const whole = { ...this.#options.plan.specs.get(name), ...spec, module } as unknown as AgentSpec;
    const opening = this.#system.pools.create({ name, min, max, spec: whole, retryAbandoned: 1 });
    for (const id of idsOfMembers(pool)) void this.#secrets.give(id, opening);
    this.#callers.ask(`open pool ${name}`, Infinity, opening);
  }

  #execute(deed: Extract<Deed, { do: 'execute' | 'submit' }>, what: string): void {
    const { to, task, input, timeoutMs, priority } = deed;
    const { agents, pools } = this.#system;
    const controller = new AbortController();
    this.#tasks.push({ controller, id: undefined });
    const request = {
      type: task,
      input: structuredClone(input),
      signal: controller.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(priority === undefined ? {} : { priority }),
    };
    const asked = typeof to === 'string' ? agents.execute(to, request) : pools.execute(to.pool, request);
    const done = (output: unknown) => {
      this.#judge.taskAcknowledged(typeof to === 'string' ? to : undefined);
      this.#owner.answered({ to, task, input, output });
    };
    this.#callers.ask(what, (timeoutMs ?? Infinity) + GRACE_MS, asked, done, to);
  }

  #submit(deed: Extract<Deed, { do: 'execute' | 'submit' }>, what: string): void {
    const { to, task, input, timeoutMs, priority, delayMs } = deed;
    const { tasks } = this.#system;
    const kept = this.#judge.kept;
    const known: Asked = { controller: new AbortController(), id: undefined };
    this.#tasks.push(known);
    const request = {
      type: task,
      input: structuredClone(input),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(priority === undefined ? {} : { priority }),
      ...(delayMs === undefined ? {} : { delayMs }),
    };
    const isPool = typeof to !== 'string';
    this.#callers.ask(what, isPool ? Infinity : GRACE_MS, tasks.submit(to, request), ({ id }) => {
      known.id = id;
      this.#judge.acknowledged(`${what} (${id})`, kept.told.submitted.has(id));
      this.#callers.ask(`result of ${id}`, Infinity, tasks.result(id), (output) => {
        this.#judge.acknowledged(`result of ${id}`, kept.told.completed.has(id));
        this.#owner.answered({ to, task, input, output });
      });
    });
  }

  /** Lifts the limit that an agent waits for. */
  async #lift(agent: string): Promise<unknown> {
    const { agents, quotas } = this.#system;
    return quotas.lift(agents.get(agent).parked?.quota ?? agent, { by: 'the seed' });
  }

  async #stream({ to, task, input, chunks }: Extract<Deed, { do: 'stream' }>): Promise<void> {
    const given = { type: task, ...(input === undefined ? {} : { input: structuredClone(input) }) };
    const stream = this.#system.agents.stream(to, given);
    stream.output.catch(() => undefined);
    const reader = stream[Symbol.asyncIterator]();
    for (let read = 0; read < chunks; read++) if ((await reader.next()).done) return;
    await stream.return?.();
  }

  #answer(which: number, what: string): void {
    const { questions } = this.#system;
    const [open] = questions.list();
    if (open === undefined) return;
    const kept = this.#judge.kept;
    const answered = questions.answer(open.id, answerTo(open.schema, which), { by: 'the seed' });
    this.#callers.ask(`${what} (${open.id})`, GRACE_MS, answered, ({ id }) =>
      this.#judge.acknowledged(what, kept.told.answered.has(id)),
    );
  }

  #endAcknowledged(
    what: string,
    { id, incarnation }: { readonly id: string; readonly incarnation: number },
  ): void {
    const agent = this.#judge.kept.told.agents.get(id);
    this.#judge.acknowledged(
      what,
      agent === undefined || agent.lastEnded >= incarnation || agent.last === 'agent.stopped',
    );
  }

  #isForgotten(id: string): boolean {
    return !this.#judge.kept.told.agents.has(id) && !this.#judge.told.told.agents.has(id);
  }

  #startMs(id: string): number {
    return this.#options.plan.specs.get(id)?.startTimeoutMs ?? 30_000;
  }

  #stopMs(id: string): number {
    return this.#options.plan.specs.get(id)?.shutdownMs ?? 5_000;
  }
}

/** A value that a question's schema allows. */
function answerTo(schema: Readonly<Record<string, unknown>> | undefined, which: number): unknown {
  const { enum: values, type } = schema ?? {};
  if (Array.isArray(values)) return values[which % values.length];
  if (type === 'boolean') return which % 2 === 0;
  return type === 'number' || type === 'integer' ? which : String(which);
}
