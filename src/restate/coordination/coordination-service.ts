/**
 * What concerns many agents at once: a value that changes, and a round. Each goes out once per node.
 *
 * Owns nothing: values are kept by the variables object, and outcomes come from the shipped round chart, by pure steps.
 *
 * I1  It always ends: if a node does not answer in time, its agents count as silent.
 * I2  A round is bound to the version that it was opened on, and to coordination: if either goes, the round is cut off.
 * I3  A node that was not told of a change hears of that with its next sign of life, and asks for the values itself.
 * I4  One vote of each incarnation counts, and none of an incarnation that was not in the electorate.
 */
import { keyless } from '../engine/handlers.ts';
import { type Context, RestatePromise, service } from '@restatedev/restate-sdk';
import {
  type ConsensusOutput,
  consensusMachine,
  type RoundCut,
  type RoundTerms,
  type Tally,
  weightOf,
} from '../../machines/index.ts';
import type { OpenRound } from '../../runtime/coordination/rounds/consensus.ts';
import { BallotBox } from '../../runtime/coordination/rounds/ballot-box.ts';
import type { Decision } from '../../runtime/coordination/rounds/proposal.ts';
import { tallyForPeople } from '../../runtime/coordination/rounds/outcomes.ts';
import type { Confirmation } from '../../runtime/coordination/variables/topic.ts';
import type { VariableRecord } from '../../runtime/coordination/variables/variables.ts';
import type { Proposal } from '../../runtime/definition/contexts.ts';
import { countsFor } from '../../runtime/engine/interpreted-counts.ts';
import { beginChart, type PlainSnapshot, type PlainStep, stepChart } from '../../runtime/engine/pure-step.ts';
import type { VariableState } from '../../runtime/hosting/host.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import type { Answer } from '../engine/call-answer.ts';
import { call, send, tellEvents, toLeader, toNodes, toVariables } from '../engine/calls.ts';
import type { SeatedLeader } from './leader-object.ts';
import type { CastBallot, SpreadAnswer, Voice, VoteAnswer } from './fan-out.ts';
import { COORDINATION, nodeOf, type Turned } from '../engine/names.ts';
import type { SeatedVoter } from '../nodes/nodes-object.ts';
import type { NodeEntry } from '../nodes/placement.ts';
import { fleetOptions } from '../engine/service-options.ts';
import type { RoundStanding } from './open-rounds.ts';
import type { AskedOpening, Change, Defined, Enactment } from './variables-object.ts';
import { wire, wireOf } from '../engine/wire.ts';

/** How much longer than its agents a node may take, ms. */
const NODE_GRACE_MS = 1_000;

export interface AskedChange extends Change {
  /** How long to wait for `sync` agents. */
  readonly timeoutMs: number;
}

export interface AskedRound {
  readonly variable: string;
  readonly value: unknown;
  readonly terms: RoundTerms;
  readonly by: string;
  readonly why?: string | undefined;
}

/** How a proposal ended, and whether its proposer's fallback function is to be asked now. */
export interface Decided {
  readonly decision: Decision;
  readonly isConsulted: boolean;
}

/** One node's answer; `value` is `undefined` when it gave none in time. */
interface Told<Value> {
  readonly node: string;
  readonly value: Value | undefined;
}

type Draft = Extract<SystemEvent, { type: 'round.opened' | 'round.voted' | 'round.closed' }>;
type Body = Draft extends infer Event ? (Event extends Draft ? Omit<Event, 'sequence'> : never) : never;

/** Asks a node once, and waits no longer than `timeoutMs`. */
function askNode<Value>(
  ctx: Context,
  node: string,
  what: string,
  parameter: unknown,
  timeoutMs: number,
): RestatePromise<Told<Value>> {
  return ctx
    .genericCall<unknown, Value>({
      service: nodeOf(node),
      method: 'serve',
      parameter: { what, parameter },
      inputSerde: wire,
      outputSerde: wireOf<Value>(),
    })
    .orTimeout(Math.min(timeoutMs + NODE_GRACE_MS, 2 ** 31))
    .map((value) => ({ node, value }));
}

