/**
 * Sends a notice of every alert that is raised or cleared: in order, one message at a time.
 *
 * I1  Alerts that come while a message is under way go out together in the next one: a storm of alerts is a few
 *     messages, and a single alert is sent at once.
 * I2  What waits is bounded; the oldest is dropped first, and the next message says how many were.
 * I3  A message that cannot be sent is logged and counted, and does not hold up the next.
 * I4  After `close` nothing listens and nothing is under way.
 */
import type { Logger } from 'pino';
import { z } from 'zod';
import type { AgentSystem, AlertType, SystemEvent } from '../index.ts';
import { systemClock } from '../runtime/time/clock.ts';
import { errorInfoOf } from '../runtime/values/errors.ts';
import { having, parseInput } from '../runtime/values/malformed.ts';
import { harmlessLogger } from '../runtime/values/harmless-logger.ts';
import { stderrLogger } from '../runtime/values/stderr-logger.ts';
import { tellListener } from '../runtime/values/thenable.ts';

/** One alert that began or ended. Times are epoch ms. */
export interface AlertNotice {
  /** The same in every notice of the same alert. */
  readonly id: string;
  readonly state: 'raised' | 'cleared';
  readonly alert: AlertType;
  readonly agentId?: string;
  readonly pool?: string;
  readonly budget?: string;
  readonly schedule?: string;
  /** Of one that is raised. */
  readonly message?: string;
  readonly at: number;
}

export interface NoticeBatch {
  /** Oldest first, 1 to 100. */
  readonly notices: readonly AlertNotice[];
  /** Notices that were dropped before these, because too many waited. */
  readonly dropped: number;
  /** All of it for people, a line each. */
  readonly text: string;
}

/** Resolves when the batch has arrived; a rejection gives it up. `signal` says when to stop trying. */
export type SendNotices = (batch: NoticeBatch, context: { readonly signal: AbortSignal }) => Promise<void>;

/** Who is told of alerts, and of which. */
export interface AlertHookOptions {
  /** Sends notices on: `webhook` makes such a function. */
  readonly send: SendNotices;
  /** Which alerts are told of; default all. */
  readonly only?: (alert: {
    readonly alert: AlertType;
    readonly agentId?: string;
    readonly pool?: string;
    readonly budget?: string;
    readonly schedule?: string;
  }) => boolean;
  /** Notices that may wait; default 1,000. */
  readonly maxWaiting?: number;
  /** A pino logger, told of what could not be sent; default one that writes to stderr. */
  readonly logger?: Logger;
}

export interface AlertHookStatus {
  readonly sent: number;
  readonly failed: number;
  readonly dropped: number;
  readonly waiting: number;
}

export interface AlertHook extends AsyncDisposable {
  /** Notices so far: sent, failed, dropped. */
  status(): AlertHookStatus;
  /**
   * Listens no more, and sends what waits.
   *
   * @param options.timeoutMs for that, before it is given up; default 5,000
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

type AlertEvent = Extract<SystemEvent, { type: 'alert.raised' | 'alert.cleared' }>;

const MAX_BATCH = 100;

const isFunction = <Type>() =>
  z.custom<Type>((value) => typeof value === 'function', { error: 'expected a function' });
const optionsSchema = z.strictObject({
  send: isFunction<SendNotices>(),
  only: isFunction<NonNullable<AlertHookOptions['only']>>().optional(),
  maxWaiting: z.int().min(1).default(1_000),
  logger: having<Logger>('error').optional(),
});
const closeSchema = z.strictObject({ timeoutMs: z.number().min(0).default(5_000) });

/**
 * Sends notices of a system's alerts from now on, beginning with those that are raised already.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the option that was not as expected
 */
export function createAlertHook(system: AgentSystem, options: AlertHookOptions): AlertHook {
  parseInput(having<AgentSystem>('resources', 'close'), system, { what: 'createAlertHook: system' });
  const parsed = parseInput(optionsSchema, options, { what: 'createAlertHook' });
  return new Hook(system, {
    ...parsed,
    only: parsed.only ?? (() => true),
    logger: harmlessLogger(parsed.logger ?? stderrLogger('info')),
  });
}

class Hook implements AlertHook {
  readonly #options: Required<AlertHookOptions>;
  readonly #waiting: AlertNotice[] = [];
  readonly #unsubscribe: () => void;
  readonly #giveUp = new AbortController();
  #counts = { sent: 0, failed: 0, dropped: 0 };
  /** Dropped, and not told of yet. */
  #untold = 0;
  #sending: Promise<void> | undefined;

