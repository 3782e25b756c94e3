/** Turns what was measured into a page of plain text. Pure: no clock, no console, no colour of its own. */
import type { SplitName } from './data.ts';
import type { AgentLife } from './ledger.ts';
import type { Measurement } from './measurement.ts';
import type { Config } from './model.ts';

export interface Ranked {
  readonly id: string;
  readonly config: Config;
  readonly foldAccuracies: readonly number[];
  readonly mean: number;
  readonly trainedMs: number;
}

export interface CrashCost {
  readonly agentId: string;
  readonly during: {
    readonly split: SplitName;
    readonly epoch: number;
    readonly done: number;
    readonly of: number;
  };
  /** From the call of `kill` to the agent being seen crashed, and running again. */
  readonly crashedAfterMs: number | undefined;
  readonly runningAfterMs: number | undefined;
  readonly restartDelayMs: number;
  readonly epochsBefore: number;
  readonly epochsAfter: number;
  /** Epochs that were begun more often than once. */
  readonly interruptedEpochs: number;
  /** Epochs that were finished more often than once. */
  readonly repeatedEpochs: number;
}

export interface Findings {
  readonly seed: number;
  readonly folds: number;
  readonly epochs: number;
  readonly learnedFrom: number;
  readonly heldOut: number;
  readonly isolation: string;
  /** Best first. */
  readonly ranking: readonly Ranked[];
  readonly heldOutScores: readonly { readonly name: string; readonly measurement: Measurement }[];
  readonly lives: readonly AgentLife[];
  readonly crash: CrashCost | undefined;
  readonly problems: readonly string[];
  readonly elapsedMs: number;
}

export function reportOf(findings: Findings, heading: (text: string) => string = (text) => text): string {
  const sections = [
    [heading('Cross-validation, best first'), ...rankingLines(findings)],
    [
      heading(`Held-out digits (${count(findings.heldOut)} that no trainer has seen)`),
      ...heldOutLines(findings),
    ],
    [heading('Lives of the agents, from the event stream'), ...lifeLines(findings.lives)],
    ...(findings.crash ? [[heading('What the crash cost'), ...crashLines(findings.crash)]] : []),
    [verdictLine(findings)],
  ];
  return sections.map((lines) => lines.join('\n')).join('\n\n');
}

function rankingLines({ ranking, folds, epochs }: Findings): string[] {
  const rows = ranking.map(({ config, mean, foldAccuracies, trainedMs, id }) => [
    id,
    String(config.learningRate),
    String(config.hiddenUnits),
    percent(mean),
    foldAccuracies.map(percent).join(' '),
    seconds(trainedMs),
  ]);
  const table = tableOf(['agent', 'rate', 'hidden', 'accuracy', `${folds} folds`, 'training'], rows);
  const best = ranking[0];
  if (!best) return table;
  const { learningRate, hiddenUnits, batchSize } = best.config;
  return [
    ...table,
    `best: learning rate ${learningRate}, ${hiddenUnits} hidden units (batches of ${batchSize}, ${epochs} epochs)`,
  ];
}

function heldOutLines({ heldOutScores, heldOut }: Findings): string[] {
  const rows = heldOutScores.map(({ name, measurement: { accuracy } }) => [
    name,
    `${percent(accuracy)} ± ${(196 * Math.sqrt((accuracy * (1 - accuracy)) / heldOut)).toFixed(1)}`,
    count(Math.round((1 - accuracy) * heldOut)),
  ]);
  const model = heldOutScores[0];
  const confused = model ? confusionsOf(model.measurement).slice(0, 3) : [];
  const mistakes = confused.map(({ truth, answer, times }) => `${truth} read as ${answer} (${times}x)`);
  return [
    ...tableOf(['answers by', 'accuracy ± 95 %', 'wrong'], rows),
    ...(mistakes.length > 0 ? [`the model's commonest mistakes: ${mistakes.join(', ')}`] : []),
  ];
}

function lifeLines(lives: readonly AgentLife[]): string[] {
  const rows = lives.map(({ id, incarnations, tasksDone, tasksFailed, path }) => [
    id,
    String(incarnations),
    String(tasksDone),
    String(tasksFailed),
    path.join('→'),
  ]);
  return tableOf(['agent', 'lives', 'done', 'failed', 'path'], rows);
}

function crashLines(crash: CrashCost): string[] {
  const { split, epoch, done, of } = crash.during;
  return [
    `${crash.agentId} was killed on purpose in ${splitWords(split)}, epoch ${epoch}, after ${done} of its ${of} batches`,
    `seen as crashed after ${milliseconds(crash.crashedAfterMs)}, running again after ${milliseconds(crash.runningAfterMs)} (restart delay: ${crash.restartDelayMs} ms)`,
    `finished epochs: ${crash.epochsBefore} before the crash were kept, ${crash.epochsAfter} came after it, ${crash.repeatedEpochs} trained twice`,
    `interrupted epochs, trained again from their beginning: ${crash.interruptedEpochs}`,
  ];
}

function verdictLine({ problems, elapsedMs, seed, learnedFrom, heldOut, isolation }: Findings): string {
  const of = `seed ${seed}, ${count(learnedFrom + heldOut)} digits, ${isolation} agents, ${seconds(elapsedMs)}`;
  if (problems.length === 0) return `All well: ${of}`;
  return [`Something went wrong: ${of}`, ...problems.map((problem) => `- ${problem}`)].join('\n');
}

/** Pairs of digits that were taken for each other, commonest first. */
export function confusionsOf({ confusion }: Measurement): { truth: number; answer: number; times: number }[] {
  return confusion
    .flatMap((answers, truth) => answers.map((times, answer) => ({ truth, answer, times })))
    .filter(({ truth, answer, times }) => truth !== answer && times > 0)
    .toSorted((one, other) => other.times - one.times);
}

export function splitWords(split: SplitName): string {
  return split === 'final' ? 'the final training' : `fold ${split + 1}`;
}

function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  return [header, ...rows].map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd(),
  );
}

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const milliseconds = (ms: number | undefined): string => (ms === undefined ? 'never' : `${ms.toFixed(0)} ms`);
const count = (number: number): string => number.toLocaleString('en');
