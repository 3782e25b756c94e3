/** `mabeam variables|rounds|pools|alerts`, and what changes them: `set`, `propose`, `resize`. */
import type {
  AlertList,
  PoolDetail,
  ShownPool,
  ShownRound,
  ShownVariable,
  VariableDetail,
} from '../../dashboard/protocol.ts';
import type { Alert } from '../../index.ts';
import { apiOf, type Call, type JsonOption, outJson, type UrlOptions } from '../call.ts';
import { type Console, plainText } from '../console.ts';
import { inShort } from '../event-line.ts';
import { CommandFailure } from '../failure.ts';
import { count, counted, duration, moment } from '../figures.ts';
import { part } from '../fleet-api.ts';
import { type Column, printTable } from '../table.ts';
import { valueFrom } from '../value-text.ts';

export type ListOptions = UrlOptions & JsonOption;

export async function variables(call: Call, name: string | undefined, options: ListOptions): Promise<void> {
  const api = apiOf(call, options);
  const { console } = call;
  if (name === undefined) {
    const { variables } = await api.get<{ readonly variables: readonly ShownVariable[] }>('variables');
    if (options.json) return outJson(console, variables);
    return list(console, variables, [
      { title: 'NAME', text: ({ name }) => name },
      { title: 'VALUE', text: ({ value }) => inShort(value), isFlexible: true },
      { title: 'VERSION', text: ({ version }) => String(version), align: 'right' },
      { title: 'KIND', text: ({ kind }) => kind ?? 'not defined here' },
      { title: 'CHANGED', text: ({ updatedAt }) => moment(updatedAt) },
      { title: 'OUT OF DATE', text: ({ outOfDate }) => count(outOfDate), align: 'right' },
    ]);
  }
  const detail = await api.get<VariableDetail>(`variables/${part(name)}`);
  if (options.json) return outJson(console, detail);
  list(console, detail.history, [
    { title: 'VERSION', text: ({ version }) => String(version), align: 'right' },
    { title: 'VALUE', text: ({ value }) => inShort(value), isFlexible: true },
    { title: 'CHANGED', text: ({ at }) => moment(at) },
    { title: 'BY', text: ({ by }) => by },
    { title: 'WHY', text: ({ why }) => why ?? '' },
  ]);
  const behind = detail.behind.map(({ agentId }) => agentId).join(', ');
  if (detail.outOfDate > 0) console.note(`${count(detail.outOfDate)} out of date: ${plainText(behind)}`);
}

export async function rounds(call: Call, options: ListOptions): Promise<void> {
  const { rounds } = await apiOf(call, options).get<{ readonly rounds: readonly ShownRound[] }>('rounds');
  if (options.json) return outJson(call.console, rounds);
  const now = Date.now();
  list(call.console, rounds, [
    { title: 'ROUND', text: ({ roundId }) => roundId },
    { title: 'VARIABLE', text: ({ variable }) => variable },
    { title: 'VALUE', text: ({ value }) => inShort(value), isFlexible: true },
    { title: 'BY', text: ({ by }) => by },
    {
      title: 'STATE',
      text: ({ phase, outcome, cut }) => (outcome ?? phase) + (cut === undefined ? '' : ` (${cut})`),
    },
    {
      title: 'VOTES',
      text: ({ tally, electorate }) => (tally === null ? '' : `${votesIn(tally)}, of ${electorate}`),
    },
    {
      title: 'ENDS',
      text: ({ closedAt, deadlineAt }) =>
        closedAt !== undefined
          ? moment(closedAt)
          : deadlineAt === undefined
            ? ''
            : `in ${duration(Math.max(0, deadlineAt - now))}`,
    },
  ]);
}

export async function pools(call: Call, name: string | undefined, options: ListOptions): Promise<void> {
  const api = apiOf(call, options);
  const { console } = call;
  if (name !== undefined) {
    const detail = await api.get<PoolDetail>(`pools/${part(name)}`);
    if (options.json) return outJson(console, detail);
    listPools(console, [detail]);
    console.out(`\nmembers: ${plainText(detail.memberIds.join(', '))}`);
    for (const { at, text } of detail.decisions.slice(-20)) {
      console.out(`${moment(at)}  ${plainText(text ?? '')}`);
    }
    return;
  }
  const { pools } = await api.get<{ readonly pools: readonly ShownPool[] }>('pools');
  if (options.json) return outJson(console, pools);
  listPools(console, pools);
}

