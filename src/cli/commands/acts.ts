/**
 * `mabeam start|stop|restart|pause|resume|kill|forget ID…`: acts on agents of a running system.
 *
 * I1  An act that ends an agent's work is confirmed first.
 * I2  Each agent is acted on separately: a refusal does not affect the others, and fails the command.
 */
import type { ActReport, AgentDetail } from '../../dashboard/protocol.ts';
import { apiOf, type Call, confirm, type JsonOption, outJson, type UrlOptions } from '../call.ts';
import { plainText } from '../console.ts';
import { CommandFailure, linesOfFailure } from '../failure.ts';
import { type FleetApi, part } from '../fleet-api.ts';

export interface ActOptions extends UrlOptions, JsonOption {
  readonly yes?: boolean;
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

interface Outcome {
  readonly agentId: string;
  readonly text: string;
  readonly result?: unknown;
  readonly failure?: readonly string[];
}

export async function act(
  call: Call,
  command: Act,
  ids: readonly string[],
  options: ActOptions,
): Promise<void> {
  const { console, signal } = call;
  const api = apiOf(call, options);
  api.assertControl();
  const ends = WHAT_IT_ENDS[command];
  if (ends !== undefined) {
    const who = ids.length > 5 ? `${ids.length} agents` : ids.join(', ');
    await confirm(call, `${command} ${plainText(who)}? This ${ends}.`, options.yes);
  }
  const outcomes = await Promise.all(
    ids.map(async (agentId): Promise<Outcome> => {
      try {
        const { result } = await done(api, command, agentId, options);
        return { agentId, text: textOf(result), result };
      } catch (thrown) {
        signal.throwIfAborted();
        return { agentId, text: 'refused', failure: linesOfFailure(thrown) };
      }
    }),
  );
  if (options.json) {
    outJson(
      console,
      outcomes.map(({ agentId, result, failure }) => ({ agentId, result, refused: failure?.[0] })),
    );
  }
  for (const { agentId, text, failure } of outcomes) {
    if (failure === undefined && !options.json) console.out(`${plainText(agentId)}  ${text}`);
    failure?.forEach((line) => console.note(line));
  }
  const refused = outcomes.filter(({ failure }) => failure !== undefined).length;
  if (refused > 0) throw new CommandFailure(`${command}: refused for ${refused} of ${ids.length}`);
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
  const { status, incarnation, reason } = result as {
    readonly status?: string;
    readonly incarnation?: number;
    readonly reason?: string;
  };
  const parts = [
    status ?? 'running',
    incarnation === undefined ? '' : `incarnation ${incarnation}`,
    plainText(reason ?? ''),
  ];
  return parts.filter((one) => one !== '').join('  ');
}
