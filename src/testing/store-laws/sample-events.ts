/** Sample events and states that a store could easily confuse or change. */
import type { AgentLife, RoundTerms } from '../../machines/index.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type { Store } from '../../runtime/journal/store.ts';
import type { EventBody, SystemEvent } from '../../runtime/journal/system-event.ts';

const AT = Date.UTC(2026, 0, 1);

const MANIFEST: AgentManifest = {
  type: 'worker',
  capabilities: ['work'],
  variables: [],
  votes: false,
  stateVersion: 1,
  hash: 'h',
  tasks: { work: { requires: [], retry: false } },
};

/** Two ids that have the same hash, by FNV-1a in 32 bits. */
const ALIKE = ['costarring', 'liquid'];

/** Ids that careless stores confuse: the empty one, ids that look alike when badly encoded, names of built-in properties. */
export const IDS = [
  'a',
  'b',
  '',
  '__proto__',
  '\ud800',
  '\ud801',
  'nul\0l',
  'nul',
  '"a"',
  "it's",
  'ключ',
  '$',
  'A',
  ...ALIKE,
];

/** Values that JSON, or a database, would change. */
export const VALUES: readonly unknown[] = [
  null,
  true,
  '',
  'nul\0l',
  '\ud800',
  '😀\u2028',
  'x'.repeat(100_000),
  0,
  -0,
  1.5e-300,
  Number.MAX_SAFE_INTEGER,
  Infinity,
  -Infinity,
  NaN,
  [],
  [undefined, null, [Infinity]],
  {},
  JSON.parse('{ "__proto__": { "a": 1 }, "constructor": 2, "toString": 3, "": 4, "10": 5, "9": 6 }'),
  { $: 'Infinity' },
  { $: { $: 1 }, of: [{ $: 'plain', of: {} }, -0] },
  { $: 'undefined', deep: { $: NaN } },
  Object.assign(Object.create(null) as object, { bare: [Object.create(null), 1], $: 0 }),
];

const TERMS: RoundTerms = { rule: 'majority', tie: 'reject', deadlineMs: 1_000, fallback: 'keep' };

export function numbered(bodies: readonly EventBody[], after = 0): SystemEvent[] {
  return bodies.map((body, at) => ({ sequence: after + at + 1, at: AT + after + at, ...body }));
}

export function registered(agentId: string): EventBody {
  return {
    type: 'agent.registered',
    agentId,
    incarnation: 0,
    agentType: 'worker',
    spec: { module: { type: 'worker' }, resources: { maxRuntimeMs: Infinity } },
    manifest: MANIFEST,
  };
}

export function updated(agentId: string, initArgs: object, since = 0): EventBody {
  return {
    type: 'agent.updated',
    agentId,
    incarnation: 1,
    agentType: 'worker',
    spec: { module: { type: 'worker' }, initArgs, resources: { maxRuntimeMs: Infinity } },
    manifest: MANIFEST,
    changes: [{ field: 'initArgs', from: {}, to: initArgs }],
    registered: since,
  };
}

/** Has each change of a spec refer to its agent's registration, or to a sequence that never was for an unknown agent. */
export function referring(history: readonly SystemEvent[], events: readonly SystemEvent[]): SystemEvent[] {
  const since = new Map<string, number>();
  for (const event of history)
    if (event.type === 'agent.registered') since.set(event.agentId, event.sequence);
  return events.map((event) => {
    if (event.type === 'agent.registered') since.set(event.agentId, event.sequence);
    return event.type === 'agent.updated'
      ? { ...event, registered: since.get(event.agentId) ?? event.sequence }
      : event;
  });
}

export function life(
  agentId: string,
  type: 'agent.starting' | 'agent.started' | 'agent.unresponsive',
): EventBody {
  const life: AgentLife = {
    at: type === 'agent.starting' ? 'starting' : 'serving',
    incarnation: 1,
    startedFrom: 'registered',
    restarts: 0,
    history: { recent: [], attempt: 0 },
    reason: undefined,
    startedAt: AT,
    endedAt: undefined,
    restartAt: undefined,
  };
  const of = { agentId, incarnation: 1, life };
  return type === 'agent.unresponsive' ? { type, ...of, misses: 1 } : { type, ...of };
}

export function task(agentId: string, taskId: string) {
  return { agentId, incarnation: 1, taskId, task: 'work' };
}