  constructor(system: AgentSystem, options: Required<AlertHookOptions>) {
    this.#options = options;
    this.#unsubscribe = system.events.subscribe((event) => {
      if (event.type === 'alert.raised' || event.type === 'alert.cleared') this.#take(noticeOf(event));
    });
    for (const { raisedAt, ...alert } of system.alerts.list()) {
      this.#take(noticeOf({ type: 'alert.raised', at: raisedAt, ...alert }));
    }
  }

  status(): AlertHookStatus {
    return { ...this.#counts, waiting: this.#waiting.length };
  }

  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { timeoutMs } = parseInput(closeSchema, options, { what: 'close' });
    this.#unsubscribe();
    const giveUp = (): void => {
      this.#drop(this.#waiting.length);
      this.#giveUp.abort(new Error('the alert hook has closed'));
    };
    const clock = systemClock();
    const timer = clock.setTimeout(giveUp, timeoutMs);
    await this.#sending;
    clock.clearTimeout(timer);
    this.#giveUp.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(notice: AlertNotice): void {
    const { only, maxWaiting, logger } = this.#options;
    const failed = (thrown: unknown): void =>
      logger.error({ err: thrown }, 'the filter of an alert hook threw: the alert is told of');
    let isWanted = true;
    // A promise of it, which is not awaited, lets every alert pass.
    tellListener((told: AlertNotice) => (isWanted = only(told)), notice, failed);
    if (!isWanted) return;
    this.#waiting.push(notice);
    if (this.#waiting.length > maxWaiting) this.#drop(this.#waiting.length - maxWaiting);
    this.#sending ??= this.#send();
  }

  #drop(count: number): void {
    this.#waiting.splice(0, count);
    this.#counts.dropped += count;
    this.#untold += count;
  }

  async #send(): Promise<void> {
    const { send, logger } = this.#options;
    const { signal } = this.#giveUp;
    while (this.#waiting.length > 0) {
      const notices = this.#waiting.splice(0, MAX_BATCH);
      const dropped = this.#untold;
      this.#untold = 0;
      try {
        await untilAborted(send({ notices, dropped, text: textOf(notices, dropped) }, { signal }), signal);
        this.#counts.sent += notices.length;
      } catch (thrown) {
        this.#counts.failed += notices.length;
        const { message } = errorInfoOf(thrown);
        logger.error({ notices: notices.length, reason: message }, 'alerts could not be sent');
      }
    }
    this.#sending = undefined;
  }
}

/** A sender that does not heed its signal is not waited for. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', abort);
  try {
    signal.throwIfAborted();
    await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

type Subject = Pick<AlertNotice, 'agentId' | 'pool' | 'budget' | 'schedule'>;

function noticeOf({
  type,
  at,
  alert,
  message,
  ...event
}: Pick<AlertEvent, 'type' | 'at' | 'alert'> & Subject & { readonly message?: string }): AlertNotice {
  const subject = subjectOf(event);
  const state = type === 'alert.raised' ? 'raised' : 'cleared';
  return {
    id: [alert, ...Object.values(subject), state, at].join(':'),
    state,
    alert,
    ...subject,
    ...(message === undefined ? {} : { message }),
    at,
  };
}

/** What it is about, of all that an event says. */
function subjectOf({ agentId, pool, budget, schedule }: Subject): Subject {
  if (agentId !== undefined) return { agentId };
  if (pool !== undefined) return { pool };
  if (budget !== undefined) return { budget };
  return schedule === undefined ? {} : { schedule };
}

function textOf(notices: readonly AlertNotice[], dropped: number): string {
  const lines = notices.map(({ state, alert, message, ...notice }) => {
    const [[kind, name] = []] = Object.entries(subjectOf(notice));
    const subject = kind === undefined ? '' : kind === 'agentId' ? ` ${name}` : ` ${kind} ${name}`;
    return `${state === 'raised' ? 'ALERT' : 'over:'} ${alert}${subject}${message === undefined ? '' : `: ${message}`}`;
  });
  return [...(dropped === 0 ? [] : [`(${dropped} earlier notices were dropped)`]), ...lines].join('\n');
}
