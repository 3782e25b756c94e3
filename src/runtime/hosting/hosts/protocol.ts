/**
 * What a parent and its child, a thread or a process, say to each other: one protocol for both.
 *
 * I1  A body key is used once: it stands for one agent in one incarnation, so nothing late can be mistaken.
 * I2  Messages carry many things, each way in order; only `health.*` and `task.cancel` may overtake.
 * I3  A child has at the most `WINDOW` full batches under way that its parent has not taken. What an agent says
 *     of its own accord (progress, logs) waits, is merged or dropped beyond that; nothing else ever is.
 *
 * A message is one flat array: names of fields would cost as much to send as most tasks.
 */
import type { ErrorInfo, ExitReason } from '../../../machines/index.ts';
import type { AgentManifest } from '../../definition/manifest.ts';
import type { ChartCounts } from '../../engine/chart-counts.ts';
import { errorInfoOf } from '../../values/errors.ts';
import type { BodyReport, BodyRequest, BodyStart, Usage } from '../host.ts';

export type BodyKey = number;

/** The key of what is the child's own, and no body's. */
export const CHILD: BodyKey = 0;

/** The start of a body whose module is loaded elsewhere. */
export type RemoteStart = Omit<BodyStart, 'module'> & { readonly module: string };

/** What a parent asks. */
export type ChildRequest =
  | BodyRequest
  | { readonly type: 'open'; readonly start: RemoteStart }
  /** Ends one body of several; a child of one is killed as a whole. */
  | { readonly type: 'kill' }
  | {
      readonly type: 'describe';
      /** Stands for this one question: its answer carries it. */
      readonly question: number;
      readonly module: string;
      readonly initArgs: unknown;
    }
  /** Its last body has ended: the child may go. */
  | { readonly type: 'end' };

/** What a child tells. */
export type ChildReport =
  | BodyReport
  | {
      readonly type: 'exited';
      readonly reason: ExitReason;
      /** Its module did not load: it fails for ever in this child, mended or not. */
      readonly didNotLoad?: boolean;
    }
  /** Something that no body can answer for ends the child, and with it all its bodies. */
  | { readonly type: 'crashed'; readonly reason: ExitReason }
  | {
      readonly type: 'described';
      readonly question: number;
      readonly manifest?: AgentManifest;
      readonly error?: ErrorInfo;
      /** Something that the module began when it was loaded goes on: it listens, or has timers. */
      readonly isHolding?: boolean;
    }
  | { readonly type: 'usage'; readonly usage: Usage }
  /** What was counted of the charts that its agents are since it told of them last: it goes along with other reports. */
  | { readonly type: 'counted'; readonly charts: readonly ChartCounts[] };

export interface ToChild {
  readonly body: BodyKey;
  readonly request: ChildRequest;
}

export interface ToParent {
  readonly body: BodyKey;
  readonly report: ChildReport;
}

/** How many batches of the child were taken over its whole life; then keys and requests in turns. */
export type ChildMessage = readonly [taken: number, ...items: (BodyKey | ChildRequest)[]];
/** Keys and reports in turns. */
export type ParentMessage = readonly (BodyKey | ChildReport)[];

/** Full batches that may be under way to a parent. */
export const WINDOW = 32;
/** What one batch holds; the other side works on it while the next one grows. */
export const BATCH_ITEMS = 16;

/** How long the fields of one log line may be, about, in characters of JSON. */
export const MAX_LOG_TEXT = 1_048_576;

/** How long all that is counted may be, about, in characters of JSON: longer names are told by nobody. */
export const MAX_COUNTS_TEXT = 4_194_304;

/** The exit code of a child that lost its parent's channel. */
export const DISCONNECTED_EXIT_CODE = 76;

/** What a child prints last when it ends itself for the memory it holds. */
export const OUT_OF_MEMORY_LINE = 'FATAL ERROR: mabeam: resident size is past maxMemoryBytes, out of memory';

export function childMessage(taken: number, items: readonly ToChild[]): ChildMessage {
  const message: [number, ...(BodyKey | ChildRequest)[]] = [taken];
  for (const { body, request } of items) message.push(body, request);
  return message;
}

export function parentMessage(items: Iterable<ToParent>): ParentMessage {
  const message: (BodyKey | ChildReport)[] = [];
  for (const { body, report } of items) message.push(body, report);
  return message;
}

/** Hands on each request of a message, which is taken to be well-formed: a child trusts its parent. */
export function eachRequest(
  message: ChildMessage,
  take: (body: BodyKey, request: ChildRequest) => void,
): void {
  for (let at = 1; at < message.length; at += 2)
    take(message[at] as BodyKey, message[at + 1] as ChildRequest);
}

/** What says that a value cannot leave its thread or process, and why: `what` names the whole of it. */
export function cloneError(what: string, problem: unknown): ErrorInfo {
  const why = typeof problem === 'string' ? problem : errorInfoOf(problem).message;
  return {
    name: 'DataCloneError',
    message: `${what} cannot be sent to another thread or process: ${why}`,
    code: 'ERR_DATA_CLONE',
  };
}
