/** `mabeam start|stop|restart|pause|resume|kill|forget ID…`: acts on agents of a running system. */
import type { ActReport, AgentDetail } from '../../dashboard/protocol.ts';
import type { Call } from '../call.ts';
import { plainText } from '../console.ts';
import { type FleetApi, part } from '../fleet-api.ts';
import { actOnEach, type ActOnEachOptions } from './act-on-each.ts';

export interface ActOptions extends ActOnEachOptions {
  /** Grace of a stop, in ms. */
  readonly timeout?: number;
}

export type Act = 'start' | 'stop' | 'restart' | 'pause' | 'resume' | 'kill' | 'forget';

const WHAT_IT_ENDS: Partial<Record<Act, string>> = {
  stop: 'ends its work in order',
  restart: 'ends its work in order, where it runs',
  kill: 'ends it at once, in the middle of its work',
  forget: 'removes its record and its saved state',
};

export async function act(
  call: Call,
  command: Act,
  ids: readonly string[],
  options: ActOptions,
): Promise<void> {
  await actOnEach(
    call,
    {
      verb: command,
      noun: 'agent',
      ids,
      ends: WHAT_IT_ENDS[command],
      act: (api, agentId) => done(api, command, agentId, options),
      textOf,
    },
    options,
  );
}

/** A restart of one that runs is a stop and a start: by itself the system restarts only what has ended. */
async function done(api: FleetApi, command: Act, id: string, { timeout }: ActOptions): Promise<ActReport> {
  const path = `agents/${part(id)}`;
  const grace = timeout === undefined ? {} : { timeoutMs: timeout };
  if (command === 'restart') {
    const { legal } = await api.get<AgentDetail>(path);
    if (!legal.includes('restart') && legal.includes('stop')) await api.act(`${path}/stop`, grace);
    return api.act(`${path}/restart`);
  }
  return api.act(`${path}/${command}`, command === 'stop' ? grace : {});
}

function textOf(result: unknown): string {
  const { status, paused, incarnation, reason } = result as {
    readonly status?: string;
    readonly paused?: object;
    readonly incarnation?: number;
    readonly reason?: string;
  };
  const parts = [
    status ?? 'running',
    paused === undefined ? '' : 'paused',
    incarnation === undefined ? '' : `incarnation ${incarnation}`,
    plainText(reason ?? ''),
  ];
  return parts.filter((one) => one !== '').join('  ');
}
