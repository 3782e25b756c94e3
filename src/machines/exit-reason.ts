/**
 * Why an agent's body ended, as data, and what that means for its status.
 *
 * Normal → completed, shutdown → stopped, anything else → crashed.
 */
import { z } from 'zod';

/** An error as plain data: it crosses threads, processes and stores unharmed. */
export interface ErrorInfo {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** A text like Node's `ECONNRESET`, or a number like those of gRPC and HTTP. */
  readonly code?: string | number | undefined;
  readonly cause?: ErrorInfo | undefined;
  /** The errors that an `AggregateError` stands for. */
  readonly errors?: readonly ErrorInfo[] | undefined;
  /** Its other fields as JSON data: `status`, `headers`, `retryAfter`; without secrets. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}

const errorInfo: z.ZodType<ErrorInfo> = z.strictObject({
  name: z.string(),
  message: z.string(),
  stack: z.string().optional(),
  code: z.union([z.string(), z.number()]).optional(),
  cause: z.lazy(() => errorInfo).optional(),
  errors: z.array(z.lazy(() => errorInfo)).optional(),
  data: z.record(z.string(), z.unknown()).optional(),
});

export const exitReason = z.union([
  z.enum([
    'normal',
    'shutdown',
    'killed',
    'unresponsive',
    'start_timed_out',
    'out_of_memory',
    'disconnected',
    'host_lost',
  ]),
  z.strictObject({ shutdown: z.string() }),
  z.strictObject({ error: errorInfo }),
  z.strictObject({ exitCode: z.number().int() }),
  z.strictObject({ signal: z.string() }),
]);

/**
 * Why a body ended.
 *
 * `normal`: it finished its work. `shutdown` or `{ shutdown: why }`: it was asked to end. All others are
 * crashes: killed, missed health checks, too slow a start, out of memory, a lost channel, a lost program, an
 * uncaught error, an exit that nobody asked for, whatever its code, or a signal.
 */
export type ExitReason = z.infer<typeof exitReason>;

export type EndStatus = 'completed' | 'stopped' | 'crashed';

/** The status of an agent whose body ended for `reason`. Pure. */
export function endStatusOf(reason: ExitReason): EndStatus {
  if (reason === 'normal') return 'completed';
  if (reason === 'shutdown') return 'stopped';
  if (typeof reason === 'object' && 'shutdown' in reason) return 'stopped';
  return 'crashed';
}

/** The reason in one line, for logs, alerts and error messages. Pure. */
export function describeExit(reason: ExitReason): string {
  if (typeof reason === 'string') return reason;
  if ('shutdown' in reason) return `shutdown: ${reason.shutdown}`;
  if ('error' in reason) return `${reason.error.name}: ${reason.error.message}`;
  if ('exitCode' in reason) return `exit code ${reason.exitCode}`;
  return `signal ${reason.signal}`;
}