export function accepted(agentId: string, taskId: string, input: unknown): EventBody {
  return { type: 'task.accepted', ...task(agentId, taskId), input, retry: false };
}

export function changed(name: string, value: unknown, version: number): EventBody {
  return { type: 'variable.changed', name, value, version, by: 'suite' };
}

/** @param of the agent or the task of the account, where each has its own */
export function spent(budget: string, of: string | undefined, tokens: number): EventBody {
  const account = { budget, ...(of === undefined ? {} : { of }), spent: { tokens }, reserved: {} };
  const spender = { agentId: 'a1', incarnation: 1, taskId: 'paid' };
  return { type: 'budget.settled', ...account, ...spender, amount: { tokens }, how: 'settled' };
}

export function opened(roundId: string): EventBody {
  const asked = { variable: 'rate', value: 1, by: 'suite', terms: TERMS, electorate: ['a'] };
  return { type: 'round.opened', roundId, ...asked, deadlineAt: AT + 1_000 };
}

export function closed(roundId: string): EventBody {
  const result = { variable: 'rate', outcome: 'expired', tally: null, decidedBy: 'voters' } as const;
  return { type: 'round.closed', roundId, ...result };
}

function scheduled(name: string): EventBody {
  return { type: 'schedule.set', name, everyMs: 1_000, missed: 'once', target: 'a', task: { type: 'work' } };
}

export function retryScheduled(agentId: string, taskId: string, number: number): EventBody {
  const failed = { attempt: 1, code: 'TASK_FAILED', error: { name: 'Error', message: 'luck' } } as const;
  const times = { startedAt: number, delayMs: 5, dueAt: number + 5 };
  return { type: 'task.retry_scheduled', ...task(agentId, taskId), ...failed, ...times };
}

export function state(text: string, stateVersion = 1): SavedState {
  return { json: JSON.stringify({ text }), stateVersion };
}

export function randomEvents(random: () => number, atMost: number): EventBody[] {
  const below = (bound: number) => Math.floor(random() * bound);
  return Array.from({ length: 1 + below(atMost) }, () => {
    const id = IDS[below(IDS.length)]!;
    const number = below(40);
    const kinds: (() => EventBody)[] = [
      () => registered(id),
      () => ({ type: 'agent.forgotten', agentId: id, incarnation: 1 }),
      () => updated(id, { number }),
      () => life(id, 'agent.starting'),
      () => life(id, 'agent.started'),
      () => life(id, 'agent.unresponsive'),
      () => accepted(id, `task-${number}`, number),
      () => ({ type: 'task.started', ...task(id, `task-${number}`), attempt: 1 + below(3) }),
      () => retryScheduled(id, `task-${number}`, number),
      () => ({ type: 'task.parked', ...task(id, `task-${number}`), until: 9, why: 'limited' }),
      () => ({ type: 'task.completed', ...task(id, `task-${number}`), waitedMs: 0, ranMs: 0 }),
      () => ({ type: 'task.abandoned', ...task(id, `task-${number}`), why: 'stopped' }),
      () => ({ type: 'task.unknown', ...task(id, `task-${number}`), input: 1, retry: random() < 0.5 }),
      () => changed(`variable ${number}`, number, number),
      () => scheduled(`schedule ${number % 5}`),
      () => ({ type: 'schedule.fired', name: `schedule ${number % 5}`, dueAt: number }),
      () => ({ type: 'schedule.removed', name: `schedule ${number % 5}` }),
      () => opened(`round ${number}`),
      () => closed(`round ${number}`),
      () => spent(`budget ${number % 3}`, number % 2 === 0 ? id : undefined, number),
      () => ({ type: 'budget.closed', agentId: id, incarnation: 1, budget: `budget ${number % 3}`, of: id }),
      () => ({ type: 'budget.refilled', budget: `budget ${number % 3}`, spent: {}, reserved: {} }),
    ];
    return kinds[below(kinds.length)]!();
  });
}

/** Appends so many events. */
export async function filled(store: Store, count: number, after = 0): Promise<SystemEvent[]> {
  const events = numbered(
    Array.from({ length: count }, (_, at) =>
      at % 4 === 0 ? changed('v', at, at) : accepted(IDS[at % IDS.length]!, `task-${at}`, at),
    ),
    after,
  );
  for (let at = 0; at < count; at += 250) await store.append({ events: events.slice(at, at + 250) });
  return events;
}
