/**
 * What concerns many agents at once: a value that changes, and a round. Each goes out once per node.
 *
 * Owns nothing: values are kept by the variables object, and outcomes come from the shipped round chart, by pure steps.
 *
 * I1  It always ends: if a node does not answer in time, its agents count as silent.
 * I2  A round is bound to the version that it was opened on: if that changes, the round expires.
 * I3  A node that was not told of a change hears of that with its next sign of life, and asks for the values itself.
 * I4  One vote of each incarnation counts, and none of an incarnation that was not in the electorate.
 */
import { type Context, RestatePromise, service } from '@restatedev/restate-sdk';
import { keyless } from '../engine/handlers.ts';
import { type ConsensusOutput, consensusMachine, type RoundTerms, weightOf } from '../../machines/index.ts';
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
import { call, send, tellEvents, toLeader, toNodes } from '../engine/calls.ts';
import type { SeatedLeader } from './leader-object.ts';
import type { CastBallot, SpreadAnswer, Voice, VoteAnswer } from './fan-out.ts';
import { COORDINATION, FLEET, nodeOf, VARIABLES } from '../engine/names.ts';
import type { SeatedVoter } from '../nodes/nodes-object.ts';
import type { NodeEntry } from '../nodes/placement.ts';
import { fleetOptions } from '../engine/service-options.ts';
import type { Change } from './variables-object.ts';
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

/** What one node gave, or that it gave nothing. */
interface Told<Value> {
  readonly node: string;
  readonly value: Value | undefined;
}

type Draft = Extract<SystemEvent, { type: 'round.opened' | 'round.voted' | 'round.closed' }>;
type Body = Draft extends infer Event ? (Event extends Draft ? Omit<Event, 'sequence'> : never) : never;

/** Asks a node for something, once, and no longer than that. */
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

/** Each answer as it comes; ends early when nobody wants more. */
async function eachAnswer<Value>(
  asked: ReadonlyMap<string, RestatePromise<Told<Value>>>,
  take: (told: Told<Value>) => boolean,
): Promise<void> {
  const open = new Map(asked);
  while (open.size > 0) {
    const told = await RestatePromise.race([...open.values()]);
    open.delete(told.node);
    if (!take(told)) return;
  }
}

async function spread(ctx: Context, variable: VariableState, timeoutMs: number): Promise<Confirmation> {
  const nodes = await call<readonly NodeEntry[]>(ctx, toNodes('list'), null);
  const asked = new Map(
    nodes.map(({ name }) => [
      name,
      askNode<SpreadAnswer>(ctx, name, 'variable', { variable, timeoutMs }, timeoutMs),
    ]),
  );
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
}

async function holdRound(
  ctx: Context,
  { variable, value, terms, by, why }: AskedRound,
  { value: current }: VariableRecord,
  roundId: string,
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
  const leader = needsLeader(terms) ? await call<SeatedLeader | null>(ctx, toLeader('lead'), null) : null;
  const input = { roundId, terms, voters: box.size, weight: box.weight, term: leader?.term };
  const chart = new RoundAtWork(beginChart(consensusMachine, input, ROUND_COUNTS));
  const proposal = { roundId, variable, value, current, deadlineAt, as: 'voter' as const };
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
    await eachAnswer(asked, ({ value: answer }) => {
      if (answer !== undefined) {
        for (const ballot of answer.ballots) events.push(votedEvent(roundId, ballot, openedAt));
        count(box, answer, (event) => chart.send(event));
      }
      return chart.isVoting;
    });
  }
  // All that could answer has, or its time is over.
  if (chart.isVoting) chart.timeOut();
  box.close();
  await askLeaders(ctx, { chart, box, leader, proposal, timeoutMs }, events);
  const output = chart.output!;
  events.push({
    type: 'round.closed',
    at: await ctx.date.now(),
    roundId,
    variable,
    outcome: output.outcome,
    tally: tallyForPeople(output.tally),
    decidedBy: output.decidedBy,
  });
  tellEvents(ctx, { events });
  return { output, electorate, failed: box.failed() };
}

