/**
 * The newest log lines of a system, for the dashboard to show beside the agents that wrote them.
 *
 * A destination for pino, to be given to the system's own logger beside others. Bounded; it writes nowhere.
 */
import { z } from 'zod';
import { parseInput } from '../runtime/values/malformed.ts';

/** The newest log lines of a system. */
export interface LogTail {
  /** What pino calls, with one line of JSON. */
  write(line: string): void;
  /** The newest lines that carry this agent's id, oldest first. */
  linesOf(agentId: string, limit: number): readonly Readonly<Record<string, unknown>>[];
}

const optionsSchema = z.strictObject({
  maxLines: z.int().min(1).default(5_000),
});
/** Longer lines are left out: half a line is no JSON. */
const MAX_LINE = 16_384;

/**
 * Keeps the newest log lines, for the dashboard to show: a destination for pino beside others.
 *
 * @param options.maxLines that are kept, the newest; default 5,000
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options
 */
export function logTail(options: { readonly maxLines?: number } = {}): LogTail {
  const { maxLines } = parseInput(optionsSchema, options, { what: 'logTail' });
  const lines: string[] = [];
  let next = 0;
  return {
    write(line) {
      if (typeof line !== 'string' || line.length > MAX_LINE) return;
      lines[next] = line;
      next = (next + 1) % maxLines;
    },
    linesOf(agentId, limit) {
      const found: Record<string, unknown>[] = [];
      const mention = JSON.stringify(agentId);
      for (let back = 1; back <= lines.length && found.length < limit; back++) {
        const line = lines[(next - back + maxLines) % maxLines];
        if (!line?.includes(mention)) continue;
        const fields = fieldsOf(line);
        if (fields?.['agentId'] === agentId) found.push(fields);
      }
      return found.toReversed();
    },
  };
}

function fieldsOf(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
