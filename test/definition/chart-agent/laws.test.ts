/** What an agent that is a chart keeps to, in every host: told through the contract of hosts alone. */
import { afterAll, describe, expect, test } from 'vitest';
import type { SavedState } from '../../../src/index.ts';
import type { BodyStart, Host } from '../../../src/runtime/hosting/host.ts';
import { inProcessHost } from '../../../src/runtime/hosting/hosts/in-process.ts';
import { processHost } from '../../../src/runtime/hosting/hosts/process.ts';
import { threadHost } from '../../../src/runtime/hosting/hosts/thread.ts';
import type { SavedChart } from '../../../src/chart-agent.ts';
import { openWitnessed, type Witness } from '../../../src/testing/host-laws/witness.ts';

const module = new URL('../../fixtures/agents/chart-worker.ts', import.meta.url);

type Saved = Omit<SavedChart, 'snapshot'> & {
  readonly snapshot: SavedChart['snapshot'] & {
    readonly value: { readonly alive: Readonly<Record<string, unknown>> };
    readonly context: { readonly notes: readonly string[] };
  };
};

async function open(host: Host, start: Partial<BodyStart> = {}): Promise<Witness> {
  const witness = openWitnessed(host, { module, initArgs: undefined, ...start });
  await witness.until('ready');
  return witness;
}

let asked = 0;
async function outputOf(witness: Witness, task: string, input?: unknown): Promise<unknown> {
  asked += 1;
  const answer = await witness.task(task, input, `${task}-${asked}`);
  if (answer.type === 'task.failed') throw Object.assign(new Error(answer.error.message), answer);
  return answer.output;
}

async function failureOf(witness: Witness, task: string, input?: unknown) {
  asked += 1;
  const answer = await witness.task(task, input, `${task}-${asked}`);
  if (answer.type === 'task.completed') throw new Error(`expected ${task} to fail`);
  return { code: answer.code, message: answer.error.message, expected: answer.expected };
}

function contentOf(state: SavedState): Saved {
  return JSON.parse(state.json) as Saved;
}

/** The newest state that it told. */
function newest(witness: Witness): Saved {
  const states = witness.reports.flatMap((report) =>
    'state' in report && report.state ? [report.state] : [],
  );
  return contentOf(states.at(-1)!);
}

/** Resolves once it told a state that is as expected. */
function until(witness: Witness, isIt: (saved: Saved) => boolean): Promise<Saved> {
  return witness.when(() =>
    witness.reports
      .flatMap((report) => ('state' in report && report.state ? [contentOf(report.state)] : []))
      .findLast(isIt),
  );
}

/** Ends a body without its knowledge, and opens another that goes on from what it told. */
async function reborn(host: Host, witness: Witness, change: (saved: Saved) => unknown = (saved) => saved) {
  const saved = newest(witness);
  witness.body.kill();
  await witness.exit();
  return open(host, {
    incarnation: 2,
    previousStop: 'killed',
    restored: { json: JSON.stringify(change(saved)), stateVersion: 1 },
  });
}

function ticks({ snapshot }: Saved): number {
  return snapshot.context.notes.filter((note) => note === 'tick').length;
}

/** As a wall clock has it that was a day ahead when it was saved. */
function putOff(saved: Saved): Saved {
  const delayed = saved.delayed.map((event) => ({ ...event, dueAt: event.dueAt! + 86_400_000 }));
  return { ...saved, delayed };
}

function isArmed({ snapshot }: Saved): boolean {
  return snapshot.value.alive['alarm'] === 'armed';
}

interface Law {
  readonly name: string;
  readonly keep: (witness: Witness, host: Host) => Promise<Witness | void>;
}

/** A law about a body that is ready, of which one is left that is then stopped in order. */
const law = (name: string, keep: Law['keep']): Law => ({ name, keep });

