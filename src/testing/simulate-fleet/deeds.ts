/** What may be done to a simulated fleet, as data: one deed a line of its script. Pure. */
import type { ExitReason } from '../../machines/index.ts';
import { inWords } from '../../runtime/values/errors.ts';

/** Kinds of fault that a seed may draw. */
export const fleetFaults = [
  /** A body ends without being asked: killed by its machine, out of memory, an error. */
  'crash',
  /** A body answers nothing more, until it is killed. */
  'hang',
  /** One report of a body is late, and those after it wait behind it. */
  'slow',
  /** One report of a body never arrives. */
  'lost_report',
  /** A body ends before it is ready. */
  'failed_start',
  /** The store throws, rejects, hangs, answers late, or keeps a batch and still fails. */
  'store_failure',
  /** The whole program dies, between two appends or during one, and another goes on with its store. */
  'program_killed',
  /** Coordination goes away, and comes back. */
  'coordination_lost',
  /** The next task of an agent runs into a limit, with a reset time or without. */
  'limited',
] as const;
export type FleetFault = (typeof fleetFaults)[number];

export const reportKinds = ['ready', 'task', 'saved', 'acknowledged', 'vote', 'health', 'exit'] as const;
export type ReportKind = (typeof reportKinds)[number];

export type StoreTrouble =
  /** Keeps nothing. */
  | 'throws'
  | 'rejects'
  /** Keeps the batch, and rejects. */
  | 'keeps and rejects'
  /** Keeps the batch, and answers after a second. */
  | 'answers late'
  /** Keeps nothing, and answers only when it is mended. */
  | 'hangs';

export type Target = string | { readonly pool: string };

/** One deed. Time goes on by `wait` alone; `settle` and `wait` let settle what earlier deeds began. */
export type Deed =
  | { readonly do: 'register' | 'start' | 'restart' | 'kill' | 'forget' | 'check'; readonly agent: string }
  | { readonly do: 'stop'; readonly agent: string; readonly timeoutMs?: number }
  | {
      readonly do: 'execute' | 'submit';
      readonly to: Target;
      readonly task: string;
      readonly input?: unknown;
      readonly timeoutMs?: number;
      readonly priority?: number;
      /** Of a submitted task: how long it may not begin. */
      readonly delayMs?: number;
    }
  /** Cancels or retries the task that was asked for so many tasks ago. */
  | { readonly do: 'cancel' | 'retry'; readonly ago: number }
  | { readonly do: 'pause' | 'resume' | 'lift'; readonly agent: string }
  /** Reads so many chunks of a task's output, and no more. */
  | {
      readonly do: 'stream';
      readonly to: string;
      readonly task: string;
      readonly input?: unknown;
      readonly chunks: number;
    }
  /** Answers the oldest open question: by one of the values that its schema has. */
  | { readonly do: 'answer'; readonly which: number }
  | { readonly do: 'refill'; readonly budget: string }
  /** The program is given the secrets of an agent, which no store has. */
  | { readonly do: 'give secrets'; readonly agent: string }
  | {
      readonly do: 'schedule';
      readonly to: string;
      readonly task: string;
      readonly input?: unknown;
      readonly everyMs: number;
    }
  | { readonly do: 'unschedule'; readonly to: string }
  | { readonly do: 'set'; readonly variable: string; readonly value: unknown }
  | {
      readonly do: 'propose';
      readonly variable: string;
      readonly value: unknown;
      readonly deadlineMs: number;
      readonly tie?: 'keep' | 'leader' | 'reject';
      readonly fallback?: 'keep' | 'leader_decides' | { readonly retry: number };
    }
  | { readonly do: 'open pool' | 'close pool'; readonly pool: string }
  | { readonly do: 'resize'; readonly pool: string; readonly size: number }
  /** The program closes in order, and another begins. */
  | { readonly do: 'reopen' }
  | { readonly do: 'resume coordination' | 'mend store' }
  | { readonly do: 'settle' }
  | { readonly do: 'wait'; readonly ms: number }
  /** Waits until so many ms after the next deadline; a negative number means before it. */
  | { readonly do: 'wait for deadline'; readonly offMs: number }
  | { readonly fault: 'crash'; readonly agent: string; readonly reason: ExitReason }
  | { readonly fault: 'hang'; readonly agent: string }
  | { readonly fault: 'slow'; readonly agent: string; readonly report: ReportKind; readonly ms: number }
  | { readonly fault: 'lost_report'; readonly agent: string; readonly report: ReportKind }
  | { readonly fault: 'failed_start'; readonly agent: string }
  | { readonly fault: 'store_failure'; readonly trouble: StoreTrouble }
  | {
      readonly fault: 'program_killed';
      /** At once, or in the append after so many. */
      readonly inAppends: number | undefined;
      /** Whether that append is kept. */
      readonly isKept: boolean;
    }
  | { readonly fault: 'coordination_lost' }
  /** `afterMs`: to the reset; left out where nobody says. */
  | { readonly fault: 'limited'; readonly agent: string; readonly afterMs?: number };

