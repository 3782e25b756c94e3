/** Turns what was measured into a page of plain text. Pure: no clock, no console, no colour of its own. */
import type { AgentLife, Crash, VoteSeen } from './ledger.ts';
import type { Measurement } from './measurement.ts';
import type { Recipe } from './model.ts';
import type { Sabotage } from './sabotage.ts';
import type { Score } from './trainer.ts';
import { describeExit } from '../../src/machines/index.ts';

/** How one trainer ended: the recipe it trained in full, and how that did. */
export interface Finish {
  readonly id: string;
  readonly recipe: Recipe;
  /** Of the recipe, by one trial on the trainer's own digits. */
  readonly validation: number | undefined;
  /** Processor time of its trials, those of the scouting left out; ms. */
  readonly searchMs: number;
  readonly score: Score;
}

export interface RoundFound {
  readonly by: string;
  readonly recipe: Recipe;
  /** In the order of the trainers; `undefined` of one that did not vote. */
  readonly votes: readonly ({ readonly vote: VoteSeen; readonly counted: boolean } | undefined)[];
  readonly outcome: string;
  /** Mean accuracy over the trainers' own digits, by one trial each. */
  readonly before: number | undefined;
  readonly after: number | undefined;
}

export interface CrashFound extends Crash {
  /** What was ordered; `undefined` for a crash that nobody ordered. */
  readonly how: Sabotage | undefined;
  readonly trial: number | undefined;
  /** Whether its next incarnation was given the reason of this end. */
  readonly wasTold: boolean;
  /** Finished before the crash, and known after it. */
  readonly trialsKept: number;
  /** Finished trials that were done again. */
  readonly trialsTwice: number;
}

export interface Findings {
  readonly seed: number;
  readonly trialDigits: number;
  readonly scouting: number;
  readonly trials: number;
  readonly epochs: number;
  readonly learnedFrom: number;
  readonly heldOut: number;
  readonly isolation: string;
  readonly alone: readonly Finish[];
  readonly team: readonly Finish[];
  /** What the team decided on. */
  readonly recipe: Recipe;
  readonly rounds: readonly RoundFound[];
  readonly baselines: readonly { readonly name: string; readonly measurement: Measurement }[];
  readonly lives: readonly AgentLife[];
  readonly crashes: readonly CrashFound[];
  readonly problems: readonly string[];
  readonly elapsedMs: number;
}

export function reportOf(findings: Findings, heading: (text: string) => string = (text) => text): string {
  const { team, heldOut, crashes } = findings;
  const sections = [
    [heading(`How a team of ${team.length} decided on its recipe`), ...roundLines(findings)],
    [
      heading(`Alone or together: accuracy on ${count(heldOut)} held-out digits`),
      ...comparisonLines(findings),
    ],
    [heading('The best models against answers that need no learning'), ...bestLines(findings)],
    [heading('Lives of the agents, from the event stream'), ...lifeLines(findings.lives)],
    ...(crashes.length > 0
      ? [[heading('What the crashes cost'), ...crashes.flatMap((crash) => crashLines(crash, findings))]]
      : []),
    [verdictLine(findings)],
  ];
  return sections.map((lines) => lines.join('\n')).join('\n\n');
}

function roundLines({ rounds, recipe, team, trialDigits, scouting, trials }: Findings): string[] {
  const rows = rounds.map(({ by, recipe, votes, outcome, before, after }, index) => [
    String(index + 1),
    by,
    recipeWords(recipe),
    votes.map(voteSign).join(' '),
    outcome,
    `${percentOr(before)} → ${percentOr(after)}`,
  ]);
  return [
    `Each trainer measures on its own digits. All scouted ${scouting} recipes, each learned from ${count(trialDigits)} digits;`,
    `then came ${trials} more trials, with a vote after every second: + for, - against, · cannot tell, ! failed,`,
    'in brackets when the outcome was certain before it came.',
    ...tableOf(
      ['round', 'proposed by', 'rate / hidden / batch', 'votes', 'outcome', 'mean of their measurements'],
      rows,
    ),
    `decided: ${parameterWords(recipe)}`,
    ...(new Set(team.map((finish) => recipeWords(finish.recipe))).size > 1
      ? ['not every trainer has taken it over']
      : []),
  ];
}

function voteSign(cast: RoundFound['votes'][number]): string {
  if (cast === undefined) return ' ? ';
  const sign = { accept: '+', reject: '-', abstain: '·', failed: '!' }[cast.vote];
  return cast.counted ? ` ${sign} ` : `(${sign})`;
}

function comparisonLines({ alone, team, trials, epochs, learnedFrom, heldOut }: Findings): string[] {
  const rows = alone.map((finish, index) => {
    const mate = team[index]!;
    return [
      String(index + 1),
      recipeWords(finish.recipe),
      percentOr(finish.validation),
      percent(finish.score.accuracy),
      percent(mate.score.accuracy),
      signed(mate.score.accuracy - finish.score.accuracy),
    ];
  });
  const [aloneMean, teamMean] = [meanOf(alone), meanOf(team)];
  const shipped = chosenOf(alone);
  return [
    `The same trainers with the same scouting and ${trials} further trials each, alone by their own measurements or`,
    `together by votes; then ${epochs} epochs over ${count(learnedFrom)} digits. Any single figure is uncertain by ± ${margin(teamMean, heldOut)} points.`,
    ...tableOf(
      ['trainer', 'its own recipe', 'own measurement', 'alone', 'with the team’s recipe', 'difference'],
      [...rows, ['mean', '', '', percent(aloneMean), percent(teamMean), signed(teamMean - aloneMean)]],
    ),
    `of those alone, the one with the best measurement (trainer ${alone.indexOf(shipped) + 1}) reaches ${percent(shipped.score.accuracy)}`,
    `processor time of those trials: ${seconds(searchTime(alone))} alone, ${seconds(searchTime(team))} together`,
    consensusVerdict(aloneMean, teamMean, shipped.score.accuracy),
  ];
}

