/** Mutants that change nothing anybody can see, each with the reason: they are not held against the tests. */
import type { Rule, SourceMutant } from './source-mutants.ts';

export interface NoFault {
  readonly mutant: RegExp;
  readonly why: string;
}

export const charts: readonly NoFault[] = [
  {
    mutant: /to #agent\.alive\.starting$/,
    why: 'what leads to `alive` begins with its starting',
  },
  {
    mutant: /^budget\.ts: open after refillTime to #budget\.open\.weighing$/,
    why: 'an open budget begins with its weighing',
  },
  {
    mutant: /^progress\.ts: deciding always #1 after the next$/,
    why: 'a kind of task says one of the three',
  },
  {
    mutant: /^question\.ts: \w+ on question\.withdrawn to #question\./,
    why: 'nothing is kept of a question whose task has ended',
  },
];

/** Mutants of one line of a source file, by the line as it stands. */
export interface NoSourceFault {
  readonly file: string;
  readonly rule: Rule;
  /** The line, trimmed. */
  readonly line: string;
  /** What is replaced, where the line has several of the rule. */
  readonly original?: string;
  readonly why: string;
}

const sources: readonly NoSourceFault[] = [
  {
    file: 'src/runtime/values/data-copy.ts',
    rule: 'statement left out',
    line: 'spare = seen;',
    why: 'a list that is not used again is made anew',
  },
  {
    file: 'src/runtime/values/data-copy.ts',
    rule: 'boundary moved',
    line: 'for (let at = 0; at < this.count; at++) this.containers[at] = undefined;',
    why: 'the place behind the last is empty',
  },
  {
    file: 'src/runtime/values/open-tasks.ts',
    rule: 'arithmetic',
    line: 'else if (this.few.length < FEW - 1) this.few.push(task);',
    why: 'from how many on they are indexed is a matter of time alone',
  },
  {
    file: 'src/testing/simulate-fleet/faulty-host.ts',
    rule: 'number',
    line: 'const at = arranged?.findIndex((one) => one.report === report) ?? -1;',
    why: 'any number below zero says that there is none',
  },
  {
    file: 'src/testing/simulate-fleet/faulty-host.ts',
    rule: 'statement left out',
    line: 'await this.#inner.close();',
    why: 'the host of this program has nothing to close',
  },
  {
    file: 'src/testing/simulate-fleet/faulty-host.ts',
    rule: 'await lost',
    line: 'await this.#inner.close();',
    why: 'the host of this program has nothing to close',
  },
  {
    file: 'src/dashboard/vitals.ts',
    rule: 'boundary moved',
    line: 'return ms < 1 ? Math.round(ms * 1_000) / 1_000 : Math.round(ms * 10) / 10;',
    why: 'the middle of no step is 1 ms',
  },
  {
    file: 'src/dashboard/chronicle.ts',
    rule: 'arithmetic',
    line: 'looked += 1;',
    why: 'every so many are as many when they are counted below zero',
  },
  {
    file: 'src/prometheus/event-counters.ts',
    rule: 'statement left out',
    line: 'if (this.#knownTypes.has(type)) return;',
    why: 'to count 0 once more changes no counter',
  },
  {
    file: 'src/prometheus/event-counters.ts',
    rule: 'statement left out',
    line: 'this.#knownTypes.add(type);',
    why: 'to count 0 once more changes no counter',
  },
  {
    file: 'src/runtime/hosting/hosts/ended-sessions.ts',
    rule: 'number',
    line: "const [state, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 4);",
    original: '4',
    why: 'what comes after the fourth is not looked at',
  },
  {
    file: 'src/dashboard/access.ts',
    rule: 'arguments swapped',
    line: 'return a.length === b.length && timingSafeEqual(a, b);',
    why: 'two are compared, in whichever order',
  },
  {
    file: 'src/restate/nodes/nodes-object.ts',
    rule: 'number',
    line: 'book.roster.nodes.sort((one, other) => (one.name < other.name ? -1 : 1));',
    why: 'an order is told by the sign',
  },
  {
    file: 'src/restate/nodes/nodes-object.ts',
    rule: 'boundary moved',
    line: 'book.roster.nodes.sort((one, other) => (one.name < other.name ? -1 : 1));',
    why: 'of two lives of one name the earlier one is ended in the same step',
  },
  {
    file: 'src/restate/nodes/nodes-object.ts',
    rule: 'number',
    line: 'prepare: (next) => book.prepare(next.slice(0, freePermits(book)).map(({ agentId }) => agentId)),',
    why: 'what is not read ahead is read when it is needed',
  },
  {
    file: 'src/restate/nodes/reservations.ts',
    rule: 'boundary moved',
    line: 'if (this.#buckets.size < BUCKETS) {',
    why: 'what is known already is not read anew',
  },
  {
    file: 'src/restate/nodes/reservations.ts',
    rule: 'statement left out',
    line: 'for (const [index, number] of numbers.entries()) this.#buckets.set(number, buckets[index]!);',
    why: 'what is not read ahead is read when it is needed',
  },
  {
    file: 'src/restate/nodes/reservations.ts',
    rule: 'number',
    line: 'for (const [agentId, { hasPermit, permitAt = 0 }] of await this.#all())',
    why: 'one of an unknown time is older than any that is asked for',
  },
  {
    file: 'src/restate/nodes/restart-queue.ts',
    rule: 'number',
    line: 'last = (last ?? 0) + 1;',
    why: 'parts are served in their order, whatever their numbers are',
  },
  {
    file: 'src/restate/nodes/restart-queue.ts',
    rule: 'arithmetic',
    line: 'last = (last ?? 0) + 1;',
    why: 'parts are served in their order, whatever their numbers are',
  },
  {
    file: 'src/restate/nodes/restart-queue.ts',
    rule: 'number',
    line: 'const PART = 32;',
    why: 'how many are kept together',
  },
  {
    file: 'src/restate/nodes/restart-queue.ts',
    rule: 'boundary moved',
    line: 'if (last === undefined || (await this.#part(last)).length >= PART) {',
    why: 'how many are kept together',
  },
  {
    file: 'src/restate/nodes/placement.ts',
    rule: 'boundary moved',
    line: 'if (free !== bestFree) return free > bestFree;',
    why: 'they differ',
  },
  {
    file: 'src/restate/nodes/placement.ts',
    rule: 'boundary moved',
    line: 'if (node.agents !== best.agents) return node.agents < best.agents;',
    why: 'they differ',
  },
  {
    file: 'src/restate/nodes/placement.ts',
    rule: 'boundary moved',
    line: 'return node.name < best.name;',
    why: 'no two nodes have one name',
  },
  {
    file: 'src/restate/pools/pool-turn.ts',
    rule: 'number',
    line: 'armed: 0,',
    why: 'deadlines are put in order by it, wherever it begins',
  },
  {
    file: 'src/restate/pools/pool-turn.ts',
    rule: 'yes for no',
    line: 'isFinishing: false,',
    why: 'the chart hears that nothing waits only while it finishes, which sets it',
  },
  {
    file: 'src/restate/pools/pool-object.ts',
    rule: 'number',
    line: 'return state === null ? null : new PoolTurn(state, { now: 0, chance: 0 }).record();',
    why: 'a record shows neither the time nor the chance of the turn that reads it',
  },
  {
    file: 'src/dashboard/event-tail.ts',
    rule: 'number',
    line: 'if (tail.length >= limit * 2) tail.splice(0, tail.length - limit);',
    original: '2',
    why: 'how many are held while the end is searched for: those that are given are the same',
  },
  {
    file: 'src/testing/describe-agent/chart-tours.ts',
    rule: 'number',
    line: "const restored = { type: 'agent.restored', incarnation: 2, previousStop: 'out_of_memory', tasks: [] };",
    why: 'any life but the first may be told that it is restored',
  },
  {
    file: 'src/runtime/coordination/rounds/rounds.ts',
    rule: 'statement left out',
    line: 'round.close();',
    why: 'a round that was taken is found by nobody, and what its voters keep of it goes with their next',
  },
  {
    file: 'src/testing/store-laws/recovery-laws.ts',
    rule: 'boundary moved',
    line: 'while (history.length < (program + 1) * 50) {',
    why: 'how many events a program appends is no part of the law',
  },
  {
    file: 'src/runtime/engine/table/position.ts',
    rule: 'statement left out',
    line: 'choice.isMove = isMove(plan);',
    why: 'spares the way that all events take: it leads to the same',
  },
  {
    file: 'src/runtime/hosting/repetition.ts',
    rule: 'number',
    line: 'return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));',
    why: 'an order is told by the sign',
  },
  {
    file: 'src/runtime/coordination/rounds/outcomes.ts',
    rule: 'yes for no',
    line: "const expired: ConsensusOutput = { ...output, outcome: 'expired', isEnacted: false, cut };",
    why: 'only the chart looks at it, which has ended by then',
  },
  {
    file: 'src/runtime/coordination/rounds/outcomes.ts',
    rule: 'yes for no',
    line: 'isEnacted: false,',
    why: 'only the chart looks at it, which is broken',
  },
  {
    file: 'src/runtime/coordination/rounds/outcomes.ts',
    rule: 'number',
    line: "const left = typeof fallback === 'object' ? fallback.retry - 1 : 0;",
    original: '0',
    why: 'another round is held only for a fallback that says how many more',
  },
  {
    file: 'src/runtime/hosting/body-state.ts',
    rule: 'and for or',
    line: 'if (!isFields(mine) || !isFields(base) || !isFields(theirs)) return;',
    why: 'the three are versions of one state, and of a kind: all have fields, or none has',
  },
  {
    file: 'src/runtime/journal/stores/memory.ts',
    rule: 'number',
    line: 'for (; excess > 0 && events.size > 1; excess -= events.shift());',
    original: '0',
    why: 'the bytes of an event are an estimate, and hundreds',
  },
  {
    file: 'src/runtime/journal/stores/sqlite.ts',
    rule: 'yes for no',
    line: '#mayTidy = true;',
    why: 'every group that is written allows upkeep before the first is looked for',
  },
  {
    file: 'src/runtime/journal/stores/sqlite.ts',
    rule: 'yes for no',
    line: 'this.#mayTidy = false;',
    why: 'spares an attempt at upkeep between two writes that fail: each that is kept allows it again',
  },
  {
    file: 'src/runtime/fleet/ended-tasks.ts',
    rule: 'statement left out',
    line: 'known.endedAs = 0;',
    why: 'the place that it had is empty, and no other record is taken for it',
  },
  {
    file: 'src/runtime/journal/stores/sqlite.ts',
    rule: 'statement left out',
    line: 'this.#mayTidy = false;',
    why: 'spares an attempt at upkeep between two writes that fail: each that is kept allows it again',
  },
  {
    file: 'src/runtime/observability/inspector/relay.ts',
    rule: 'statement left out',
    line: 'this.#ended.clear();',
    why: 'after a close nothing is noted and nobody has to make room',
  },
  {
    file: 'src/runtime/observability/inspector/relay.ts',
    rule: 'number',
    line: '#admitted = 0;',
    why: 'tells the names of actors apart, whichever number is the first',
  },
  {
    file: 'src/runtime/observability/inspector/relay.ts',
    rule: 'number',
    line: 'const sessionId = ref?.sessionId ?? `chart:${(this.#admitted += 1)}`;',
    why: 'tells the names of actors apart, by whichever steps it grows',
  },
  {
    file: 'src/runtime/hosting/hosts/process-meter.ts',
    rule: 'number',
    line: "stat.slice(stat.lastIndexOf(')') + 2),",
    why: 'the first of the fields is the state, one letter, and is not used: it is empty then',
  },
  {
    file: 'src/runtime/journal/stores/sqlite/held-file.ts',
    rule: 'boundary moved',
    line: 'if (performance.now() >= this.#lookAt) this.lookNow();',
    why: 'a look comes by the very instant that it is due, or by the next',
  },
  {
    file: 'src/runtime/journal/stores/sqlite.ts',
    rule: 'number',
    line: '#last = 0;',
    why: 'a store is recovered from before it is appended to, and that sets it',
  },
  {
    file: 'src/runtime/journal/stores/sqlite.ts',
    rule: 'boundary moved',
    line: 'for (let left = rows - ROWS_A_TRANSACTION; left > 0 && this.#upkeep; left -= ROWS_A_TRANSACTION) {',
    why: 'a step of upkeep sooner, which a later turn would make',
  },
  {
    file: 'src/restate/tasks/task-fates.ts',
    rule: 'yes for no',
    line: 'entry.isAnswered = true;',
    why: 'whoever withdraws a task ends it in the same turn, and that says so, too',
  },
  {
    file: 'src/restate/tasks/task-fates.ts',
    rule: 'statement left out',
    line: 'entry.isAnswered = true;',
    why: 'whoever withdraws a task ends it in the same turn, and that says so, too',
  },
  {
    file: 'src/testing/simulate-fleet/fleet-plan.ts',
    rule: 'number',
    line: ': [{ do: kind, ...asked, everyMs: dice.of([30_000, 600_000]) }];',
    why: 'which intervals a plan has is drawn: every law holds for any',
  },
  {
    file: 'src/runtime/hosting/hosts/message-codec.ts',
    rule: 'number',
    line: 'const SHORT_TEXT = 256;',
    why: 'both ways of writing give the same value back: which of them is faster is all that it decides',
  },
  {
    file: 'src/runtime/hosting/hosts/message-codec.ts',
    rule: 'boundary moved',
    line: 'return value.length <= SHORT_TEXT;',
    why: 'both ways of writing give the same value back',
  },
  {
    file: 'src/runtime/hosting/hosts/message-codec.ts',
    rule: 'yes for no',
    line: "if (typeof item === 'number' && !Number.isInteger(item)) return false;",
    why: 'both ways of writing give the same value back',
  },
  ...(['condition turned round', 'boundary moved'] as const).map((rule) => ({
    file: 'src/runtime/hosting/repetition.ts',
    rule,
    line: 'return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));',
    why: 'in which order the names are is the same for both that are compared',
  })),
  {
    file: 'src/runtime/hosting/body-state.ts',
    rule: 'and for or',
    line: "if (typeof value === 'string' || typeof value === 'boolean' || value === null) continue;",
    why: 'a state that is not taken for flat is kept as JSON, which gives the same back',
  },
  {
    file: 'src/runtime/hosting/hosts/module-describer.ts',
    rule: 'statement left out',
    line: 'if (asked === undefined) return;',
    why: 'whoever answers has looked that somebody asks',
  },
  {
    file: 'src/runtime/hosting/hosts/body-server.ts',
    rule: 'number',
    line: 'const SLICE_MS = 5;',
    why: 'how long a slice is, by a millisecond',
  },
  {
    file: 'src/runtime/limits/restart-permits.ts',
    rule: 'number',
    line: 'const place = this.asked === 0 ? -1 : this.asking.indexOf(taker);',
    original: '1',
    why: 'any number below 0 is no place',
  },
  {
    file: 'src/runtime/agent/task-figures.ts',
    rule: 'boundary moved',
    line: 'if (latencyMs > this.maxMs) this.maxMs = latencyMs;',
    why: 'the greatest is the same as itself',
  },
  {
    file: 'src/runtime/hosting/body-requests.ts',
    rule: 'statement left out',
    line: 'if (this.#open.size === 0) return;',
    why: 'spares going through none',
  },
  {
    file: 'src/runtime/time/long-delay.ts',
    rule: 'boundary moved',
    line: 'return delayMs > LONGEST_TIMER_MS ? new LongDelay(timers, run, delayMs) : timers.setTimeout(run, delayMs);',
    why: 'the longest that a timer holds may as well be one step',
  },
  {
    file: 'src/runtime/agent/callers.ts',
    rule: 'condition turned round',
    line: 'if (this.first === undefined) this.first = { answer, waiting };',
    why: 'the first caller has a place of its own to spare a list: in the list it is told in the same order',
  },
  {
    file: 'src/restate/limits/quota-object.ts',
    rule: 'number',
    line: 'armed: 0,',
    why: 'deadlines are in the order in which they were armed, from whichever number on',
  },
  ...(['number', 'arithmetic'] as const).map((rule) => ({
    file: 'src/restate/limits/quota-object.ts',
    rule,
    line: 'nextOrder: () => (this.state.armed += 1),',
    why: 'a quota has one deadline at a time: no two are due at one moment',
  })),
  {
    file: 'src/restate/limits/quota-object.ts',
    rule: 'boundary moved',
    line: "if (value !== 'open' || context.guesses > 0) this.#chart.send({ type: 'quota.passed' });",
    why: 'an open quota without a guess has none to forget',
  },
  {
    file: 'src/restate/tasks/schedule-object.ts',
    rule: 'number',
    line: 'if (this.state.nextAt === undefined) this.state.wake += 1;',
    why: 'any other number than that of the wake that is on its way',
  },
  {
    file: 'src/restate/events/events-object.ts',
    rule: 'yes for no',
    line: '{ input: wire, output: wire, enableLazyState: true },',
    why: 'the engine sends the whole state with each call: the answers are the same',
  },
  {
    file: 'src/restate/events/events-object.ts',
    rule: 'boundary moved',
    line: 'if (last > MAX_EVENTS) ctx.clear(segmentKey(last - MAX_EVENTS));',
    why: 'before the first segment there is none to drop',
  },
  {
    file: 'src/restate/events/events-object.ts',
    rule: 'boundary moved',
    line: 'for (let start = from; start <= last && events.length < limit; ) {',
    original: '<',
    why: 'of one segment more it takes nothing: the page is full',
  },
  {
    file: 'src/runtime/pools/left-tasks.ts',
    rule: 'number',
    line: 'order: 0,',
    why: 'the queue that it is added to sets it',
  },
  {
    file: 'src/runtime/pools/left-tasks.ts',
    rule: 'yes for no',
    line: 'isQueued: false,',
    why: 'the queue that it is added to sets it',
  },
  {
    file: 'src/runtime/pools/left-tasks.ts',
    rule: 'number',
    line: 'retriesLeft: 0,',
    why: 'the pool that takes it over sets it',
  },
  {
    file: 'src/runtime/pools/dispatcher.ts',
    rule: 'number',
    line: 'order: 0,',
    why: 'the queue that it is added to sets it',
  },
  {
    file: 'src/runtime/pools/dispatcher.ts',
    rule: 'yes for no',
    line: 'isQueued: false,',
    why: 'the queue that it is added to sets it',
  },
  {
    file: 'src/runtime/pools/dispatcher.ts',
    rule: 'number',
    line: 'retriesLeft: 0,',
    why: 'both that make a task of a request set it',
  },
  {
    file: 'src/runtime/values/in-words.ts',
    rule: 'boundary moved',
    line: 'return this.text.length > MAX_WORDS;',
    why: 'of more than is shown the beginning is shown, however much more was written',
  },
  {
    file: 'src/runtime/values/secret-paths.ts',
    rule: 'boundary moved',
    line: 'if (around.size > MAX_LOOKS) return true;',
    why: 'values without end come to any bound',
  },
  {
    file: 'src/runtime/values/secret-paths.ts',
    rule: 'number',
    line: 'const MAX_LOOKS = 1_000_000;',
    why: 'values without end come to any bound',
  },
  {
    file: 'src/dashboard/agent-query.ts',
    rule: 'number',
    line: 'if (a === undefined) return 1;',
    why: 'an order is told by its sign alone',
  },
  {
    file: 'src/dashboard/agent-query.ts',
    rule: 'number',
    line: 'if (b === undefined) return -1;',
    why: 'an order is told by its sign alone',
  },
  {
    file: 'src/dashboard/agent-query.ts',
    rule: 'number',
    line: "const sign = order === 'asc' ? 1 : -1;",
    why: 'an order is told by its sign alone',
  },
  {
    file: 'src/dashboard/agent-query.ts',
    rule: 'boundary moved',
    line: 'return a < b ? -sign : sign;',
    why: 'equal ones were told before',
  },
  {
    file: 'src/cli/live/view-state.ts',
    rule: 'number',
    line: 'const sign = isDescending ? -1 : 1;',
    why: 'an order is told by its sign alone',
  },
  {
    file: 'src/cli/live/view-state.ts',
    rule: 'number',
    line: 'return rows.toSorted((a, b) => compared(sortBy(a), sortBy(b), sign) || compared(a.id, b.id, 1));',
    why: 'an order is told by its sign alone',
  },
  {
    file: 'src/cli/figures.ts',
    rule: 'boundary moved',
    line: 'if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;',
    why: 'ten is the same with and without tenths',
  },
  {
    file: 'src/cli/live/frame.ts',
    rule: 'number',
    line: "const title = ` ${[...titles, ...(noteWidth > 0 ? ['NOTE'] : [])].join(GAP)}`;",
    original: '0',
    why: 'the note has four columns, or none',
  },
  {
    file: 'src/cli/live/frame.ts',
    rule: 'number',
    line: "if (noteWidth > 0) pieces.push([GAP], [cutTo(note, noteWidth), isBad ? 'red' : 'dim']);",
    original: '0',
    why: 'the note has four columns, or none',
  },
  {
    file: 'src/testing/host-laws/life-laws.ts',
    rule: 'number',
    line: "witness.body.post({ type: 'health.check', checkId: 1 });",
    why: 'any number names a check',
  },
  {
    file: 'src/runtime/values/clone-survey.ts',
    rule: 'boundary moved',
    line: 'for (let at = 0; at < array.length; at += 1) {',
    why: 'beyond its end a list has nothing: its names are looked at, as they are next',
  },
  {
    file: 'src/runtime/agent/task-order.ts',
    rule: 'number',
    line: 'super(0);',
    why: 'of whichever priority the queue is that a group is itself, there is one for each',
  },
  {
    file: 'src/runtime/journal/event-bytes.ts',
    rule: 'statement left out',
    line: 'known.set(value, bytes);',
    why: 'what is not known is measured again, with the same result',
  },
  {
    file: 'src/runtime/hosting/hosts/body-server.ts',
    rule: 'boundary moved',
    line: 'for (let at = 1; at < message.length; at += 2) {',
    why: 'a message has two parts for each report: its length is even',
  },
  {
    file: 'src/testing/simulate-fleet/fleet-plan.ts',
    rule: 'number',
    line: "ms: dice.of(report === 'exit' ? [1, 20, 100, 500] : [1, 20, 100, 1_000, 6_000]),",
    why: 'a report that is slow may take any time',
  },
  {
    file: 'src/testing/describe-agent/stage.ts',
    rule: 'number',
    line: 'const TASK_MS = 10_000;',
    why: 'a task that is held is given this time, and as much is let pass',
  },
  {
    file: 'src/testing/host-laws/stream-laws.ts',
    rule: 'await lost',
    line: 'await heard(STREAM_WINDOW + 1);',
    why: 'what is asked next is answered after the chunk has come',
  },
  {
    file: 'src/testing/simulate-fleet/fleet-plan.ts',
    rule: 'condition turned round',
    line: "return dice.isLucky(0.5) ? [{ fault, trouble: dice.of(troubles) }] : [{ do: 'mend store' }];",
    why: 'either is as likely',
  },
  {
    file: 'src/testing/simulate-fleet/fleet-plan.ts',
    rule: 'number',
    line: 'intervalMs: dice.of([5_000, 30_000, 30_000, 60_000]),',
    why: 'a health check may have any interval',
  },
  {
    file: 'src/dashboard/viewers.ts',
    rule: 'number',
    line: '#tick = 0;',
    why: 'ticks are counted from anywhere',
  },
  {
    file: 'src/runtime/journal/fleet-index.ts',
    rule: 'statement left out',
    line: 'this.followedId = agentId;',
    why: 'what is not known is looked up again, with the same result',
  },
  ...[
    "number('LATENCY', 7, ({ latencyMs }) => (latencyMs ? latency(latencyMs.mean) : '')),",
    "number('MEMORY', 6, ({ memoryBytes }) => (memoryBytes === undefined ? '' : bytes(memoryBytes))),",
    "number('CPU', 9, ({ cpuShare }) => (cpuShare === undefined ? '' : share(cpuShare))),",
    "number('UP', 1, (agent) => upTime(agent, now)),",
  ].map((line) => ({
    file: 'src/cli/agent-list.ts',
    rule: 'number' as const,
    line,
    why: 'of two columns that can be spared as well the first one goes first, as it does anyway',
  })),
  {
    file: 'src/restate/tasks/task-ledger.ts',
    rule: 'statement left out',
    line: 'if (this.#state.isBusy) return;',
    why: 'the chart of an agent that is busy does not take that word again',
  },
];

export function noFaultOf({ file, rule, line, original }: SourceMutant): string | undefined {
  if (rule === 'arguments swapped' && /^(Math\.(min|max)|isDeepStrictEqual|isSame[A-Z]\w*)\(/.test(original))
    return 'two are compared, in whichever order';
  return sources.find(
    (one) =>
      one.file === file &&
      one.rule === rule &&
      one.line === line &&
      (one.original === undefined || one.original === original),
  )?.why;
}
