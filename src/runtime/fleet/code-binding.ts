/**
 * Which code the agents of a store run: that which this program gives for their type, not that of their registration.
 *
 * I1  The code that a program gives for a type applies to every agent of the store so far, in later programs too, until
 *     one gives other code. An older place is never used again.
 * I2  If code cannot be found, the agent's code is missing, and a message says what to do: no other code is run.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type AgentCode, type BoundCode, codeByType } from '../definition/module-binding.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery, StoredAgent } from '../journal/store.ts';
import { urlInWords } from '../values/url-in-words.ts';
import { isElsewhere } from './program-folder.ts';

export interface MissingCode {
  readonly missing: string;
}

type Registered = StoredAgent['registered'];
type Warn = (problem: string) => void;
const ignore = (): void => {};
export type CodeOf = (registered: Registered) => BoundCode | MissingCode;

/** In the store: where the code of a type was last, for agents registered up to a sequence of the stream. */
const keptSchema = z.strictObject({ url: z.string().nullable(), upTo: z.int() });
type Kept = z.infer<typeof keptSchema>;

const factOf = (type: string): string => `code of ${type}`;

export function isMissing(code: BoundCode | MissingCode): code is MissingCode {
  return 'missing' in code;
}

/** Pure, except that it looks whether files exist. */
export function codeFor(given: readonly AgentCode[], { facts }: Recovery, warn: Warn = ignore): CodeOf {
  const bound = codeByType(given);
  /** Places that were warned of. */
  const told = new Set<string>();
  return (registered) => {
    const { agentType: type, spec } = registered;
    const code = bound.get(type);
    if (code instanceof URL) return thereOrMissing(code, type);
    const url = placeOf(registered, facts);
    if (code === undefined) {
      if (url !== undefined) {
        const module = new URL(url);
        if (isElsewhere(module) && !told.has(url)) {
          told.add(url);
          // It may be what an older release has left: that is not run in silence.
          warn(
            `agents of type "${type}" run ${urlInWords(url)}, which is not in the folder of this program: give createAgentSystem({ agents: [{ type: "${type}", module: URL }] }) where it is in this release`,
          );
        }
        return thereOrMissing(module, type);
      }
      return {
        missing: `no definition of type "${type}" was given to createAgentSystem({ agents })`,
      };
    }
    if (isInProcess(spec)) return code;
    const elsewhere = `agent ${registered.agentId} does not run in this program, and a definition of type "${type}" was given to createAgentSystem({ agents }): expected { type, module: URL }`;
    if (url === undefined) return { missing: elsewhere };
    // It keeps its module, with a warning.
    warn(`${elsewhere}; it runs ${urlInWords(url)}, as before`);
    return thereOrMissing(new URL(url), type);
  };
}

/** Keeps what this program gives, for later programs that give nothing. */
export function bindCode(
  given: readonly AgentCode[],
  recovery: Recovery,
  journal: Journal,
  warn: Warn,
): CodeOf {
  const bound = codeByType(given);
  const kept = new Set<string>();
  for (const { registered } of recovery.agents) {
    const { agentType: type } = registered;
    const code = bound.get(type);
    if (code === undefined || kept.has(type)) continue;
    if (!(code instanceof URL) && !isInProcess(registered.spec)) continue;
    const url = code instanceof URL ? code.href : undefined;
    if (placeOf(registered, recovery.facts) === url) continue;
    kept.add(type);
    const place: Kept = { url: url ?? null, upTo: recovery.lastSequence };
    journal.keepFact(factOf(type), JSON.stringify(place));
  }
  return codeFor(given, recovery, warn);
}

/** One agent for each type whose code this program gives at another URL than it had before. */
export function movedCode(
  given: readonly AgentCode[],
  { agents, facts }: Recovery,
): ReadonlyMap<URL, Registered> {
  const bound = codeByType(given);
  const moved = new Map<URL, Registered>();
  for (const { registered } of agents) {
    const code = bound.get(registered.agentType);
    if (!(code instanceof URL) || moved.has(code) || placeOf(registered, facts) === code.href) continue;
    if (!isMissing(thereOrMissing(code, registered.agentType))) moved.set(code, registered);
  }
  return moved;
}

/** The new place of its code, if that has moved. */
export function moveOf(
  { spec: { module } }: Registered,
  found: BoundCode | MissingCode,
): { readonly moved?: { readonly from?: string; readonly to?: string } } {
  if (isMissing(found)) return {};
  const from = 'url' in module ? module.url : undefined;
  const to = found instanceof URL ? found.href : undefined;
  if (from === to) return {};
  return { moved: { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) } };
}

/** The last place of its code, as a URL; `undefined` if it was defined in a program. */
function placeOf({ agentType, sequence, spec }: Registered, facts: Recovery['facts']): string | undefined {
  const fact = facts.get(factOf(agentType));
  if (fact !== undefined) {
    const { url, upTo } = keptSchema.parse(JSON.parse(fact));
    if (sequence <= upTo && (url !== null || isInProcess(spec))) return url ?? undefined;
  }
  return 'url' in spec.module ? spec.module.url : undefined;
}

function isInProcess(spec: Registered['spec']): boolean {
  const { isolation = 'in-process' } = spec as { readonly isolation?: string };
  return isolation === 'in-process';
}

function thereOrMissing(module: URL, type: string): URL | MissingCode {
  if (module.protocol !== 'file:' || existsSync(fileURLToPath(module))) return module;
  return {
    missing: `module ${urlInWords(module)} is not there: give createAgentSystem({ agents: [{ type: "${type}", module: URL }] }) where it is now`,
  };
}
