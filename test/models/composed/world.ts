/**
 * The shipped charts composed: two or three agents, the supervisor of their restarts, the coordinator and a round, as
 * one world that takes one step at a time.
 *
 * Each chart is driven by pure transitions. What stands between them here is what the runtime has between them, as
 * little as can be: who holds a permit and who waits for one, who is a voter, which body exists and what it was told.
 * Time is not counted: an armed deadline may fire at any moment, in any order. All that is not decided by a chart
 * (commands, crashes, answers) may come at any moment, too; disturbances only as many as there are left.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import {
  agentMachine,
  agentSpec,
  consensusMachine,
  coordinatorMachine,
  decideBallot,
  lifePolicyOf,
  positionAt,
  restartPolicy,
  roundTerms,
  supervisorMachine,
} from '../../../src/machines/index.ts';
import {
  beginChart,
  type PlainEffect,
  type PlainSnapshot,
  stepChart,
} from '../../../src/runtime/engine/pure-step.ts';
import { pathOf } from '../../../src/runtime/engine/state-path.ts';

export interface Bounds {
  readonly agents: number;
  /** Restarts that may be under way at once. */
  readonly permits: number;
  /** Each agent's restart intensity. */
  readonly maxRestarts: number;
  /** Commands, crashes, rounds, tasks and losses of coordination, all together. */
  readonly disturbances: number;
  /** Where all agents stand at first. */
  readonly from: 'registered' | 'running';
  /** Charts in place of the shipped ones: faults that are to be found. */
  readonly charts?: Partial<Charts>;
}

export interface Charts {
  readonly agent: AnyStateMachine;
  readonly supervisor: AnyStateMachine;
  readonly coordinator: AnyStateMachine;
}

/** One snapshot of a chart: the same object for the same content. */
interface Standing {
  readonly id: number;
  readonly path: string;
  readonly plain: PlainSnapshot;
}

interface Step {
  readonly to: Standing;
  readonly effects: readonly PlainEffect[];
}

type Told = 'save' | 'terminate' | 'kill';

interface Act {
  readonly type: string;
  readonly params: Readonly<Record<string, unknown>> | undefined;
}

interface AgentPart {
  chart: Standing;
  /** Ids of the deadlines that are armed, with their events. */
  deadlines: ReadonlyMap<string, EventObject>;
  /** `undefined`: none is there. */
  body:
    | { readonly isReady: boolean; readonly told: ReadonlySet<Told>; readonly incarnation: number }
    | undefined;
  /** A task is at work. */
  isBusy: boolean;
  /** Its mailbox has to tell when nothing runs any more. */
  tells: 'idle' | 'rested' | undefined;
  isWatched: boolean;
  /** It takes part in rounds. */
  isVoter: boolean;
  /** Somebody asked it to end for good, and nobody has started it since. */
  isUnwanted: boolean;
  /** Its vote on its way to a round, with the incarnation that gave it. */
  vote: { readonly incarnation: number; readonly isOfThisRound: boolean } | undefined;
}

interface Ballot {
  readonly incarnation: number;
  readonly answer: 'accept' | 'reject' | undefined;
  readonly hasLeft: boolean;
}

interface RoundPart {
  chart: Standing;
  isTakingVotes: boolean;
  deadlines: ReadonlyMap<string, EventObject>;
  ballots: ReadonlyMap<number, Ballot>;
}

export interface World {
  agents: AgentPart[];
  supervisor: Standing;
  coordinator: Standing;
  /** Who has a permit, and who waits for one, first come first. */
  holders: ReadonlySet<number>;
  queue: readonly number[];
  round: RoundPart | undefined;
  left: number;
}

export class Broken extends Error {
  override readonly name = 'Broken';
}

/** An event with what it says. */
type Said = EventObject & Readonly<Record<string, unknown>>;

export type Move = readonly [name: string, agent?: number];

const AT = { at: 0, tick: 0 };
const ROUND = 'round';
const CHANCE = 0;

