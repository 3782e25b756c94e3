/**
 * Acts on several agents or tasks of a running system.
 *
 * I1  An act that ends work is confirmed first.
 * I2  Each is acted on separately: a refusal does not affect the others, and fails the command.
 */
import type { ActReport } from '../../dashboard/protocol.ts';
import { apiOf, type Call, confirm, type JsonOption, outJson, type UrlOptions } from '../call.ts';
import { plainText } from '../console.ts';
import { CommandFailure, linesOfFailure } from '../failure.ts';
import { counted } from '../figures.ts';
import type { FleetApi } from '../fleet-api.ts';

export interface ActOnEachOptions extends UrlOptions, JsonOption {
  readonly yes?: boolean;
}

interface ActOnEach {
  readonly verb: string;
  readonly noun: 'agent' | 'task';
  readonly ids: readonly string[];
  /** What the act ends, said in the question; without it nobody is asked. */
  readonly ends: string | undefined;
  readonly act: (api: FleetApi, id: string) => Promise<ActReport>;
  readonly textOf: (result: unknown) => string;
}

const KEY_IN_JSON = { agent: 'agentId', task: 'id' } as const;

export async function actOnEach(
  call: Call,
  { verb, noun, ids, ends, act, textOf }: ActOnEach,
  options: ActOnEachOptions,
): Promise<void> {
  const { console, signal } = call;
  const api = apiOf(call, options);
  api.assertControl();
  if (ends !== undefined) {
    const which = ids.length > 5 ? counted(ids.length, noun) : ids.join(', ');
    await confirm(call, `${verb} ${plainText(which)}? This ${ends}.`, options.yes);
  }
  const outcomes = await Promise.all(
    ids.map(async (id) => {
      try {
        return { id, result: (await act(api, id)).result };
      } catch (thrown) {
        signal.throwIfAborted();
        return { id, refused: linesOfFailure(thrown) };
      }
    }),
  );
  if (options.json) {
    outJson(
      console,
      outcomes.map(({ id, result, refused }) => ({
        [KEY_IN_JSON[noun]]: id,
        result,
        refused: refused?.[0],
      })),
    );
  }
  for (const { id, result, refused } of outcomes) {
    if (refused === undefined && !options.json) console.out(`${plainText(id)}  ${textOf(result)}`);
    refused?.forEach((line) => console.note(line));
  }
  const refusals = outcomes.filter(({ refused }) => refused !== undefined).length;
  if (refusals > 0) throw new CommandFailure(`${verb}: refused for ${refusals} of ${ids.length}`);
}