interface Appeal {
  readonly chart: RoundAtWork;
  readonly box: BallotBox;
  readonly leader: SeatedLeader | null;
  readonly proposal: Proposal;
  readonly timeoutMs: number;
}

/** The leader decides, where the votes leave that to it: the one that there is, and who follows it meanwhile. */
async function askLeaders(
  ctx: Context,
  { chart, box, leader, proposal, timeoutMs }: Appeal,
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
    // It has said so as a voter.
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
    const told = leftMs <= 0 ? undefined : await askNode<VoteAnswer>(ctx, node, 'round', question, leftMs);
    const [ballot] = told?.value?.ballots ?? [];
    if (ballot !== undefined) {
      events.push({ ...votedEvent(proposal.roundId, ballot, await ctx.date.now()), term });
      chart.send({ type: 'leader.ruled', term, answer: ballot.answer });
      continue;
    }
    const next = leftMs <= 0 ? asked : await call<SeatedLeader | null>(ctx, toLeader('lead'), null);
    // It is there, and has not answered in time.
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

  get output(): ConsensusOutput | undefined {
    return this.#life.output;
  }

  send(event: RoundEvent): void {
    const step = stepChart(consensusMachine, this.#life, event, ROUND_COUNTS);
    this.#life = step.snapshot;
    this.#note(step);
  }

  /** The time of what it waits for is over. */
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

async function propose(ctx: Context, asked: AskedRound): Promise<Answer<Decision>> {
  const { variable, value, by, why, terms } = asked;
  const attempts = typeof terms.fallback === 'object' ? terms.fallback.retry + 1 : 1;
  for (let rounds = 1; ; rounds++) {
    const known = await call<Answer<{ record: VariableRecord }>>(ctx, of('get'), { name: variable });
    if ('refusal' in known) return known;
    const { record } = known.value!;
    const roundId = `round-${ctx.rand.uuidv4()}`;
    const { output, electorate, failed } = await holdRound(ctx, asked, record, roundId);
    const { outcome, decidedBy } = output;
    const decision = {
      roundId,
      outcome,
      tally: tallyForPeople(output.tally),
      electorate,
      failed,
      decidedBy,
      rounds,
    };
    if (output.isEnacted) {
      const change: Change = { name: variable, value, by, why, after: record.version };
      const changed = await call<Answer<VariableRecord>>(ctx, of('change'), change);
      if ('refusal' in changed) return { value: { ...decision, problem: changed.refusal.message } };
      const { version } = changed.value!;
      if (version !== record.version + 1) {
        return { value: { ...decision, outcome: 'expired', cut: 'superseded' } };
      }
      await spread(ctx, { name: variable, value: changed.value!.value, version }, terms.deadlineMs);
      return { value: { ...decision, version } };
    }
    if (output.next !== 'retry' || rounds >= attempts) return { value: decision };
  }
}

const of = (method: string) => ({ service: VARIABLES, key: FLEET, method });

export const coordinationService = service({
  name: COORDINATION,
  handlers: {
    /** Gives a variable its next version, and tells every agent that declared it. */
    set: keyless(
      { input: wire, output: wire },
      async (ctx: Context, given: unknown): Promise<Answer<Confirmation>> => {
        const { timeoutMs, ...change } = given as AskedChange;
        const changed = await call<Answer<VariableRecord>>(ctx, of('change'), change);
        if ('refusal' in changed) return changed;
        const { name, value, version } = changed.value!;
        return { value: await spread(ctx, { name, value, version }, timeoutMs) };
      },
    ),
    propose: keyless({ input: wire, output: wire }, (ctx: Context, given: unknown) =>
      propose(ctx, given as AskedRound),
    ),
  },
  options: fleetOptions,
});
