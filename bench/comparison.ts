/**
 * Ours and the OTP reference's measurements, line by line: medians of all rounds, and their ratio.
 *
 * A ratio above 1 means that mabeam is ahead, whatever is compared. On a machine that does something else, too, the
 * ratio of CPU times says more than that of the clock.
 */
import { median, type Measurement } from './measurement.ts';
import type { FleetBenchName } from './fleets.ts';

/** Which measurement: its name, and with how many. */
export interface Which {
  readonly bench: string;
  readonly n: number;
}

/** One line of the table. */
export interface ComparedLine {
  readonly title: string;
  readonly unit: string;
  /** Whether the larger figure is ahead, as operations a second are, or the smaller, as bytes are. */
  readonly aheadIs: 'larger' | 'smaller';
  readonly ours: Which;
  readonly reference: Which;
  figure(of: Which, round: readonly Measurement[]): number | undefined;
  /** Whether CPU time and allocation say something here. */
  readonly isWork: boolean;
}

/** A program that both sides run. */
export interface Program {
  readonly name: FleetBenchName;
  readonly size: number;
  readonly rounds?: number;
}

export interface Comparison {
  readonly programs: readonly Program[];
  readonly lines: readonly ComparedLine[];
}

/** What both printed in each round. */
export interface Results {
  readonly ours: readonly (readonly Measurement[])[];
  readonly reference: readonly (readonly Measurement[])[];
}

export interface ComparedRow {
  readonly title: string;
  readonly unit: string;
  readonly ours: number;
  readonly reference: number;
  readonly ratio: number;
  /** The ratio of each round by itself: the lowest, the highest. */
  readonly ratios: readonly [number, number];
  /** CPU time of the thread that does the work, and of all of the program. OTP's one scheduler is nearly all of it. */
  readonly cpuUs?: { readonly thread: number; readonly program: number; readonly reference: number };
  readonly allocatedBytes?: number;
}