/** Takes each answer as it comes. Ends early once `take` wants no more, or when the round is cut off. */
async function eachAnswer<Value>(
  asked: ReadonlyMap<string, RestatePromise<Told<Value>>>,
  take: (told: Told<Value>) => boolean,
  cut?: RestatePromise<Cut>,
): Promise<Cut | undefined> {
  const open = new Map<string, RestatePromise<Told<Value> | Cut>>(asked);
  while (open.size > 0) {
    const all = [...open.values()];
    const told = await RestatePromise.race(cut === undefined ? all : [cut, ...all]);
    if ('cut' in told) return told;
    open.delete(told.node);
    if (!take(told)) return undefined;
  }
  return undefined;
}

/** Cuts a round off. */
interface Cut {
  readonly cut: RoundCut;
}

/** @param known nodes that are told before it is known which there are: those that are no more are not waited for */
async function spread(
  ctx: Context,
  variable: VariableState,
  timeoutMs: number,
  known: Iterable<string> = [],
): Promise<Confirmation> {
  const tell = (name: string) =>
    askNode<SpreadAnswer>(ctx, name, 'variable', { variable, timeoutMs }, timeoutMs);
  const told = new Map([...known].map((name) => [name, tell(name)]));
  const nodes = await call<readonly NodeEntry[]>(ctx, toNodes('list'), null);
  const asked = new Map(nodes.map(({ name }) => [name, told.get(name) ?? tell(name)]));
  const acknowledged: string[] = [];
  const outOfDate: string[] = [];
  const silent = new Set<string>();
  await eachAnswer(asked, ({ node, value }) => {
    if (value === undefined) silent.add(node);
    else {
      acknowledged.push(...value.acknowledged.map(({ agentId }) => agentId));
      outOfDate.push(...value.outOfDate.map(({ agentId }) => agentId));
    }
    return true;
  });
  if (silent.size > 0) {
    send(ctx, toNodes('missed'), { names: [...silent] });
    // Those that are on another node by now have begun with this value.
    const { name } = variable;
    const voters = await call<readonly SeatedVoter[]>(ctx, toNodes('voters'), { variable: name });
    outOfDate.push(...voters.filter(({ node }) => silent.has(node)).map(({ agentId }) => agentId));
  }
  return {
    version: variable.version,
    acknowledged: acknowledged.toSorted(),
    outOfDate: outOfDate.toSorted(),
  };
}

interface RoundRun {
  readonly output: ConsensusOutput;
  readonly electorate: readonly string[];
  readonly failed: readonly string[];
  /** Those of its voters. */
  readonly nodes: Iterable<string>;
}

/** A round, and the variable that it is held on. */
interface Opened {
  readonly roundId: string;
  readonly record: VariableRecord;
  readonly cut: RestatePromise<Cut>;
}