const laws: readonly Law[] = [
  law('it says what its tasks are, that it votes, and what its chart is', async (witness) => {
    const { manifest } = await witness.until('ready');
    expect(manifest).toMatchObject({ type: 'chart-worker', votes: true, variables: ['rate'] });
    expect(manifest.chart).toMatch(/^[0-9a-f]{32}$/);
    expect(Object.keys(manifest.tasks)).toContain('work');
  }),
  law('its first state is told once it is ready', async (witness) => {
    const { state } = await witness.until('state.changed');
    expect(contentOf(state).snapshot.value.alive).toMatchObject({ job: 'idle', alarm: 'off' });
    const types = witness.reports.map(({ type }) => type);
    expect(types.indexOf('ready')).toBeLessThan(types.indexOf('state.changed'));
  }),
  law('a task is answered by what its chart emits, with the state that the step left', async (witness) => {
    const answer = await witness.task('work', 'echo');
    expect(answer).toMatchObject({ type: 'task.completed', output: 'echo by ada/agent' });
    const { snapshot, tasks } = contentOf((answer as { state: SavedState }).state);
    expect(snapshot.value.alive['job']).toBe('idle');
    expect(tasks).toEqual([]);
  }),
  law('a state in which a task is open says so, and is told before the answer', async (witness) => {
    await outputOf(witness, 'work', 'echo');
    const saved = await until(witness, ({ tasks }) => tasks.length > 0);
    expect(saved.snapshot.value.alive['job']).toBe('working');
    expect(saved.tasks).toMatchObject([{ task: 'work', incarnation: 1 }]);
  }),
  law('an answer in the very step of its event is one, and no state is told before it', async (witness) => {
    expect(await outputOf(witness, 'louder')).toBe(undefined);
    const at = witness.reports.findIndex(
      (report) => 'state' in report && report.state && report.state.json.includes('"high"'),
    );
    expect(witness.reports[at]?.type).toBe('task.completed');
  }),
  law('what the chart emits as a failure fails the task with its error', async (witness) => {
    const answer = await witness.task('work', 'fail');
    expect(answer).toMatchObject({ type: 'task.failed', code: 'TASK_FAILED' });
    expect(answer.type === 'task.failed' && answer.error).toMatchObject({
      name: 'RangeError',
      message: 'no such work',
    });
    expect((await until(witness, ({ tasks }) => tasks.length === 0)).tasks).toEqual([]);
  }),
  law('an output that is not as defined fails the task', async (witness) => {
    expect(await failureOf(witness, 'wrong')).toMatchObject({ code: 'TASK_FAILED' });
  }),
  law('a task that it does not take as it stands is refused, with those that it takes', async (witness) => {
    const { code, message, expected } = await failureOf(witness, 'resume');
    expect(code).toBe('TASK_INCOMPATIBLE');
    expect(message).toContain('worker stands in');
    expect(expected).toContain('pause');
    expect(expected).not.toContain('resume');
    await outputOf(witness, 'pause');
    expect((await failureOf(witness, 'pause')).expected).toContain('resume');
  }),
  law('a guard may refuse a task for its input', async (witness) => {
    const { code, message, expected } = await failureOf(witness, 'arm', -1);
    expect(code).toBe('TASK_INCOMPATIBLE');
    expect(message).toContain('a guard refuses arm');
    expect(expected).toContain('arm');
  }),
  law('it says what it takes, where it stands, and whether it would take a task', async (witness) => {
    const ask = async (questionId: number, task?: { type: string; input?: unknown }) => {
      witness.body.post({ type: 'offer.asked', questionId, ...(task ? { task } : {}) });
      return (await witness.until('offer.told', (told) => told.questionId === questionId)).offer;
    };
    const { next, state, can } = await ask(1);
    expect(next).toContain('arm');
    expect(next).not.toContain('resume');
    expect(state).toMatchObject({ alive: { job: 'idle' } });
    expect(can).toBe(undefined);
    expect((await ask(2, { type: 'arm', input: 5 })).can).toBe(true);
    expect((await ask(3, { type: 'arm', input: -5 })).can).toBe(false);
    expect((await ask(4, { type: 'arm', input: 'five' })).can).toBe(false);
    expect((await ask(5, { type: 'resume' })).can).toBe(false);
    expect((await ask(6, { type: 'nothing' })).can).toBe(false);
    expect((await ask(7)).state).toEqual(state);
  }),
  law('invoked work has the log, the progress and the variables of its agent', async (witness) => {
    witness.body.post({ type: 'variable.changed', variable: { name: 'rate', value: 0.5, version: 3 } });
    await outputOf(witness, 'work', 'tell');
    expect(witness.all('task.progress').map(({ value }) => value)).toEqual(['half']);
    const working = await witness.until('log', ({ message }) => message === 'working');
    expect(working.fields).toEqual({ rate: 0.5 });
  }),
  law('a variable reaches it as an event, and is acknowledged once it has settled', async (witness) => {
    witness.body.post({ type: 'variable.changed', variable: { name: 'rate', value: 0.5, version: 3 } });
    expect((await witness.until('variable.acknowledged')).version).toBe(3);
    const saved = await until(witness, ({ variables }) => variables['rate'] === 3);
    expect(saved.snapshot.context.notes).toContain('rate 0.5 v3');
  }),
  law('a question of a round reaches it as an event, and its vote is what it emits', async (witness) => {
    const ask = async (roundId: string, value: number) => {
      const proposal = { roundId, variable: 'rate', value, current: 0, deadlineAt: 1, as: 'voter' as const };
      witness.body.post({ type: 'vote.asked', proposal });
      return (await witness.until('vote.cast', (cast) => cast.roundId === roundId)).vote;
    };
    expect(await ask('r1', 1)).toBe('accept');
    expect(await ask('r2', 2)).toBe('reject');
  }),
  law('a health check says where it stands', async (witness) => {
    witness.body.post({ type: 'health.check', checkId: 1 });
    expect((await witness.until('health.answered')).detail).toMatchObject({
      state: { alive: { job: 'idle' } },
    });
  }),
  law('a task that is cancelled is told to the chart, and frees its agent', async (witness) => {
    witness.body.post({ type: 'task.run', taskId: 'long', task: 'charge', input: undefined });
    await until(witness, ({ snapshot }) => snapshot.value.alive['job'] === 'charging');
    witness.body.post({ type: 'task.cancel', taskId: 'long', reason: 'enough' });
    expect(await witness.answer('long')).toMatchObject({ type: 'task.failed', error: { message: 'enough' } });
    const saved = await until(witness, ({ snapshot }) => snapshot.value.alive['job'] === 'idle');
    expect(saved.tasks).toEqual([]);
  }),
  law('answers name their task where two of a name are open', async (witness) => {
    witness.body.post({ type: 'task.run', taskId: 'p1', task: 'pair', input: 'one' });
    witness.body.post({ type: 'task.run', taskId: 'p2', task: 'pair', input: 'two' });
    expect(await witness.answer('p1')).toMatchObject({ output: 'first one' });
    expect(await witness.answer('p2')).toMatchObject({ output: 'second two 1' });
  }),
  law('a delay that is over changes the state, and that is told unasked', async (witness) => {
    await outputOf(witness, 'arm', 5);
    const rung = await until(witness, ({ snapshot }) => snapshot.context.notes.includes('rang'));
    expect(rung.snapshot.value.alive['alarm']).toBe('off');
    expect(rung.delayed).toEqual([]);
  }),
  law('after a crash a delay is due when it was due', async (witness, host) => {
    await outputOf(witness, 'arm', 600_000);
    const [armed] = newest(witness).delayed;
    const waiting = await reborn(host, witness);
    await until(waiting, ({ snapshot }) => snapshot.value.alive['alarm'] === 'armed');
    expect(newest(waiting).delayed).toMatchObject([{ id: armed!.id, target: [], dueAt: armed!.dueAt }]);
    const late = await reborn(host, waiting, (saved) => ({
      ...saved,
      delayed: saved.delayed.map((event) => ({ ...event, dueAt: event.dueAt! - 600_000 })),
    }));
    const rung = await until(late, ({ snapshot }) => snapshot.context.notes.includes('rang'));
    expect(rung.snapshot.value.alive['alarm']).toBe('off');
    return late;
  }),
  law('a delay that another wall clock has put off waits no longer than it was to', async (witness, host) => {
    const delayMs = 600_000;
    await outputOf(witness, 'arm', delayMs);
    expect(newest(witness).delayed).toMatchObject([{ scheduledMs: delayMs }]);
    const before = Date.now();
    const waiting = await reborn(host, witness, putOff);
    const [again] = (await until(waiting, isArmed)).delayed;
    expect(again!.dueAt! - before).toBeGreaterThanOrEqual(delayMs);
    expect(again!.dueAt! - Date.now()).toBeLessThanOrEqual(delayMs);
    // Of one that is given back a part is left; what it was to wait is as it was, in the third life, too.
    const later = await reborn(host, waiting, (saved) => ({
      ...saved,
      delayed: saved.delayed.map((event) => ({ ...event, dueAt: event.dueAt! - 300_000 })),
    }));
    const [left] = (await until(later, isArmed)).delayed;
    expect(left!.scheduledMs).toBe(delayMs);
    expect(left!.dueAt! - Date.now()).toBeLessThanOrEqual(delayMs - 300_000);
    return later;
  }),
  law(
    'a short delay that another wall clock has put off by a day rings all the same',
    async (witness, host) => {
      await outputOf(witness, 'arm', 600_000);
      const ringing = await reborn(host, witness, (saved) => ({
        ...saved,
        delayed: saved.delayed.map((event) => ({
          ...event,
          dueAt: event.dueAt! + 86_400_000,
          scheduledMs: 5,
        })),
      }));
      await until(ringing, ({ snapshot }) => snapshot.context.notes.includes('rang'));
      return ringing;
    },
  ),
  law(
    'after a crash it stands where it stood, in every region, and remembers its history',
    async (witness, host) => {
      await outputOf(witness, 'louder');
      await outputOf(witness, 'pause');
      const again = await reborn(host, witness);
      const saved = await until(again, ({ snapshot }) =>
        snapshot.context.notes.some((note) => note.startsWith('restored')),
      );
      expect(saved.snapshot.value.alive).toMatchObject({ player: 'paused', job: 'idle' });
      expect(saved.snapshot.context.notes).toContain('restored 2 after "killed"');
      await outputOf(again, 'resume');
      expect(newest(again).snapshot.value.alive['player']).toEqual({ playing: 'high' });
      return again;
    },
  ),
  law('after a crash invoked work is begun again, with what it was given', async (witness, host) => {
    witness.body.post({ type: 'task.run', taskId: 'w', task: 'work', input: 'hang' });
    await until(witness, ({ snapshot }) => snapshot.value.alive['job'] === 'working');
    const again = await reborn(host, witness, (saved) =>
      JSON.parse(JSON.stringify(saved).replaceAll('"hang"', '"echo"')),
    );
    const done = await until(again, ({ snapshot }) => snapshot.value.alive['job'] === 'idle');
    // It is answered, and nobody waits for it any more.
    expect(done.tasks).toEqual([]);
    expect(again.all('task.completed')).toEqual([]);
    return again;
  }),
  law('after a crash work that is not to be begun again is told as failed', async (witness, host) => {
    witness.body.post({ type: 'task.run', taskId: 'c', task: 'charge', input: undefined });
    await until(witness, ({ snapshot }) => snapshot.value.alive['job'] === 'charging');
    const again = await reborn(host, witness);
    const told = await until(again, ({ snapshot }) => snapshot.value.alive['job'] === 'idle');
    const note = told.snapshot.context.notes.find((one) => one.startsWith('charge'));
    expect(note).toBe('charge: charge was under way when its agent ended, and is not done again');
    expect(again.all('log').filter(({ message }) => message === 'charging')).toEqual([]);
    return again;
  }),
  law(
    'a task that is asked for again, under its id, is answered and not begun twice',
    async (witness, host) => {
      witness.body.post({ type: 'task.run', taskId: 'w', task: 'work', input: 'hang' });
      await until(witness, ({ snapshot }) => snapshot.value.alive['job'] === 'working');
      const again = await reborn(host, witness);
      again.body.post({ type: 'task.run', taskId: 'w', task: 'work', input: 'hang' });
      const saved = await until(again, ({ tasks }) => tasks[0]?.incarnation === 2);
      expect(saved.tasks).toEqual([{ taskId: 'w', task: 'work', incarnation: 2 }]);
      again.body.post({ type: 'task.cancel', taskId: 'w', reason: 'enough' });
      expect(await again.answer('w')).toMatchObject({ type: 'task.failed', error: { message: 'enough' } });
      return again;
    },
  ),
  law('a child comes back, with its delays, and ends once', async (witness, host) => {
    await outputOf(witness, 'hatch', { id: 'kid', growMs: 600_000 });
    const again = await reborn(host, witness, (saved) => ({
      ...saved,
      delayed: saved.delayed.map((event) => ({ ...event, dueAt: event.dueAt! - 600_000 })),
    }));
    expect(newest(witness).delayed).toMatchObject([{ source: ['kid'], target: ['kid'] }]);
    const grown = await until(again, ({ snapshot }) =>
      snapshot.context.notes.includes('done xstate.done.actor.kid'),
    );
    expect(grown.delayed).toEqual([]);
    return again;
  }),
  law('children without a name of their own come back, beside those that follow', async (witness, host) => {
    await outputOf(witness, 'hatch', { growMs: 600_000 });
    await outputOf(witness, 'hatch', { growMs: 600_000 });
    const again = await reborn(host, witness);
    await outputOf(again, 'hatch', { growMs: 600_000 });
    const last = await reborn(host, again);
    const saved = await until(last, ({ snapshot }) => Object.keys(snapshot.children).length === 4);
    expect(new Set(saved.delayed.map(({ source }) => source[0])).size).toBe(3);
    return last;
  }),
  law('what listens is listening again', async (witness, host) => {
    await until(witness, ({ snapshot }) => snapshot.context.notes.includes('tick'));
    const again = await reborn(host, witness);
    expect(ticks(await until(again, (saved) => ticks(saved) === 2))).toBe(2);
    return again;
  }),
  law('a variable that changed meanwhile is told after a restore, and no other', async (witness, host) => {
    witness.body.post({ type: 'variable.changed', variable: { name: 'rate', value: 0.5, version: 3 } });
    await until(witness, ({ variables }) => variables['rate'] === 3);
    const saved = newest(witness);
    witness.body.kill();
    await witness.exit();
    const restored = { json: JSON.stringify(saved), stateVersion: 1 };
    const notesFor = async (version: number, value: number) => {
      const again = await open(host, { restored, variables: [{ name: 'rate', value, version }] });
      const { snapshot } = contentOf((await again.until('state.changed')).state);
      expect(await again.terminate()).toBe('shutdown');
      return snapshot.context.notes.filter((note) => note.startsWith('rate'));
    };
    expect(await notesFor(3, 0.5)).toEqual(['rate 0.5 v3']);
    expect(await notesFor(4, 0.7)).toEqual(['rate 0.5 v3', 'rate 0.7 v4']);
  }),
  law('a chart that errors is the end of its agent, and what it invoked is let go', async (witness, host) => {
    witness.body.post({ type: 'task.run', taskId: 'w', task: 'work', input: 'hang' });
    witness.body.post({ type: 'task.run', taskId: 'b', task: 'break', input: undefined });
    expect(await witness.exit()).toMatchObject({ error: { message: 'broken' } });
    expect(newest(witness).snapshot.status).toBe('active');
    return open(host);
  }),
  law(
    'a chart that has reached its final state completes its agent, after the answer',
    async (witness, host) => {
      witness.body.post({ type: 'task.run', taskId: 'w', task: 'work', input: 'hang' });
      expect(await outputOf(witness, 'finish')).toBe('over');
      await witness.until('finished');
      expect(await witness.answer('w')).toMatchObject({
        type: 'task.failed',
        error: { message: 'the chart has ended, and has not answered work' },
      });
      expect(witness.reports.at(-1)?.type).toBe('finished');
      expect(newest(witness).snapshot.status).toBe('done');
      // Started again it begins anew.
      const saved = newest(witness);
      expect(await witness.terminate()).toBe('shutdown');
      const again = await open(host, { restored: { json: JSON.stringify(saved), stateVersion: 1 } });
      const { state } = await again.until('state.changed');
      expect(contentOf(state).snapshot.value.alive['job']).toBe('idle');
      return again;
    },
  ),
  law('a snapshot of another chart is the end of a start, and named', async (witness, host) => {
    await witness.until('state.changed');
    const saved = newest(witness);
    const startWith = async (change: object, stateVersion = 1) => {
      const json = JSON.stringify({ ...saved, ...change });
      const refused = openWitnessed(host, { module, initArgs: undefined, restored: { json, stateVersion } });
      const reason = await refused.exit();
      return typeof reason === 'object' && 'error' in reason ? reason.error.message : reason;
    };
    const snapshot = { ...saved.snapshot, value: { alive: { job: 'resting' } } };
    expect(await startWith({ chart: 'f'.repeat(32), snapshot })).toMatch(
      /another chart of chart-worker \(ffffffff, .*it stands in alive\.job\.resting, a state that worker does not have, and the definition has no migrate/,
    );
    expect(await startWith({ chart: 'f'.repeat(32) })).toMatch(
      /their delays differ, and the definition has no migrate/,
    );
    expect(await startWith({}, 2)).toMatch(
      /version 2, the definition chart-worker has 1: it was saved by a newer one/,
    );
    expect(await startWith({ chart: undefined })).toMatch(
      /is not that of a chart, and the definition has no migrate/,
    );
  }),
  law(
    'a state is saved when asked for, and its end lets go of all that it invoked',
    async (witness, host) => {
      witness.body.post({ type: 'task.run', taskId: 'w', task: 'work', input: 'hang' });
      await until(witness, ({ snapshot }) => snapshot.value.alive['job'] === 'working');
      witness.body.post({ type: 'state.save' });
      expect(contentOf((await witness.until('state.saved')).state).snapshot.value.alive['job']).toBe(
        'working',
      );
      expect(await witness.terminate()).toBe('shutdown');
      const lines = witness.all('log').map(({ message }) => message);
      expect(lines).toContain('work was let go');
      expect(lines).toContain('not listening');
      return open(host);
    },
  ),
];

const hosts = { 'in-process': inProcessHost, thread: threadHost, process: processHost } as const;

for (const [name, create] of Object.entries(hosts)) {
  describe(`a chart in the ${name} host`, () => {
    const host = create();
    afterAll(() => host.close());
    // What one process costs, all of these would: there they share one.
    const start =
      name === 'process'
        ? { resources: { cpuPriority: 'normal' as const, maxRuntimeMs: Infinity, group: 'all' } }
        : {};
    const grouped: Host =
      name === 'process'
        ? {
            ...host,
            refusal: host.refusal,
            describe: host.describe,
            open: (asks, listener) => host.open({ ...asks, ...start }, listener),
            close: () => host.close(),
          }
        : host;
    test.each(laws)('$name', async ({ keep }) => {
      const witness = await open(grouped);
      const last = (await keep(witness, grouped)) ?? witness;
      if (last.exits.length === 0) expect(await last.terminate()).toBe('shutdown');
    });
  });
}