/** @param names which benches; all of them when it is empty */
export function comparisonOf(isQuick: boolean, names: readonly FleetBenchName[]): Comparison {
  const lives = isQuick ? 2_000 : 10_000;
  const fleets = isQuick ? [1_000, 10_000] : [1_000, 10_000, 100_000];
  const largest = fleets.at(-1)!;
  const tasks = isQuick ? 20_000 : 100_000;
  const members = 10_000;
  const crashes = isQuick ? 500 : 2_000;
  const killed = 1_000;
  const reads = isQuick ? 200_000 : 1_000_000;
  const first = firstOf(lives);
  const lifecycle = (title: string, bench: string, reference = bench) =>
    speed(title, { bench, n: lives }, { bench: reference, n: lives });

  const byHand = (title: string, bench: string, reference: string) =>
    speed(`by hand: ${title}`, { bench, n: tasks }, { bench: reference, n: tasks });

  const parts: Record<FleetBenchName, Comparison> = {
    lifecycle: {
      programs: [{ name: 'lifecycle', size: lives }],
      lines: [
        lifecycle(`lives, ${first}`, 'lifecycle_1client'),
        lifecycle('lives, steady', 'lifecycle_1client_steady', 'lifecycle_1client'),
        lifecycle('lives and forgotten, steady', 'lifecycle_1client_forgotten_steady', 'lifecycle_1client'),
        lifecycle(`lives, 64 clients, ${first}`, 'lifecycle_64clients'),
        lifecycle('lives, 64 clients, steady', 'lifecycle_64clients_steady', 'lifecycle_64clients'),
      ],
    },
    spawn: {
      programs: fleets.map((size) => ({ name: 'spawn', size })),
      lines: [
        ...fleets.flatMap((n) => {
          const title = `register and start, ${count(n)} agents`;
          const first = same(title, 'spawn_1client', n);
          // A collection takes longer than 1,000 steady starts: their figure would say whether there was one.
          return n === fleets[0] ? [first] : [first, steady(title, 'spawn_1client', n)];
        }),
        ...fleets
          .slice(1)
          .flatMap((n) => [
            bytes(`heap of an agent, ${count(n)} agents`, n, 'bytes_per_agent_after_gc'),
            bytes(`resident memory of an agent, ${count(n)} agents`, n, 'rss_per_agent_after_gc'),
          ]),
      ],
    },
    growth: {
      programs: [
        { name: 'growth', size: largest },
        ...[1_000, largest].map((size): Program => ({ name: 'spawn', size })),
      ],
      lines: [growth('time', 1_000, largest, speedOf), growth('CPU time', 1_000, largest, cpuSpeedOf)],
    },
    task: {
      programs: [{ name: 'task', size: tasks }],
      lines: [
        same('tasks, one agent, 1 client', 'task_1agent_1client', tasks),
        steady('tasks, one agent, 1 client', 'task_1agent_1client', tasks),
        same('tasks, one agent, 64 clients', 'task_1agent_64clients', tasks),
        same('tasks, 1,000 agents, 64 clients', 'task_1000agents_64clients', tasks),
        steady('tasks, 1,000 agents, 64 clients', 'task_1000agents_64clients', tasks),
      ],
    },
    taskFloor: {
      programs: [
        { name: 'task', size: tasks },
        { name: 'taskFloor', size: tasks },
      ],
      lines: [
        byHand('tasks, one agent, 1 client', 'floor_1agent_1client', 'task_1agent_1client'),
        byHand('tasks, one agent, 1 client, steady', 'floor_1agent_1client_steady', 'task_1agent_1client'),
        byHand('tasks, one agent, 64 clients', 'floor_1agent_64clients', 'task_1agent_64clients'),
        byHand('tasks, 1,000 agents, 64 clients', 'floor_1000agents_64clients', 'task_1000agents_64clients'),
        byHand(
          'tasks, 1,000 agents, 64 clients, steady',
          'floor_1000agents_64clients_steady',
          'task_1000agents_64clients',
        ),
      ],
    },
    variable: {
      programs: [{ name: 'variable', size: members, rounds: isQuick ? 10 : 50 }],
      lines: [same(`agents told of a variable, ${count(members)} of them`, 'variable_broadcast', members)],
    },
    variableFloor: {
      programs: (['variable', 'variableFloor'] as const).map((name) => ({
        name,
        size: members,
        rounds: isQuick ? 10 : 50,
      })),
      lines: [
        speed(
          `by hand: agents told of a variable, ${count(members)} of them`,
          { bench: 'floor_variable_committed', n: members },
          { bench: 'variable_broadcast', n: members },
        ),
      ],
    },
    consensus: {
      programs: [{ name: 'consensus', size: members, rounds: isQuick ? 10 : 50 }],
      lines: [same(`agents in a round, ${count(members)} of them`, 'consensus_round', members)],
    },
    crash: {
      programs: [{ name: 'crash', size: crashes }],
      lines: [
        same(`kills seen, ${firstOf(crashes)}`, 'crash_detect', crashes),
        steady('kills seen', 'crash_detect', crashes),
        same(`kills, running again, ${firstOf(crashes)}`, 'crash_restart', crashes),
        steady('kills, running again', 'crash_restart', crashes),
      ],
    },
    storm: {
      programs: [{ name: 'storm', size: killed, rounds: isQuick ? 3 : 5 }],
      lines: [
        same(`${count(killed)} of ${count(killed * 10)} killed, running again`, 'crash_storm', killed),
        steady(`${count(killed)} of ${count(killed * 10)} killed, running again`, 'crash_storm', killed),
      ],
    },
    read: {
      programs: [{ name: 'read', size: reads }],
      lines: [same('status reads', 'read_status_1client', reads)],
    },
  };
  const asked = Object.entries(parts).filter(
    ([name]) => names.length === 0 || names.includes(name as FleetBenchName),
  );
  const programs = new Map(
    asked.flatMap(([, part]) => part.programs).map((each) => [`${each.name} ${each.size}`, each]),
  );
  return { programs: [...programs.values()], lines: asked.flatMap(([, part]) => part.lines) };
}

/** @throws Error naming a line of which there is no measurement */
export function compare(lines: readonly ComparedLine[], results: Results): ComparedRow[] {
  return lines.map((line): ComparedRow => {
    const { title, unit, isWork } = line;
    const figures = (rounds: Results['ours'], which: Which) =>
      rounds.map((round) => line.figure(which, round) ?? missing(title, which));
    const [ours, reference] = [figures(results.ours, line.ours), figures(results.reference, line.reference)];
    const ratio = (mine: number, its: number) => (line.aheadIs === 'larger' ? mine / its : its / mine);
    const ratios = ours.map((mine, round) => ratio(mine, reference[round]!));
    const work = (rounds: Results['ours'], which: Which, name: string) =>
      median(rounds.map((round) => numberOf(round, which, name) ?? missing(title, which)));
    return {
      title,
      unit,
      ours: median(ours),
      reference: median(reference),
      ratio: ratio(median(ours), median(reference)),
      ratios: [Math.min(...ratios), Math.max(...ratios)],
      ...(isWork && {
        cpuUs: {
          thread: work(results.ours, line.ours, 'thread_cpu_us_per_op'),
          program: work(results.ours, line.ours, 'cpu_us_per_op'),
          reference: work(results.reference, line.reference, 'cpu_us_per_op'),
        },
        allocatedBytes: work(results.ours, line.ours, 'allocated_per_op'),
      }),
    };
  });
}