export class Composition {
  readonly #bounds: Bounds;
  readonly #charts: Charts;
  readonly #standings = new Map<string, Standing>();
  readonly #steps = new Map<string, Step>();
  readonly #terms = roundTerms.parse({ deadlineMs: 1_000 });
  /** Charts that take a step now, and what was sent to them meanwhile. */
  readonly #busy = new Map<string, EventObject[]>();
  #world!: World;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#charts = {
      agent: agentMachine,
      supervisor: supervisorMachine,
      coordinator: coordinatorMachine,
      ...bounds.charts,
    };
  }

  /** Steps of charts that were worked out: all others were the same again. */
  get distinctSteps(): number {
    return this.#steps.size;
  }

  first(): World {
    let world = this.#begin();
    if (this.#bounds.from === 'registered') return world;
    for (const n of world.agents.keys()) {
      world = this.take(world, ['start', n], true);
      world = this.take(world, ['ready', n], true);
    }
    return world;
  }

  #begin(): World {
    const { agents, permits, maxRestarts, disturbances } = this.#bounds;
    const spec = agentSpec.parse({
      module: {},
      restart: { policy: 'immediate', maxRestarts, withinMs: 60_000 },
    });
    const begin = (machine: AnyStateMachine, input: unknown): Standing =>
      this.#standing(machine, beginChart(machine, input as never).snapshot);
    const input = (n: number) => ({ id: `agent-${n}`, policy: lifePolicyOf(spec) });
    return {
      agents: Array.from({ length: agents }, () => ({
        // All the same: which is which is told by its place.
        chart: begin(this.#charts.agent, input(0)),
        deadlines: new Map(),
        body: undefined,
        isBusy: false,
        tells: undefined,
        isWatched: false,
        isVoter: false,
        isUnwanted: false,
        vote: undefined,
      })),
      supervisor: begin(this.#charts.supervisor, { maxConcurrentRestarts: permits }),
      coordinator: begin(this.#charts.coordinator, {
        maxOpenRounds: 1,
        recovery: restartPolicy.parse({ policy: 'delayed', maxRestarts: 100 }),
      }),
      holders: new Set(),
      queue: [],
      round: undefined,
      left: disturbances,
    };
  }

  /** What may happen next. `isFair`: only what comes by itself, sooner or later. */
  moves(world: World): { readonly move: Move; readonly isFair: boolean }[] {
    const moves: { move: Move; isFair: boolean }[] = [];
    const fair = (...move: Move) => moves.push({ move, isFair: true });
    const disturb = (...move: Move) => {
      if (world.left > 0) moves.push({ move, isFair: false });
    };
    for (const [n, agent] of world.agents.entries()) {
      const { legal } = positionAt(agent.chart.path);
      for (const command of ['start', 'stop', 'kill', 'pause', 'resume'] as const)
        if (legal.has(command)) disturb(command, n);
      if (legal.has('stop')) disturb('stop now', n);
      for (const id of agent.deadlines.keys()) {
        // That an agent has run for long is no matter of progress.
        if (!id.includes('maxRuntime')) fair(`due ${id}`, n);
      }
      const { body } = agent;
      if (body) {
        if (!body.isReady) fair('ready', n);
        if (body.told.has('save')) {
          fair('saved', n);
          disturb('save fails', n);
        }
        if (body.told.has('terminate')) fair('ends as told', n);
        if (body.told.has('kill')) fair('is dead', n);
        disturb('crashes', n);
        if (body.isReady && agent.isBusy) disturb('finishes for good', n);
        if (agent.isBusy) fair('work ends', n);
        else if (legal.has('execute') && body.isReady) disturb('work begins', n);
        if (agent.isWatched) {
          if (agent.chart.path.endsWith('unresponsive')) fair('health answers', n);
          disturb('health is missed', n);
        }
      }
      if (agent.vote) {
        fair('accepts', n);
        fair('rejects', n);
      }
    }
    const isThere = world.coordinator.path === 'available';
    if (isThere && world.round === undefined) disturb('propose');
    if (isThere) disturb('suspend');
    else disturb('resume coordination');
    if (world.round) for (const id of world.round.deadlines.keys()) fair(`round due ${id}`);
    return moves;
  }

  /** @throws Broken for an invariant that does not hold in it */
  take(world: World, [name, n = -1]: Move, isFair: boolean): World {
    this.#world = copyOf(world);
    this.#busy.clear();
    if (!isFair) this.#world.left -= 1;
    this.#perform(name, n);
    this.#judge();
    return this.#world;
  }

  /** Whether everybody rests, or serves, and nothing is under way. */
  isSettled({ agents, round, holders, queue }: World): boolean {
    return (
      round === undefined &&
      holders.size === 0 &&
      queue.length === 0 &&
      agents.every(({ chart: { path }, body, isBusy, vote }) =>
        body === undefined
          ? /^(registered|stopped|completed|crashed\.(awaitingOperator|gaveUp|leftDown))$/.test(path)
          : path.startsWith('alive.serving') &&
            !path.endsWith('unresponsive') &&
            !isBusy &&
            vote === undefined,
      )
    );
  }

  /** The same text for worlds that differ only in which agent is which. */
  key(world: World): string {
    const { agents } = world;
    const texts = agents.map((agent, n) => this.#textOf(world, agent, n));
    // Agents that wait stand in an order: it is part of what each is.
    return `${texts.toSorted().join(' ')} ${world.supervisor.id} ${world.coordinator.id} ${
      world.round
        ? `${world.round.chart.id}${world.round.isTakingVotes}${[...world.round.deadlines.keys()].join()}`
        : ''
    } ${world.left}`;
  }

  #textOf({ holders, queue, round }: World, agent: AgentPart, n: number): string {
    const { chart, deadlines, body, isBusy, tells, isWatched, isVoter, isUnwanted, vote } = agent;
    const ballot = round?.ballots.get(n);
    const now = incarnationOf(agent);
    return [
      chart.id,
      [...deadlines.keys()].toSorted().join(),
      body ? `${body.isReady}${[...body.told].toSorted().join()}` : '-',
      isBusy,
      tells,
      isWatched,
      isVoter,
      isUnwanted,
      vote ? `${vote.incarnation === now}${vote.isOfThisRound}` : '-',
      ballot ? `${ballot.incarnation === now}${ballot.answer}${ballot.hasLeft}` : '-',
      holders.has(n),
      queue.indexOf(n),
    ].join('.');
  }

  #perform(name: string, n: number): void {
    const world = this.#world;
    const agent = world.agents[n]!;
    const exit = (reason: unknown) => {
      agent.body = undefined;
      agent.isBusy = false;
      this.#toAgent(n, {
        type: 'xstate.done.actor.body',
        actorId: 'body',
        output: { reason, ...AT, chance: CHANCE },
      });
    };
    if (name.startsWith('due ')) return this.#due(n, name.slice(4));
    if (name.startsWith('round due ')) return this.#roundDue(name.slice(10));
    switch (name) {
      case 'start':
        agent.isUnwanted = false;
        return this.#toAgent(n, { type: 'agent.start', ...AT });
      case 'stop':
      case 'stop now':
        agent.isUnwanted = true;
        return this.#toAgent(n, {
          type: 'agent.stop',
          ...AT,
          ...(name === 'stop now' ? { timeoutMs: 0 } : {}),
        });
      case 'kill':
      case 'pause':
      case 'resume':
        return this.#toAgent(n, { type: `agent.${name}`, ...AT });
      case 'ready':
        agent.body = { ...agent.body!, isReady: true };
        return this.#toAgent(n, { type: 'body.ready', ...AT });
      case 'saved':
      case 'save fails':
        agent.body = { ...agent.body!, told: without(agent.body!.told, 'save') };
        return this.#toAgent(
          n,
          name === 'saved'
            ? { type: 'body.saved', ...AT }
            : { type: 'body.save_failed', ...AT, error: { name: 'Error', message: 'full' } },
        );
      case 'ends as told':
        return exit('shutdown');
      case 'is dead':
        return exit('killed');
      case 'crashes':
        return exit('out_of_memory');
      case 'finishes for good':
        return this.#toAgent(n, { type: 'body.finished', ...AT });
      case 'work begins':
        agent.isBusy = true;
        return this.#toAgent(n, { type: 'mailbox.busy' });
      case 'work ends': {
        agent.isBusy = false;
        const { tells } = agent;
        agent.tells = undefined;
        return this.#toAgent(n, { type: tells === 'rested' ? 'mailbox.rested' : 'mailbox.idle' });
      }
      case 'health is missed':
        return this.#toAgent(n, { type: 'health.missed', ...AT });
      case 'health answers':
        return this.#toAgent(n, { type: 'health.passed', ...AT, busy: agent.isBusy });
      case 'accepts':
      case 'rejects':
        return this.#voted(n, name === 'accepts' ? 'accept' : 'reject');
      case 'propose':
        return this.#propose();
      case 'suspend':
        return this.#toCoordinator({ type: 'coordination.suspend' });
      case 'resume coordination':
        return this.#toCoordinator({ type: 'coordination.resume' });
      default:
        throw new Error(`no such move: ${name}`);
    }
  }

  // Charts.

  #standing(machine: AnyStateMachine, plain: PlainSnapshot): Standing {
    const kept = canonical(machine, plain);
    const text = `${machine.id} ${JSON.stringify(kept, (_, value: unknown) => (value === Infinity ? 'Infinity' : value))}`;
    let standing = this.#standings.get(text);
    if (standing === undefined) {
      standing = { id: this.#standings.size, path: pathOf(machine.root, plain.value), plain: kept };
      this.#standings.set(text, standing);
    }
    return standing;
  }

  #step(machine: AnyStateMachine, from: Standing, event: EventObject): Step {
    const key = `${from.id} ${JSON.stringify(event)}`;
    let step = this.#steps.get(key);
    if (step === undefined) {
      const { snapshot, effects } = stepChart(machine, from.plain, event as never);
      if (snapshot.status === 'error') throw new Broken(`a bug of ${machine.id}: ${String(snapshot.error)}`);
      step = { to: this.#standing(machine, snapshot), effects };
      this.#steps.set(key, step);
    }
    return step;
  }

  /** One event is one step; what is sent to a chart in the middle of its effects waits until these are done. */
  #send(name: string, event: EventObject, take: (event: EventObject) => void): void {
    const waiting = this.#busy.get(name);
    if (waiting) {
      waiting.push(event);
      return;
    }
    const queue: EventObject[] = [event];
    this.#busy.set(name, queue);
    for (let at = 0; at < queue.length; at++) take(queue[at]!);
    this.#busy.delete(name);
  }

  #toAgent(n: number, event: Said | EventObject): void {
    this.#send(`agent ${n}`, event, (one) => {
      const agent = this.#world.agents[n]!;
      const { to, effects } = this.#step(this.#charts.agent, agent.chart, one);
      agent.chart = to;
      for (const effect of effects) this.#ofAgent(n, effect);
    });
  }

  #ofAgent(n: number, effect: PlainEffect): void {
    const agent = this.#world.agents[n]!;
    switch (effect.do) {
      case 'arm':
        if (effect.delayMs !== Infinity)
          agent.deadlines = withEntry(agent.deadlines, effect.id!, effect.event);
        return;
      case 'cancel':
        agent.deadlines = withoutEntry(agent.deadlines, effect.id);
        return;
      case 'spawn':
        if (agent.body) throw new Broken(`a body is opened for agent ${n}, and it has one`);
        if (agent.isUnwanted) throw new Broken(`agent ${n} starts, and was asked to end for good`);
        agent.body = { isReady: false, told: new Set(), incarnation: 0 };
        return;
      case 'perform':
        return this.#act(n, agent, effect.effect as Act);
      default:
    }
  }

  #act(n: number, agent: AgentPart, { type, params }: Act): void {
    const command = String(params?.['command']);
    switch (type) {
      case 'commandBody':
        if (agent.body) agent.body = { ...agent.body, told: new Set([...agent.body.told, command as Told]) };
        return;
      case 'commandMailbox':
        return this.#mailbox(n, agent, command);
      case 'watchHealth':
        agent.isWatched = command === 'watch';
        return;
      case 'handlePermit':
        return this.#permit(n, command);
      case 'announce':
        return this.#announced(n, agent, String(params?.['event']));
      default:
    }
  }

  #mailbox(n: number, agent: AgentPart, command: string): void {
    switch (command) {
      case 'abandon':
        agent.isBusy = false;
        agent.tells = undefined;
        return;
      case 'rest':
        if (agent.isBusy) agent.tells = 'rested';
        else this.#toAgent(n, { type: 'mailbox.rested' });
        return;
      case 'resume':
        agent.tells = undefined;
        return;
      default:
        agent.tells = 'idle';
        if (!agent.isBusy) this.#toAgent(n, { type: 'mailbox.idle' });
    }
  }

  #announced(n: number, agent: AgentPart, event: string): void {
    const { coordinator } = this.#world;
    if (event === 'agent.started') {
      agent.isVoter = true;
      // One that starts while coordination is away is told that it is.
      if (coordinator.path !== 'available' && this.#knowsCoordination(agent))
        throw new Broken(`agent ${n} runs as if coordination were there`);
    } else if (/^agent\.(stopping|stopped|completed|crashed)$/.test(event)) this.#retire(n, agent);
  }

  #knowsCoordination({ chart }: AgentPart): boolean {
    return (chart.plain.context as { isCoordinated: boolean }).isCoordinated;
  }

  // Permits.

  #permit(n: number, command: string): void {
    const world = this.#world;
    if (command === 'request') {
      const isFirst = world.holders.size === 0;
      return this.#toSupervisor({ type: 'permit.requested', agentId: String(n), isFirst });
    }
    if (command === 'release') {
      if (!world.holders.has(n)) return;
      world.holders = without(world.holders, n);
      const isOwed = world.holders.size === 0 && world.queue.length > 0;
      return this.#toSupervisor({ type: 'permit.released', ...(isOwed ? { owedTo: 'all' } : {}) });
    }
    if (!world.queue.includes(n)) return;
    world.queue = world.queue.filter((one) => one !== n);
    this.#toSupervisor({ type: 'permit.withdrawn' });
  }

  #toSupervisor(event: Said): void {
    this.#send('supervisor', event, (one) => {
      const world = this.#world;
      const { to, effects } = this.#step(this.#charts.supervisor, world.supervisor, one);
      world.supervisor = to;
      for (const effect of effects) {
        if (effect.do !== 'perform') continue;
        const { type, params } = effect.effect as { type: string; params: { agentId?: string } };
        if (type === 'grantPermit') this.#grant(Number(params.agentId));
        else if (type === 'enqueue') world.queue = [...world.queue, Number(params.agentId)];
        else if (type === 'grantNextPermit') {
          const [next, ...others] = world.queue;
          if (next === undefined) throw new Broken('a permit is granted to the next, and nobody waits');
          world.queue = others;
          this.#grant(next);
        }
      }
    });
  }

  #grant(n: number): void {
    if (this.#world.holders.has(n)) throw new Broken(`agent ${n} is given a second permit`);
    this.#world.holders = new Set([...this.#world.holders, n]);
    this.#toAgent(n, { type: 'permit.granted', ...AT });
  }

  // Coordination.

  #propose(): void {
    const voters = [...this.#world.agents.entries()].filter(
      ([, { isVoter, chart }]) => isVoter && isRunning(chart),
    );
    const round = { roundId: ROUND, terms: this.#terms, voters: voters.length, weight: voters.length };
    // Known before the chart begins: it asks at once.
    this.#electorate = new Map(
      voters.map(([n, agent]) => [
        n,
        { incarnation: incarnationOf(agent), answer: undefined, hasLeft: false },
      ]),
    );
    this.#toCoordinator({ type: 'round.requested', round });
  }

  #electorate: ReadonlyMap<number, Ballot> = new Map();

  #toCoordinator(event: Said): void {
    this.#send('coordinator', event, (one) => {
      const world = this.#world;
      const { to, effects } = this.#step(this.#charts.coordinator, world.coordinator, one);
      world.coordinator = to;
      for (const effect of effects) {
        if (effect.do === 'spawn') this.#openRound(effect.input);
        else if (effect.do === 'stop') world.round = undefined;
        else if (effect.do === 'send') this.#toRound(effect.event);
        else if (effect.do === 'perform') {
          const { type } = effect.effect;
          if (type !== 'announceAway' && type !== 'announceBack') continue;
          const event = { type: type === 'announceAway' ? 'coordination.lost' : 'coordination.restored' };
          for (const n of world.agents.keys()) this.#toAgent(n, event);
        }
      }
    });
  }

  #openRound(input: unknown): void {
    const world = this.#world;
    if (world.round) throw new Broken('a round is opened, and one is open');
    // Votes on their way are of another round from now on.
    for (const agent of world.agents) agent.vote &&= { ...agent.vote, isOfThisRound: false };
    const { snapshot, effects } = beginChart(consensusMachine, input as never);
    const chart = this.#standing(consensusMachine, snapshot);
    world.round = { chart, isTakingVotes: true, deadlines: new Map(), ballots: this.#electorate };
    for (const effect of effects) this.#ofRound(effect);
    this.#roundEnded(snapshot);
  }

  #toRound(event: Said | EventObject): void {
    this.#send('round', event, (one) => {
      const { round } = this.#world;
      if (round === undefined) return;
      const { to, effects } = this.#step(consensusMachine, round.chart, one);
      round.chart = to;
      if (to.path !== 'voting') round.isTakingVotes = false;
      for (const effect of effects) this.#ofRound(effect);
      this.#roundEnded(to.plain);
    });
  }

  #ofRound(effect: PlainEffect): void {
    const round = this.#world.round!;
    if (effect.do === 'arm') round.deadlines = withEntry(round.deadlines, effect.id!, effect.event);
    else if (effect.do === 'cancel') round.deadlines = withoutEntry(round.deadlines, effect.id);
    else if (effect.do === 'perform' && effect.effect.type === 'askVoters') {
      for (const [n, { incarnation }] of round.ballots)
        this.#world.agents[n]!.vote = { incarnation, isOfThisRound: true };
    }
  }

  #roundEnded({ status, output }: PlainSnapshot): void {
    if (status !== 'done') return;
    this.#toCoordinator({ type: `xstate.done.actor.${ROUND}`, actorId: ROUND, output });
  }

  #voted(n: number, answer: 'accept' | 'reject'): void {
    const { agents, round } = this.#world;
    const agent = agents[n]!;
    const { incarnation, isOfThisRound } = agent.vote!;
    agent.vote = undefined;
    if (round === undefined || !isOfThisRound) return;
    const ballot = round.ballots.get(n);
    if (decideBallot(round.isTakingVotes, ballot, incarnation) !== undefined) return;
    if (incarnation !== incarnationOf(agent) || !agent.isVoter)
      throw new Broken(`a vote of agent ${n} counts, and the incarnation that gave it has ended`);
    round.ballots = withEntry(round.ballots, n, { ...ballot!, answer });
    const cast = { accept: 0, reject: 0, abstain: 0, failed: 0, [answer]: 1 };
    this.#toRound({ type: 'ballots.counted', ballots: { voters: cast, weight: cast } });
  }

  #retire(n: number, agent: AgentPart): void {
    if (!agent.isVoter) return;
    agent.isVoter = false;
    const { round } = this.#world;
    const ballot = round?.ballots.get(n);
    if (round === undefined || ballot === undefined || ballot.hasLeft || !round.isTakingVotes) return;
    if (ballot.incarnation !== incarnationOf(agent)) return;
    round.ballots = withEntry(round.ballots, n, { ...ballot, hasLeft: true });
    this.#toRound({ type: 'voter.left', weight: 1, answer: ballot.answer });
  }

  // Deadlines.

  #due(n: number, id: string): void {
    const agent = this.#world.agents[n]!;
    const event = agent.deadlines.get(id)!;
    agent.deadlines = withoutEntry(agent.deadlines, id);
    this.#toAgent(n, event);
  }

  #roundDue(id: string): void {
    const round = this.#world.round!;
    const event = round.deadlines.get(id)!;
    round.deadlines = withoutEntry(round.deadlines, id);
    this.#toRound(event);
  }

  // The invariants.

  #judge(): void {
    const { agents, supervisor, coordinator, holders, queue, round } = this.#world;
    const { restarting, waiting } = supervisor.plain.context as { restarting: number; waiting: number };
    if (restarting !== holders.size)
      throw new Broken(`${restarting} permits are out by the supervisor, ${holders.size} agents have one`);
    if (waiting !== queue.length)
      throw new Broken(`${waiting} wait by the supervisor, ${queue.length} agents do`);
    const { permits } = this.#bounds;
    if (holders.size > permits) throw new Broken(`${holders.size} permits are out, ${permits} may be`);
    if (queue.length > 0 && holders.size < permits) throw new Broken('an agent waits, and a permit is free');
    for (const [n, { chart, body }] of agents.entries()) {
      const { path } = chart;
      const { startedFrom } = chart.plain.context as { startedFrom: string };
      const isRestarting = path.startsWith('alive.starting') && startedFrom === 'restart';
      if (holders.has(n) !== isRestarting)
        throw new Broken(`agent ${n} is ${path}, and has ${holders.has(n) ? 'a' : 'no'} permit`);
      if (queue.includes(n) !== (path === 'crashed.queued'))
        throw new Broken(
          `agent ${n} is ${path}, and ${queue.includes(n) ? 'waits' : 'does not wait'} for a permit`,
        );
      if (path.startsWith('alive') !== (body !== undefined))
        throw new Broken(`agent ${n} is ${path}, and has ${body ? 'a' : 'no'} body`);
      const isThere = coordinator.path === 'available';
      if (this.#knowsCoordination(agents[n]!) !== isThere)
        throw new Broken(`agent ${n} takes coordination to be ${isThere ? 'away' : 'there'}`);
      if (/serving\.running\.(coordinated|fallback)/.test(path) && path.includes('fallback') === isThere)
        throw new Broken(`agent ${n} is ${path}, and coordination is ${coordinator.path}`);
    }
    if (round && coordinator.path !== 'available')
      throw new Broken(`a round is open, and coordination is ${coordinator.path}`);
    const { rounds } = coordinator.plain.context as { rounds: readonly string[] };
    if (rounds.length !== (round ? 1 : 0)) throw new Broken('the coordinator and its rounds differ');
  }
}