/** A deed as a line of a report. */
export function deedInWords(deed: Deed): string {
  if ('fault' in deed) return faultInWords(deed);
  switch (deed.do) {
    case 'stop':
      return `stop ${deed.agent}${deed.timeoutMs === undefined ? '' : ` within ${deed.timeoutMs} ms`}`;
    case 'execute':
    case 'submit': {
      const to = typeof deed.to === 'string' ? deed.to : `pool ${deed.to.pool}`;
      const within = deed.timeoutMs === undefined ? '' : ` within ${deed.timeoutMs} ms`;
      const urgency = deed.priority === undefined ? '' : ` with priority ${deed.priority}`;
      const later = deed.delayMs === undefined ? '' : `, not before ${deed.delayMs} ms`;
      return `${deed.do} ${deed.task}(${deed.input === undefined ? '' : inWords(deed.input)}) at ${to}${within}${urgency}${later}`;
    }
    case 'stream':
      return `read ${deed.chunks} chunks of ${deed.task}(${deed.input === undefined ? '' : inWords(deed.input)}) at ${deed.to}`;
    case 'answer':
      return `answer the oldest question, choice ${deed.which}`;
    case 'refill':
      return `refill the budget ${deed.budget}`;
    case 'give secrets':
      return `give the secrets of ${deed.agent}`;
    case 'schedule':
      return `schedule ${deed.task} at ${deed.to} every ${deed.everyMs} ms`;
    case 'unschedule':
      return `schedule nothing at ${deed.to}`;
    case 'cancel':
    case 'retry':
      return deed.ago === 1 ? `${deed.do} the last task` : `${deed.do} the task of ${deed.ago} tasks ago`;
    case 'set':
      return `set ${deed.variable} to ${inWords(deed.value)}`;
    case 'propose':
      return `propose ${inWords(deed.value)} for ${deed.variable} within ${deed.deadlineMs} ms`;
    case 'open pool':
    case 'close pool':
      return `${deed.do} ${deed.pool}`;
    case 'resize':
      return `resize pool ${deed.pool} to ${deed.size}`;
    case 'wait':
      return `wait ${deed.ms} ms`;
    case 'wait for deadline':
      return `wait for the next deadline${deed.offMs === 0 ? '' : `, ${deed.offMs} ms`}`;
    case 'reopen':
      return 'close the program, and begin another';
    case 'settle':
    case 'resume coordination':
    case 'mend store':
      return deed.do;
    default:
      return `${deed.do} ${deed.agent}`;
  }
}

function faultInWords(deed: Extract<Deed, { fault: FleetFault }>): string {
  switch (deed.fault) {
    case 'crash':
      return `FAULT the body of ${deed.agent} ends: ${inWords(deed.reason)}`;
    case 'hang':
      return `FAULT the body of ${deed.agent} answers nothing any more`;
    case 'slow':
      return `FAULT the next "${deed.report}" of ${deed.agent} takes ${deed.ms} ms`;
    case 'lost_report':
      return `FAULT the next "${deed.report}" of ${deed.agent} is lost`;
    case 'failed_start':
      return `FAULT the next body of ${deed.agent} ends before it is ready`;
    case 'store_failure':
      return `FAULT the store ${deed.trouble}`;
    case 'program_killed':
      return deed.inAppends === undefined
        ? 'FAULT the program is killed'
        : `FAULT the program is killed in append ${deed.inAppends + 1} from here, which is ${deed.isKept ? '' : 'not '}kept`;
    case 'limited':
      return `FAULT the next task of ${deed.agent} runs into a limit${deed.afterMs === undefined ? '' : ` for ${deed.afterMs} ms`}`;
    default:
      return 'FAULT coordination is lost';
  }
}
