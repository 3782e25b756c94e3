/**
 * A thread or a process that bodies run in, as its parent sees it: thread-child.ts and process-child.ts.
 *
 * I1  `ended` is called exactly once, and nothing after it.
 * I2  The reason of the first `kill` is the reason it ends with, whatever the signal looks like afterwards.
 */
import type { ExitReason } from '../../../machines/index.ts';
import type { Usage } from '../host.ts';
import type { WithErrors } from './errors-within.ts';
import type { ChildMessage } from './protocol.ts';

export interface ChildListener {
  message(message: unknown): void;
  /** One line that its code printed past the agent's log. */
  printed(stream: 'stdout' | 'stderr', line: string): void;
  ended(reason: ExitReason): void;
}

export interface Child {
  /** What it is called in texts. */
  readonly kind: 'thread' | 'process';
  /** Sends one message; throws when a value in it cannot be cloned. */
  send(message: WithErrors<ChildMessage>, transfer: readonly ArrayBuffer[]): void;
  /** Ends it at once. The reason is recorded before anything is signalled. */
  kill(reason: ExitReason): void;
  /** The newest measurement of the whole child. */
  readonly usage: Usage | undefined;
  /** Measures it, and kills it when it is past its limit. */
  watch(): void;
  /** A body in it has started. */
  started?(): void;
  /** Whether it keeps the program alive. */
  ref(isKept: boolean): void;
}
