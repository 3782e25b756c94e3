import { pino } from 'pino';
import { beforeAll, describe, expect, it } from 'vitest';
import { percent } from '../../examples/digits/report.ts';
import { runDigits } from '../../examples/digits/run.ts';

const SETTINGS = { trainers: 2, digits: 1_500, trialDigits: 300, scouting: 2, trials: 2, epochs: 2 };

describe('the digits experiment, a small one', () => {
  let report = '';
  let findings: Awaited<ReturnType<typeof runDigits>>;
  const progress: string[] = [];

  beforeAll(async () => {
    findings = await runDigits({
      ...SETTINGS,
      out: (text) => (report += text),
      onProgress: (line) => progress.push(line),
      logger: pino({ level: 'silent' }),
    });
  });

  it('goes well, and says so', () => {
    expect(findings.problems).toEqual([]);
    expect(report).toContain('All well: seed 1, 1,500 digits, agents in processes');
  });

  it('has two agents die as was ordered, and come back with all they had finished', () => {
    const ends = findings.crashes.map(({ agentId, reason }) => ({ agentId, reason }));
    expect(ends).toEqual([
      { agentId: 'alone-1', reason: 'out_of_memory' },
      { agentId: 'team-2', reason: { exitCode: 7 } },
    ]);
    for (const crash of findings.crashes) {
      expect(crash).toMatchObject({ wasTold: true, trialsKept: crash.trial, trialsTwice: 0 });
      expect(crash.runningAt).toBeGreaterThan(crash.at + 249);
      expect(crash.lostMs).toBeGreaterThan(0);
      const life = findings.lives.find(({ id }) => id === crash.agentId);
      expect(life).toMatchObject({ incarnations: 2, tasksFailed: 1 });
      expect(life?.path.join(' ')).toContain('running crashed starting running stopping stopped');
    }
  });

  it('gives each trainer alone and in the team the same number of trials', () => {
    const perTrainer = SETTINGS.scouting + SETTINGS.trials;
    for (const { id, tasksDone } of findings.lives) {
      const inherited = id.startsWith('team') ? SETTINGS.scouting : 0;
      const suggestions = id.startsWith('team') ? SETTINGS.trials / 2 : 0;
      expect({ id, tasksDone }).toEqual({
        id,
        tasksDone: perTrainer - inherited + suggestions + SETTINGS.epochs + 1,
      });
    }
  });

  it('shows each round: who proposed what, how they voted, and what it did', () => {
    expect(findings.rounds.length).toBeGreaterThan(0);
    for (const { by, votes, outcome, before, after } of findings.rounds) {
      expect(by).toMatch(/^team-[12]$/);
      expect(votes.every((cast) => cast !== undefined)).toBe(true);
      expect(report).toContain(`${percent(before!)} → ${percent(after!)}`);
      const accepted = votes.filter((cast) => cast?.vote === 'accept').length;
      const rejected = votes.filter((cast) => cast?.vote === 'reject').length;
      expect(outcome).toBe(accepted > rejected ? 'accepted' : 'rejected');
    }
  });

  it('has the whole team train the recipe that was decided on', () => {
    const last = findings.rounds.findLast(({ outcome }) => outcome === 'accepted');
    expect(findings.recipe).toEqual(last?.recipe ?? findings.recipe);
    expect(findings.team.map(({ recipe }) => recipe)).toEqual([findings.recipe, findings.recipe]);
  });

  it('says how far it is while it works', () => {
    expect(progress.some((line) => line.includes('searching alone') && line.includes('2 running'))).toBe(
      true,
    );
    expect(progress.some((line) => line.includes('deciding together, round 1 of 1'))).toBe(true);
  });
});

it('an interrupted experiment stops its agents and rejects with what interrupted it', async () => {
  const interrupt = new AbortController();
  const reason = new Error('enough');
  const running = runDigits({
    ...SETTINGS,
    isolation: 'in-process',
    sabotage: false,
    signal: interrupt.signal,
    out: () => {},
    onProgress: () => interrupt.abort(reason),
    logger: pino({ level: 'silent' }),
  });
  await expect(running).rejects.toMatchObject({ cause: reason });
});
