/** One path, run and judged; and the same without its disturbances, to be compared with. */
import { isDeepStrictEqual } from 'node:util';
import { inWords } from '../../runtime/values/errors.ts';
import { type AgentLaw, type Done, LawBroken } from './laws.ts';
import type { Move } from './moves.ts';
import { type Answered, REFUSED } from './calls.ts';
import { Stage, type StageOptions, type Step } from './stage.ts';

export interface Ran {
  /** The law that was broken first, if any was. */
  readonly broken: LawBroken | undefined;
  readonly done: readonly Done[];
  /** States that the agent was seen to save, as JSON. */
  readonly saved: ReadonlySet<string>;
  /** Tasks that it has taken, and those that it has answered. */
  readonly taken: Stage['taken'];
}

/** Runs a path to its end, or to the first law that it breaks. */
export async function run(options: StageOptions, moves: readonly Move[]): Promise<Ran> {
  const saved = new Set<string>();
  let stage: Stage | undefined;
  try {
    stage = await Stage.open(options);
    for (const move of moves) {
      await stage.perform(move);
      if (stage.saved !== undefined) saved.add(stage.saved);
    }
    await stage.leave();
    await compareWithUndisturbed(options, stage);
    return { broken: undefined, done: stage.done, saved, taken: stage.taken };
  } catch (thrown) {
    await stage?.abandon();
    if (!(thrown instanceof LawBroken)) throw thrown;
    return { broken: thrown, done: thrown.done, saved, taken: stage?.taken ?? [] };
  }
}

async function compareWithUndisturbed(options: StageOptions, stage: Stage): Promise<void> {
  const { subject } = options;
  const { steps, answers, done } = stage;
  if (answers.length === 0 || stage.hasEndedItself || stage.isUnclear) return;
  if (subject.isChart && stage.isInterrupted) return;
  const isHeldUp = steps.some(({ move }) => move.move === 'begin' || move.move === 'arrange');
  // Tasks side by side may be done in another order.
  if (isHeldUp && (subject.isChart || (subject.options.spec?.tasks?.concurrency ?? 1) > 1)) return;
  if (!subject.isHeldTo('a restart changes nothing') && !subject.isHeldTo(SAME)) return;
  const undisturbed = await answersOf(options, steps);
  const difference = differenceBetween(undisturbed, answers);
  if (difference === undefined) return;
  const isDisturbed = steps.some(({ move }) => DISTURBANCES.has(move.move));
  const again = isDisturbed ? await answersOf(options, steps) : answers;
  const isUnsteady = !isDisturbed || differenceBetween(undisturbed, again) !== undefined;
  const law: AgentLaw = isUnsteady ? SAME : 'a restart changes nothing';
  if (!subject.isHeldTo(law)) return;
  throw new LawBroken(law, difference, done);
}

const SAME = 'the same tasks have the same answers';
const DISTURBANCES = new Set<Move['move']>(['crash', 'kill', 'lose', 'reboot', 'stop']);

/** What the same tasks are answered where nothing comes between them. */
async function answersOf(options: StageOptions, steps: readonly Step[]): Promise<readonly Answered[]> {
  const stage = await Stage.open({ ...options, observe: undefined });
  try {
    for (const { move, elapsedMs, calls } of steps) {
      const from = stage.now;
      if (move.move === 'start' || move.move === 'variable' || move.move === 'pass')
        await stage.perform(move);
      for (const { task, input, outcome } of calls) {
        if (outcome === undefined || leftNothing(outcome, options.subject.isChart)) continue;
        await stage.perform({ move: 'task', task, input });
      }
      await stage.advance(Math.max(0, elapsedMs - (stage.now - from)));
    }
    await stage.leave();
    return stage.answers;
  } catch (thrown) {
    await stage.abandon();
    throw thrown;
  }
}

/**
 * Whether a task left nothing behind: it was refused, or lost with its body. One that a chart has taken and not answered
 * has moved it all the same: paths on which it was lost are not compared.
 */
function leftNothing(outcome: NonNullable<Step['calls'][number]['outcome']>, isChart: boolean): boolean {
  if (!('error' in outcome) || outcome.error.code === 'TASK_FAILED') return false;
  return !isChart || REFUSED.has(outcome.error.code);
}

function differenceBetween(expected: readonly Answered[], came: readonly Answered[]): string | undefined {
  for (const [at, { task, input, output }] of came.entries()) {
    const other = expected[at];
    if (other && isDeepStrictEqual(other.output, output)) continue;
    const without = other ? inWords(other.output) : 'no answer';
    return `answer ${at + 1}, of ${task}(${input === undefined ? '' : inWords(input)}), is ${inWords(output)}; undisturbed it is ${without}`;
  }
  return undefined;
}