function consensusVerdict(alone: number, team: number, shipped: number): string {
  const [overMean, overShipped] = [signed(team - alone), signed(team - shipped)];
  if (team > alone && team >= shipped) {
    return `Consensus earned its place here: ${overMean} against a trainer alone, ${overShipped} against the best pick of those alone.`;
  }
  if (team > alone) {
    return `Consensus beat a trainer alone (${overMean}), but not the best pick of those alone (${overShipped}).`;
  }
  return `Consensus did not earn its place here: ${overMean} against a trainer alone, ${overShipped} against the best pick of those alone.`;
}

function bestLines({ alone, team, baselines, heldOut }: Findings): string[] {
  const models = [chosenOf(team), chosenOf(alone)];
  const best = models.toSorted((one, other) => other.score.accuracy - one.score.accuracy)[0]!;
  const rows = [
    ...models.map(({ id, score }) => ({
      name: `${id}, of its kind the best by its own measurement`,
      measurement: score,
    })),
    ...baselines,
  ].map(({ name, measurement: { accuracy } }) => [
    name,
    `${percent(accuracy)} ± ${margin(accuracy, heldOut)}`,
    count(Math.round((1 - accuracy) * heldOut)),
  ]);
  const mistakes = confusionsOf(best.score)
    .slice(0, 3)
    .map(({ truth, answer, times }) => `${truth} read as ${answer} (${times}x)`);
  return [
    ...tableOf(['answers by', 'accuracy ± 95 %', 'wrong'], rows),
    `best parameters found, ${best.id}'s: ${parameterWords(best.recipe)}`,
    ...(mistakes.length > 0 ? [`its commonest mistakes: ${mistakes.join(', ')}`] : []),
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
  return tableOf(['agent', 'lives', 'tasks', 'cut short', 'path'], rows);
}

function crashLines(crash: CrashFound, { scouting, trials }: Findings): string[] {
  const { agentId, how, trial, at, delayMs, runningAt, lostMs, reason, wasTold, trialsKept, trialsTwice } =
    crash;
  const what = {
    exit: 'called process.exit(7)',
    out_of_memory: 'was made to fill its memory',
    none: 'crashed, and nobody had ordered it',
  }[how ?? 'none'];
  const during = trial === undefined ? '' : ` in the middle of trial ${trial + 1} of ${scouting + trials}`;
  const back =
    runningAt === undefined
      ? 'it did not come back'
      : `running again ${milliseconds(runningAt - at)} later: ${milliseconds(delayMs)} of restart delay, the rest is a new process`;
  return [
    `${agentId} ${what}${during}, and ended: ${describeExit(reason)}`,
    `  ${back}${wasTold ? ', which was told why' : ''}`,
    `  lost: the trial under way, ${milliseconds(lostMs)} old, which was done again`,
    `  kept: the ${trialsKept} trials before it; done twice: ${trialsTwice === 0 ? 'none' : trialsTwice}`,
  ];
}

function verdictLine({ problems, elapsedMs, seed, learnedFrom, heldOut, isolation }: Findings): string {
  const where = isolation === 'process' ? 'agents in processes' : `${isolation} agents`;
  const of = `seed ${seed}, ${count(learnedFrom + heldOut)} digits, ${where}, ${seconds(elapsedMs)}`;
  if (problems.length === 0) return `All well: ${of}`;
  return [`Something went wrong: ${of}`, ...problems.map((problem) => `- ${problem}`)].join('\n');
}

/** Pairs of digits that were taken for each other, commonest first. */
function confusionsOf({ confusion }: Measurement): { truth: number; answer: number; times: number }[] {
  return confusion
    .flatMap((answers, truth) => answers.map((times, answer) => ({ truth, answer, times })))
    .filter(({ truth, answer, times }) => truth !== answer && times > 0)
    .toSorted((one, other) => other.times - one.times);
}

/** The one that would be taken, by what they measured themselves. */
function chosenOf(finishes: readonly Finish[]): Finish {
  return finishes.toSorted((one, other) => (other.validation ?? 0) - (one.validation ?? 0))[0]!;
}

function meanOf(finishes: readonly Finish[]): number {
  return finishes.reduce((sum, { score }) => sum + score.accuracy, 0) / finishes.length;
}

function searchTime(finishes: readonly Finish[]): number {
  return finishes.reduce((sum, { searchMs }) => sum + searchMs, 0);
}

function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  return [header, ...rows].map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd(),
  );
}

function recipeWords({ learningRate, hiddenUnits, batchSize }: Recipe): string {
  return `${learningRate} / ${hiddenUnits} / ${batchSize}`;
}

function parameterWords({ learningRate, hiddenUnits, batchSize }: Recipe): string {
  return `learning rate ${learningRate}, ${hiddenUnits} hidden units, batches of ${batchSize}`;
}

/** Half the width of the 95 % interval of a share of `of`, in points. */
function margin(share: number, of: number): string {
  return (196 * Math.sqrt((share * (1 - share)) / of)).toFixed(1);
}

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const percentOr = (share: number | undefined): string => (share === undefined ? 'unknown' : percent(share));
const signed = (share: number): string => `${share < 0 ? '' : '+'}${(share * 100).toFixed(1)} points`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const milliseconds = (ms: number | undefined): string =>
  ms === undefined ? 'nothing' : `${Math.round(ms)} ms`;
const count = (number: number): string => number.toLocaleString('en');
