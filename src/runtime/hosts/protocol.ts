/**
 * What a parent and its child, a thread or a process, say to each other: one protocol for both.
 *
 * I1  A body key is used once: it stands for one agent in one incarnation, so nothing late can be mistaken.
 * I2  Messages travel in batches, each way in order; only `health.*` and `task.cancel` may overtake.
 * I3  A child has at the most `WINDOW` batches under way that its parent has not acknowledged. What an agent
 *     says of its own accord (progress, logs) waits, is merged or dropped beyond that; nothing else ever is.
 */
import type { ErrorInfo, ExitReason } from '../../machines/index.ts';
import type { AgentManifest } from '../define-agent.ts';
import { errorInfoOf } from '../errors.ts';
import type { BodyReport, BodyRequest, BodyStart, Usage } from '../host.ts';

export type BodyKey = number;

/** The start of a body whose module is loaded elsewhere. */
export type RemoteStart = Omit<BodyStart, 'module'> & { readonly module: string };

export type ToChild =
  | { readonly kind: 'open'; readonly body: BodyKey; readonly start: RemoteStart }
  | { readonly kind: 'ask'; readonly body: BodyKey; readonly request: BodyRequest }
  /** Ends one body of several; a child of one is killed as a whole. */
  | { readonly kind: 'kill'; readonly body: BodyKey }
  | { readonly kind: 'describe'; readonly module: string; readonly initArgs: unknown }
  /** Its last body has ended: the child may go. */
  | { readonly kind: 'end' };

export type ToParent =
  | { readonly kind: 'report'; readonly body: BodyKey; readonly report: BodyReport }
  | { readonly kind: 'exited'; readonly body: BodyKey; readonly reason: ExitReason }
  /** Something that no body can answer for ends the child, and with it all its bodies. */
  | { readonly kind: 'crashed'; readonly reason: ExitReason }
  | { readonly kind: 'described'; readonly manifest?: AgentManifest; readonly error?: ErrorInfo }
  | { readonly kind: 'usage'; readonly usage: Usage };

/** One message to a child. `taken` counts the batches from it that were handled, over its whole life. */
export interface ChildBatch {
  readonly taken: number;
  readonly items: readonly ToChild[];
}

/** One message to a parent. */
export interface ParentBatch {
  readonly items: readonly ToParent[];
}

export const WINDOW = 32;

/** The exit code of a child that lost its parent's channel. */
export const DISCONNECTED_EXIT_CODE = 76;

/** What a child prints last when it ends itself for the memory it holds. */
export const OUT_OF_MEMORY_LINE = 'FATAL ERROR: mabeam: resident size is past maxMemoryBytes, out of memory';

const KINDS: ReadonlySet<unknown> = new Set<ToParent['kind']>([
  'report',
  'exited',
  'crashed',
  'described',
  'usage',
]);

/** The batch that came from a child; what its agent's own code sent past the protocol is `undefined`. */
export function parseParentBatch(message: unknown): ParentBatch | undefined {
  if (typeof message !== 'object' || message === null || !('items' in message)) return undefined;
  const { items } = message;
  if (!Array.isArray(items)) return undefined;
  for (const item of items as unknown[]) {
    if (typeof item !== 'object' || item === null || !('kind' in item) || !KINDS.has(item.kind))
      return undefined;
  }
  return message as ParentBatch;
}

/** What says that a value cannot leave its thread or process. */
export function cloneError(what: string, thrown: unknown): ErrorInfo {
  return {
    name: 'DataCloneError',
    message: `${what} cannot be sent to another thread or process: ${errorInfoOf(thrown).message}`,
    code: 'ERR_DATA_CLONE',
  };
}
