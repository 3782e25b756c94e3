/**
 * A real program on a real file, killed with SIGKILL again and again, also while it comes back: no question, answer,
 * child, parked task or budget that somebody was told of is lost, and what was paid and kept is not paid again.
 *
 * `KILL_ROUNDS` sets how often; default 5.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { answerStoredQuestion, openQuestions } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { seededRandom } from '../../src/testing/index.ts';
import { ASKED, type Finished, LIMIT, USED } from './mortal-fleet.ts';

const PROGRAM = fileURLToPath(new URL('./mortal-fleet-program.ts', import.meta.url));
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 5);

async function linesOf(ledger: string): Promise<string[][]> {
  const text = await readFile(ledger, 'utf8').catch(() => '');
  // What a killed program was about to write has no end of line.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' '));
}

/** Runs the program until it has written so many lines more, or is about to come back, and kills it. */
async function runAndKill(args: readonly string[], ledger: string, more: number): Promise<void> {
  const before = (await linesOf(ledger)).length;
  const child = fork(PROGRAM, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const exited = once(child, 'exit');
  await once(child, 'message');
  while (child.exitCode === null && (await linesOf(ledger)).length < before + more) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  child.kill('SIGKILL');
  expect({ signal: (await exited)[1] as unknown, errors }).toEqual({ signal: 'SIGKILL', errors: '' });
}

/** Another program, while none has the file open, answers some of what is asked. */
async function answerSome(
  file: string,
  round: number,
  random: () => number,
  answers: Answers,
): Promise<void> {
  const store = () => sqliteStore(file);
  for (const { id } of await openQuestions(store())) {
    expect(answers.has(id), `${id} was answered, and is open`).toBe(false);
    if (random() < 0.5) continue;
    const value = `stored-${round}`;
    await answerStoredQuestion(store(), id, value, { by: 'ben' });
    answers.set(id, value);
  }
}

type Answers = Map<string, string>;

it(
  `after ${ROUNDS} kills nothing is lost, and nothing is paid twice`,
  async ({ onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-durable-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const random = seededRandom(ROUNDS);
    const [file, ledger] = [join(folder, 'fleet.db'), join(folder, 'ledger')];
    const stored: Answers = new Map();
    for (let round = 0; round < ROUNDS; round++) {
      // Every fifth comes no further than its way back.
      const more = round % 5 === 4 ? Math.floor(random() * 3) : 1 + Math.floor(random() * 60);
      await runAndKill([file, ledger, String(round)], ledger, more);
      await answerSome(file, round, random, stored);
    }
    const last = fork(PROGRAM, [file, ledger, String(ROUNDS), 'finish'], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    let finished: Finished | undefined;
    last.on('message', (said: Finished | string) => {
      if (typeof said === 'object') finished = said;
    });
    await once(last, 'exit');
    judge(await linesOf(ledger), finished!, stored);
  },
  60_000 + ROUNDS * 15_000,
);

function judge(lines: readonly (readonly string[])[], finished: Finished, stored: Answers): void {
  const outputs = new Map(finished.outputs);
  const of = (what: string) => lines.filter(([word]) => word === what).map(([, ...rest]) => rest);
  judgeTasks(of('accepted'), outputs);
  judgeSteps(lines);
  judgeAnswers(of, outputs, stored);
  judgeFamilies(of, finished);
  judgeBudget(of, finished);
  expect(finished.open).toBe(0);
}

type Of = (what: string) => readonly (readonly string[])[];

function judgeTasks(accepted: readonly (readonly string[])[], outputs: ReadonlyMap<string, unknown>): void {
  expect(accepted.length).toBeGreaterThan(ROUNDS);
  const errors = ['TASK_FAILED', 'TASK_TIMED_OUT', undefined];
  for (const [id] of accepted) {
    expect(outputs.has(id!), `${id} was acknowledged, and is not known`).toBe(true);
    expect(errors, `${id} ended with ${String(outputs.get(id!))}`).not.toContain(outputs.get(id!));
  }
}

function judgeSteps(lines: readonly (readonly string[])[]): void {
  const kept = new Set<string>();
  for (const [what, id] of lines) {
    if (what === 'kept') kept.add(id!);
    else if (what === 'paid') expect(kept.has(id!), `${id} was kept, and is paid again`).toBe(false);
  }
}

/** An answer that was acknowledged is the one that its task hears, whenever it asks, and the only one. */
function judgeAnswers(of: Of, outputs: ReadonlyMap<string, unknown>, stored: Answers): void {
  const answers = new Map(stored);
  for (const [id, value] of of('answered')) {
    expect(answers.get(id!) ?? value, `${id} was answered twice`).toBe(value);
    answers.set(id!, value!);
  }
  expect(answers.size).toBeGreaterThan(ROUNDS);
  for (const [id, value] of of('heard')) {
    const answer = answers.get(id!);
    // One of a program that died between its commit and its word was not acknowledged.
    if (answer !== undefined) expect([id, value]).toEqual([id, answer]);
    else answers.set(id!, value!);
  }
  for (const [id, value] of answers) {
    const [taskId = '', key = ''] = id.split('/');
    expect(String(outputs.get(taskId)).split(',')[Number(key) - 1], `the answer to ${id}`).toBe(value);
  }
}

/** Children are there, once each, and alive exactly when their parent lives or their rule says so. */
function judgeFamilies(of: Of, { agents, registered }: Finished): void {
  const statuses = new Map(agents);
  expect(registered.length).toBe(new Set(registered).size);
  for (const [id] of of('spawned')) {
    const [rule, parent] = id!.split('-of-') as [string, string];
    const lives = statuses.get(parent) === 'running' || rule === 'detach';
    expect([id, statuses.get(id!)]).toEqual([id, lives ? 'running' : 'stopped']);
  }
  for (const [id] of of('ended')) expect([id, statuses.get(id!)]).toEqual([id, 'stopped']);
  expect(of('spawned').length).toBeGreaterThan(0);
}

/** What is spent lies between what callers know was used and what was ever granted, and within the limit. */
function judgeBudget(of: Of, { spent }: Finished): void {
  const granted = of('granted').length;
  const settled = of('settled').length;
  // Two agents with three places each: so many may have been granted that no program lived to say.
  const unsaid = (ROUNDS + 1) * 6;
  expect(granted).toBeGreaterThan(0);
  expect(granted).toBeLessThanOrEqual(LIMIT);
  expect(spent.calls).toBeGreaterThanOrEqual(granted);
  expect(spent.calls).toBeLessThanOrEqual(Math.min(LIMIT, granted + unsaid));
  expect(spent.tokens).toBeGreaterThanOrEqual(settled * USED + (granted - settled) * USED);
  expect(spent.tokens).toBeLessThanOrEqual(settled * USED + (granted - settled + unsaid) * ASKED);
}