/** What decides over the next step; times, and numbers that only grow, are all the same. */
function canonical(machine: AnyStateMachine, plain: PlainSnapshot): PlainSnapshot {
  if (machine.id !== 'agent') return plain;
  const context = plain.context as {
    readonly history: { readonly recent: readonly number[] };
    readonly restarts: number;
  } & Record<string, unknown>;
  const kept = {
    ...context,
    restarts: 0,
    startedAt: undefined,
    endedAt: undefined,
    restartAt: undefined,
    history: { recent: context.history.recent.map(() => 0), attempt: 0 },
  };
  return { ...plain, context: kept as never };
}

function incarnationOf({ chart }: AgentPart): number {
  return (chart.plain.context as { incarnation: number }).incarnation;
}

function isRunning({ path }: Standing): boolean {
  return path.startsWith('alive.serving.running');
}

function copyOf(world: World): World {
  return {
    ...world,
    agents: world.agents.map((agent) => ({ ...agent })),
    round: world.round && { ...world.round },
  };
}

function without<Value>(set: ReadonlySet<Value>, value: Value): ReadonlySet<Value> {
  const others = new Set(set);
  others.delete(value);
  return others;
}

function withEntry<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  key: Key,
  value: Value,
): ReadonlyMap<Key, Value> {
  return new Map(map).set(key, value);
}

function withoutEntry<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> {
  const others = new Map(map);
  others.delete(key);
  return others;
}