async function holdRound(
  ctx: Context,
  { variable, value, terms, by, why }: AskedRound,
  { roundId, record: { value: current }, cut }: Opened,
): Promise<RoundRun> {
  const seated = await call<readonly SeatedVoter[]>(ctx, toNodes('voters'), { variable });
  const voters = seated.filter(({ coordination }) => coordination.participatesInConsensus);
  const openedAt = await ctx.date.now();
  const deadlineAt = openedAt + terms.deadlineMs;
  const electorate = voters.map(({ agentId }) => agentId);
  const box = new BallotBox(
    voters.map(({ agentId, incarnation, coordination }) => ({
      agentId,
      incarnation,
      weight: weightOf(coordination.voteWeight),
    })),
  );
  const events: (Body & { at: number })[] = [
    {
      type: 'round.opened',
      at: openedAt,
      roundId,
      variable,
      value,
      by,
      ...(why === undefined ? {} : { why }),
      terms,
      electorate,
      deadlineAt,
    },
  ];
  const stands = (standing: Omit<RoundStanding, 'roundId'>): void =>
    send(ctx, toVariables('roundStands'), { roundId, ...standing } satisfies RoundStanding);
  const leader = needsLeader(terms) ? await call<SeatedLeader | null>(ctx, toLeader('lead'), null) : null;
  const input = { roundId, terms, voters: box.size, weight: box.weight, term: leader?.term };
  const chart = new RoundAtWork(beginChart(consensusMachine, input, ROUND_COUNTS));
  const proposal = { roundId, variable, value, current, deadlineAt, as: 'voter' as const };
  stands({
    variable,
    value,
    phase: 'voting',
    openedAt,
    deadlineAt,
    tally: tallyForPeople(chart.tally),
    electorate,
    stillOut: electorate,
  });
  const nodes = new Map<string, Voice[]>();
  for (const { node, agentId, incarnation } of voters) {
    const ofNode = nodes.get(node) ?? [];
    ofNode.push({ agentId, incarnation });
    nodes.set(node, ofNode);
  }
  const { deadlineMs: timeoutMs } = terms;
  const asked = new Map(
    [...nodes].map(([node, ofNode]) => [
      node,
      askNode<VoteAnswer>(ctx, node, 'round', { proposal, electorate: ofNode, timeoutMs }, timeoutMs),
    ]),
  );
  if (chart.isVoting) {
    const ended = await eachAnswer(
      asked,
      ({ value: answer }) => {
        if (answer !== undefined) {
          for (const ballot of answer.ballots) events.push(votedEvent(roundId, ballot, openedAt));
          count(box, answer, (event) => chart.send(event));
        }
        if (chart.isVoting) stands({ tally: tallyForPeople(chart.tally), stillOut: box.stillOut() });
        return chart.isVoting;
      },
      cut,
    );
    if (ended !== undefined) chart.cut(ended);
  }
  // Every voter has answered or ended, or the deadline has passed.
  if (chart.isVoting) chart.timeOut();
  box.close();
  if (chart.isOpen) stands({ phase: chart.phase, tally: tallyForPeople(chart.tally), stillOut: [] });
  await askLeaders(ctx, { chart, box, leader, proposal, timeoutMs, cut }, events);
  tellEvents(ctx, { events });
  return { output: chart.output!, electorate, failed: box.failed(), nodes: nodes.keys() };
}

interface Appeal {
  readonly chart: RoundAtWork;
  readonly box: BallotBox;
  readonly leader: SeatedLeader | null;
  readonly proposal: Proposal;
  readonly timeoutMs: number;
  readonly cut: RestatePromise<Cut>;
}

/** The leader decides, where the votes leave that to it: the one that there is, and who follows it meanwhile. */
async function askLeaders(
  ctx: Context,
  { chart, box, leader, proposal, timeoutMs, cut }: Appeal,
  events: (Body & { at: number })[],
): Promise<void> {
  if (!chart.isOpen) return;
  const deadlineAt = (await ctx.date.now()) + timeoutMs;
  let asked = leader;
  while (chart.isOpen) {
    if (asked === null) {
      chart.send({ type: 'leader.changed', term: undefined });
      continue;
    }
    const { agentId, incarnation, term, node } = asked;
    const voted = box.answerOf(agentId, incarnation);
    // The leader has already answered as a voter.
    if (voted === 'accept' || voted === 'reject') {
      chart.send({ type: 'leader.ruled', term, answer: voted });
      continue;
    }
    const leftMs = deadlineAt - (await ctx.date.now());
    const question = {
      proposal: {
        ...proposal,
        roundId: `${proposal.roundId}/term-${term}`,
        deadlineAt,
        as: 'leader' as const,
      },
      electorate: [{ agentId, incarnation }],
      timeoutMs: Math.max(0, leftMs),
    };
    const asking = leftMs <= 0 ? undefined : askNode<VoteAnswer>(ctx, node, 'round', question, leftMs);
    const told = asking && (await RestatePromise.race([cut, asking]));
    if (told !== undefined && 'cut' in told) {
      chart.cut(told);
      continue;
    }
    const [ballot] = told?.value?.ballots ?? [];
    if (ballot !== undefined) {
      events.push({ ...votedEvent(proposal.roundId, ballot, await ctx.date.now()), term });
      chart.send({ type: 'leader.ruled', term, answer: ballot.answer });
      continue;
    }
    const next = leftMs <= 0 ? asked : await call<SeatedLeader | null>(ctx, toLeader('lead'), null);
    // The same leader is still there, and has not answered in time.
    if (next !== null && next.term === term) chart.timeOut();
    else {
      asked = next;
      chart.send({ type: 'leader.changed', term: next?.term });
    }
  }
}

