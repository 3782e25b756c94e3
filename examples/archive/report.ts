/** Turns what was measured into a page of plain text. Pure. */
import { tellingWords } from './addresses.ts';
import { type Done, type FleetDone, TROUBLE } from './run.ts';
import { TOPICS } from './reading.ts';

const LINES_SHOWN = 8;
const WHAT: Readonly<Record<keyof typeof TROUBLE, string>> = {
  hangs: 'a call that is never answered',
  loops: 'a model that calls one tool again and again',
  malformed: 'an answer that is no object',
  killed: 'a process killed with -9 in mid-task',
};

export interface Findings {
  readonly addresses: number;
  readonly fleet: FleetDone;
  readonly bare: Done & { readonly starts: number };
  /** The bare program on a day on which nothing fails. */
  readonly calm: Done;
}

export function reportOf(
  { addresses, fleet, bare, calm }: Findings,
  heading: (text: string) => string,
): string {
  const extra = (done: Done, year: number): string => {
    const more = (done.spent.get(year)?.tokens ?? 0) - (calm.spent.get(year)?.tokens ?? 0);
    return more > 0 ? `+${more}` : String(more);
  };
  const total = (done: Done): string =>
    `${done.tokens - calm.tokens > 0 ? '+' : ''}${done.tokens - calm.tokens}`;
  const digest = fleet.digest.split('\n');
  return [
    heading(`An index of ${addresses} addresses on the state of the Union`),
    ...digest.slice(0, LINES_SHOWN),
    ...(digest.length > LINES_SHOWN
      ? [`… and ${digest.length - LINES_SHOWN} more; published when ${fleet.answeredBy} said yes`]
      : []),
    '',
    heading('What each trouble cost, in tokens beyond those of a calm day'),
    row('', 'mabeam', 'bare'),
    ...(Object.keys(WHAT) as (keyof typeof TROUBLE)[]).map((trouble) =>
      row(
        `${TROUBLE[trouble]}: ${WHAT[trouble]}`,
        extra(fleet, TROUBLE[trouble]),
        extra(bare, TROUBLE[trouble]),
      ),
    ),
    row('all addresses together', total(fleet), total(bare)),
    '',
    heading('In all'),
    row('', 'mabeam', 'bare'),
    row('addresses read', String(fleet.entries.length), String(bare.entries.length)),
    row('of them as the archive says', String(rightOf(fleet)), String(rightOf(bare))),
    row('calls refused for the limit', String(fleet.refused), String(bare.refused)),
    row('tokens', String(fleet.tokens), String(bare.tokens)),
    row('seconds', seconds(fleet), seconds(bare)),
    row('programs or agents started again', String(fleet.crashes), String(bare.starts - 1)),
    '',
    `A calm day takes ${calm.tokens} tokens and ${seconds(calm)} s. Tasks of the fleet parked ${fleet.parks} times.`,
    `"bare" is the AI SDK alone: three workers in one process, its own retries, a limit of 5 s for an attempt, and a loop that starts it again.`,
  ].join('\n');
}

/** What is not as it should be. */
export function problemsOf({ addresses, fleet }: Findings): string[] {
  const problems: string[] = [];
  if (fleet.entries.length !== addresses) {
    problems.push(`the fleet has read ${fleet.entries.length} of ${addresses} addresses`);
  }
  for (const { year, topics } of fleet.entries) {
    if (String(topics) !== String(tellingWords(year, TOPICS))) problems.push(`${year} has the wrong topics`);
  }
  if (fleet.crashes !== 1) problems.push(`${fleet.crashes} agents crashed, expected the one that was killed`);
  return problems;
}

function row(what: string, mabeam: string, bare: string): string {
  return `  ${what.padEnd(56)}${mabeam.padStart(10)}${bare.padStart(10)}`;
}

function rightOf({ entries }: Done): number {
  return entries.filter(({ year, topics }) => String(topics) === String(tellingWords(year, TOPICS))).length;
}

function seconds({ ms }: Done): string {
  return (ms / 1_000).toFixed(1);
}
