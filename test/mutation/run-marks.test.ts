import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createRunMark } from './run-marks.ts';

describe.runIf(process.platform === 'linux')('what a run of tests has started', () => {
  it('ends with the run, also in a group of its own whose starter was killed; what is not of the run goes on', async () => {
    const mark = createRunMark();
    const other = createRunMark();
    const stranger = spawn('sleep', ['600'], { env: { ...process.env, ...other.env } });
    // As a server is started, in a group of its own.
    const starter = spawn('/bin/sh', ['-c', "setsid sh -c 'echo; exec sleep 600' & wait"], {
      env: { ...process.env, ...mark.env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(starter.stdout, 'data');
    const ended = once(starter, 'exit');
    starter.kill('SIGKILL');
    await ended;

    expect(mark.pids()).toHaveLength(1);
    expect(mark.pids(mark.pids()[0])).toEqual([]);
    await mark.end();
    expect(mark.pids()).toEqual([]);
    expect(other.pids()).toEqual([stranger.pid]);

    const gone = once(stranger, 'exit');
    await other.end();
    expect(await gone).toEqual([null, 'SIGKILL']);
  });
});