function needsLeader({ tie, fallback }: RoundTerms): boolean {
  return tie === 'leader' || fallback === 'leader_decides';
}

const ROUND_COUNTS = countsFor(consensusMachine);
type RoundEvent = Parameters<typeof stepChart<typeof consensusMachine>>[2];

/** The chart of one round, between whose steps its deadline is known. */
class RoundAtWork {
  #life: PlainSnapshot<typeof consensusMachine>;
  #deadline: { readonly type: string } | undefined;

  constructor(begun: PlainStep<typeof consensusMachine>) {
    this.#life = begun.snapshot;
    this.#note(begun);
  }

  get isOpen(): boolean {
    return this.#life.status === 'active';
  }

  get isVoting(): boolean {
    return this.isOpen && this.#life.value === 'voting';
  }

  /** What the round waits for: votes, or the leader's answer. */
  get phase(): OpenRound['phase'] {
    return this.#life.value as OpenRound['phase'];
  }

  get tally(): Tally {
    return this.#life.context.tally;
  }

  get output(): ConsensusOutput | undefined {
    return this.#life.output;
  }

  send(event: RoundEvent): void {
    const step = stepChart(consensusMachine, this.#life, event, ROUND_COUNTS);
    this.#life = step.snapshot;
    this.#note(step);
  }

  /** Ends the round as it stands, for that reason. */
  cut({ cut: why }: Cut): void {
    this.send({ type: 'round.cut', why });
  }

  /** Takes the deadline of what the round waits for. */
  timeOut(): void {
    this.send(this.#deadline as RoundEvent);
  }

  #note({ effects }: PlainStep<typeof consensusMachine>): void {
    for (const effect of effects) if (effect.do === 'arm') this.#deadline = effect.event;
  }
}

function votedEvent(roundId: string, { agentId, incarnation, answer, error }: CastBallot, at: number) {
  const voted = { type: 'round.voted' as const, at, roundId, agentId, incarnation, vote: answer };
  return error === undefined ? voted : { ...voted, error };
}

function count(box: BallotBox, { ballots, left }: VoteAnswer, send: (event: RoundEvent) => void): void {
  const voters = { accept: 0, reject: 0, abstain: 0, failed: 0 };
  const weight = { ...voters };
  for (const { agentId, incarnation, answer } of ballots) {
    const taken = box.take(agentId, incarnation, answer);
    if (typeof taken !== 'number') continue;
    voters[answer] += 1;
    weight[answer] += taken;
  }
  for (const { agentId, incarnation } of left) {
    const departure = box.leave(agentId, incarnation);
    if (departure !== undefined) send({ type: 'voter.left', ...departure });
  }
  if (ballots.length > 0) send({ type: 'ballots.counted', ballots: { voters, weight } });
}

async function propose(ctx: Context, asked: AskedRound): Promise<Answer<Decided>> {
  const { variable, value, terms } = asked;
  const attempts = typeof terms.fallback === 'object' ? terms.fallback.retry + 1 : 1;
  let last: Decision | undefined;
  for (let rounds = 1; ; rounds++) {
    const roundId = `round-${ctx.rand.uuidv4()}`;
    const { id: token, promise } = ctx.awakeable<RoundCut>(wireOf<RoundCut>());
    const opening: AskedOpening = { roundId, variable, token, value };
    const known = await call<Answer<VariableRecord>>(ctx, toVariables('openRound'), opening);
    if ('refusal' in known) {
      if (last === undefined) return known;
      // A proposal that already had a round ends as that round did.
      const { code, message } = known.refusal;
      const decision = code === 'VARIABLE_INVALID' ? { ...last, problem: message } : last;
      return { value: { decision, isConsulted: false } };
    }
    const record = known.value!;
    const cut = promise.map((why): Cut => ({ cut: why! }));
    const run = await holdRound(ctx, asked, { roundId, record, cut });
    const { decision, next } = await conclude(ctx, asked, { ...run, roundId, record, rounds });
    if (next === 'custom') return { value: { decision, isConsulted: true } };
    if (next !== 'retry' || rounds >= attempts) return { value: { decision, isConsulted: false } };
    last = decision;
  }
}

interface EndedRound extends RoundRun {
  readonly roundId: string;
  readonly record: VariableRecord;
  readonly rounds: number;
}

/** Ends a round, and puts its value into force if it was accepted. Returns what is left to do about the proposal. */
async function conclude(
  ctx: Context,
  { variable, value, by, why, terms }: AskedRound,
  { output, electorate, failed, nodes, roundId, record, rounds }: EndedRound,
): Promise<{ readonly decision: Decision; readonly next: ConsensusOutput['next'] }> {
  let { outcome, cut, next } = output;
  let changed: VariableRecord | undefined;
  let problem: string | undefined;
  if (!output.isEnacted) send(ctx, toVariables('closeRound'), { roundId });
  else {
    const how = output.decidedBy === 'leader' ? 'decided by the leader' : outcome;
    const reason = `${how} in ${roundId}${why === undefined ? '' : `: ${why}`}`;
    const enactment: Enactment = { name: variable, value, by, why: reason, roundId, after: record.version };
    const answer = await call<Answer<VariableRecord | null>>(ctx, toVariables('enact'), enactment);
    if ('refusal' in answer) problem = answer.refusal.message;
    else changed = answer.value ?? undefined;
    if (changed === undefined) {
      const isAway = 'refusal' in answer && answer.refusal.code === 'COORDINATION_UNAVAILABLE';
      outcome = 'expired';
      cut = isAway ? 'coordination_lost' : 'superseded';
      next = isAway ? 'nothing' : nextOf(terms);
    }
  }
  const { decidedBy } = output;
  const result = {
    outcome,
    tally: tallyForPeople(output.tally),
    decidedBy,
    ...(cut === undefined ? {} : { cut }),
  };
  const at = changed?.updatedAt ?? (await ctx.date.now());
  tellEvents(ctx, { events: [{ type: 'round.closed', at, roundId, variable, ...result }] });
  const decision = {
    roundId,
    electorate,
    failed,
    rounds,
    ...result,
    ...(problem === undefined ? {} : { problem }),
  };
  if (changed === undefined) return { decision, next };
  const { version } = changed;
  await spread(ctx, { name: variable, value: changed.value, version }, terms.deadlineMs, nodes);
  return { decision: { ...decision, version }, next: 'nothing' };
}

/** What is left to do about a proposal that was accepted too late. */
function nextOf({ fallback }: RoundTerms): ConsensusOutput['next'] {
  if (typeof fallback === 'object') return 'retry';
  return fallback === 'custom' ? 'custom' : 'nothing';
}

export const coordinationService = service({
  name: COORDINATION,
  handlers: {
    /** Makes a variable known, and has every node told of its first value; waits for no agent. */
    define: keyless(
      { input: wire, output: wire },
      async (ctx: Context, given: unknown): Promise<Answer<VariableRecord>> => {
        const defined = await call<Answer<Defined>>(ctx, toVariables('define'), given);
        if ('refusal' in defined) return defined;
        const { record, isNew } = defined.value!;
        const { name, value, version } = record;
        if (isNew) await spread(ctx, { name, value, version }, 0);
        return { value: record };
      },
    ),
    /** Gives a variable its next version, and tells every agent that declared it. */
    set: keyless(
      { input: wire, output: wire },
      async (ctx: Context, given: unknown): Promise<Answer<Confirmation>> => {
        const { timeoutMs, ...change } = given as AskedChange;
        const changed = await call<Answer<VariableRecord>>(ctx, toVariables('change'), change);
        if ('refusal' in changed) return changed;
        const { name, value, version } = changed.value!;
        return { value: await spread(ctx, { name, value, version }, timeoutMs) };
      },
    ),
    propose: keyless({ input: wire, output: wire }, (ctx: Context, given: unknown) =>
      propose(ctx, given as AskedRound),
    ),
    /** Takes coordination away, or brings it back, and has everybody told who has a place on a node. */
    turn: keyless({ input: wire, output: wire }, async (ctx: Context, given: unknown): Promise<Turned> => {
      const turned = await call<Turned>(ctx, toVariables('turn'), given);
      await call(ctx, toNodes('coordinate'), turned);
      return turned;
    }),
  },
  options: fleetOptions,
});