const headings = [
  'line',
  'unit',
  'mabeam',
  'OTP',
  'ratio',
  'lowest–highest',
  'CPU µs',
  'OTP CPU µs',
  'CPU ratio',
  "with V8's threads",
  'bytes allocated',
];

/** The table as markdown: figures of three digits, ratios with two decimals. */
export function markdownOf(rows: readonly ComparedRow[]): string {
  const lines = rows.map(({ title, unit, ours, reference, ratio, ratios, cpuUs, allocatedBytes }) => [
    title,
    unit,
    figureOf(ours),
    figureOf(reference),
    ratio.toFixed(2),
    ratios.map((each) => each.toFixed(2)).join('–'),
    ...(cpuUs ? cpuCells(cpuUs) : ['', '', '', '']),
    allocatedBytes === undefined ? '' : figureOf(allocatedBytes),
  ]);
  const cells = [headings, headings.map(() => '---'), ...lines];
  return cells.map((row) => `| ${row.join(' | ')} |\n`).join('');
}

function cpuCells({ thread, program, reference }: NonNullable<ComparedRow['cpuUs']>): string[] {
  return [figureOf(thread), figureOf(reference), (reference / thread).toFixed(2), figureOf(program)];
}

function speed(title: string, ours: Which, reference = ours): ComparedLine {
  return { title, unit: 'a second', aheadIs: 'larger', ours, reference, figure: speedOf, isWork: true };
}

function same(title: string, bench: string, n: number): ComparedLine {
  return speed(title, { bench, n });
}

/** Once V8 has compiled it; the reference's code is compiled from the beginning, and has one figure. */
function steady(title: string, bench: string, n: number): ComparedLine {
  return speed(`${title}, steady`, { bench: `${bench}_steady`, n }, { bench, n });
}

function bytes(title: string, n: number, name: string): ComparedLine {
  const which = { bench: 'spawn_1client', n };
  const figure: ComparedLine['figure'] = (_, round) => numberOf(round, which, name);
  return { title, unit: 'bytes', aheadIs: 'smaller', ours: which, reference: which, figure, isWork: false };
}

/** What an agent of a large fleet costs, of one of a small fleet; ours once V8 has compiled what is done. */
function growth(what: string, few: number, many: number, speedIn: ComparedLine['figure']): ComparedLine {
  return {
    title: `growth of an agent's ${what}, ${count(few)} → ${count(many)}`,
    unit: 'times',
    aheadIs: 'smaller',
    ours: { bench: 'growth_1client', n: many },
    reference: { bench: 'spawn_1client', n: many },
    figure({ bench }, round) {
      const atFew = speedIn({ bench, n: few }, round);
      const atMany = speedIn({ bench, n: many }, round);
      return atFew === undefined || atMany === undefined ? undefined : atFew / atMany;
    },
    isWork: false,
  };
}

function speedOf(which: Which, round: readonly Measurement[]): number | undefined {
  return numberOf(round, which, 'ops_per_s');
}

/** Operations in a second of CPU time: of our thread, of all of OTP's one scheduler. */
function cpuSpeedOf(which: Which, round: readonly Measurement[]): number | undefined {
  const cpuUs = numberOf(round, which, 'thread_cpu_us_per_op') ?? numberOf(round, which, 'cpu_us_per_op');
  return cpuUs === undefined ? undefined : 1e6 / cpuUs;
}

function numberOf(round: readonly Measurement[], { bench, n }: Which, name: string): number | undefined {
  const value = round.find((each) => each.bench === bench && each.n === n)?.[name];
  return typeof value === 'number' ? value : undefined;
}

function missing(title: string, { bench, n }: Which): never {
  throw new Error(`${title}: no measurement ${bench} with ${n}`);
}

function firstOf(times: number): string {
  return `the first ${count(times)}`;
}

function figureOf(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