export async function alerts(call: Call, options: ListOptions): Promise<void> {
  const { total, alerts } = await apiOf(call, options).get<AlertList>('alerts');
  const { console } = call;
  if (options.json) return outJson(console, alerts);
  if (total > 0) {
    list(console, alerts, [
      { title: 'SINCE', text: ({ raisedAt }: Alert) => moment(raisedAt) },
      { title: 'ALERT', text: ({ alert }) => alert },
      { title: 'OF', text: ({ agentId, pool }) => agentId ?? (pool === undefined ? '' : `pool ${pool}`) },
      { title: 'MESSAGE', text: ({ message }) => message, isFlexible: true },
    ]);
  }
  console.note(total === 0 ? 'no alert is raised' : `${count(total)} raised, newest first`);
}

export interface ChangeOptions extends ListOptions {
  readonly why?: string;
}

/** @param text JSON, or else the text itself */
export async function set(call: Call, name: string, text: string, options: ChangeOptions): Promise<void> {
  const { result } = await apiOf(call, options).act(`variables/${part(name)}`, {
    value: valueFrom(text),
    ...(options.why === undefined ? {} : { why: options.why }),
  });
  if (options.json) return outJson(call.console, result);
  const { version, outOfDate } = result as {
    readonly version: number;
    readonly outOfDate: readonly unknown[];
  };
  call.console.out(`${name}  version ${version}`);
  if (outOfDate.length > 0) call.console.note(`${counted(outOfDate.length, 'agent')} yet to hear of it`);
}

export interface ProposeOptions extends ChangeOptions {
  readonly rule?: string;
  readonly quorum?: number;
  readonly deadline?: number;
  readonly tie?: string;
}

/** Fails when the fleet did not accept. */
export async function propose(
  call: Call,
  name: string,
  text: string,
  options: ProposeOptions,
): Promise<void> {
  const { rule, quorum, deadline: deadlineMs, tie, why } = options;
  const terms = { rule, quorum, deadlineMs, tie, why };
  const given = Object.fromEntries(Object.entries(terms).filter(([, value]) => value !== undefined));
  const { result } = await apiOf(call, options).act('rounds', {
    variable: name,
    value: valueFrom(text),
    ...given,
  });
  const { roundId, outcome, tally } = result as Pick<ShownRound, 'roundId' | 'tally'> & {
    readonly outcome: string;
  };
  if (options.json) outJson(call.console, result);
  else {
    const votes = tally === null ? '' : `  ${votesIn(tally)}`;
    call.console.out(`${roundId}  ${outcome}${votes}`);
  }
  if (outcome !== 'accepted')
    throw new CommandFailure(`${name} stays as it was: ${outcome.replaceAll('_', ' ')}`);
}

export async function resize(call: Call, pool: string, size: number, options: ListOptions): Promise<void> {
  const { result } = await apiOf(call, options).act(`pools/${part(pool)}/size`, { size });
  if (options.json) return outJson(call.console, result);
  listPools(call.console, [result as ShownPool]);
}

function listPools(console: Console, pools: readonly ShownPool[]): void {
  list(console, pools, [
    { title: 'POOL', text: ({ name }) => name },
    { title: 'TYPE', text: ({ type }) => type },
    { title: 'STATUS', text: ({ status }) => status },
    { title: 'BOUNDS', text: ({ min, max }) => `${min} to ${max}` },
    number('WANTED', ({ wanted }) => wanted),
    number('LIVE', ({ live }) => live),
    number('BUSY', ({ live, idle }) => live - idle),
    number('DOWN', ({ down }) => down),
    number('WAITING', ({ waiting }) => waiting),
    { title: 'NOTE', text: ({ lastFailure }) => lastFailure ?? '', isFlexible: true },
  ]);
}

function number(title: string, of: (pool: ShownPool) => number): Column<ShownPool> {
  return { title, text: (pool) => count(of(pool)), align: 'right' };
}

function list<Row>(console: Console, rows: readonly Row[], columns: readonly Column<Row>[]): void {
  if (rows.length === 0) return console.note('none');
  printTable(console, rows, columns);
}

function votesIn({ voters: { accept, reject, abstain } }: NonNullable<ShownRound['tally']>): string {
  const abstained = abstain === 0 ? '' : `, ${abstain} abstained`;
  return `${accept} for, ${reject} against${abstained}`;
}
