/**
 * Faults by name, in the modules that no chart's mutants reach: hosts, stores, journal, coordination, pools, replay, and
 * the end of a system. Each is a slip that a test once did not find, or one of its kind.
 *
 * `snippet` is there once, and only once, in its file: a fault that no longer fits fails the run, and `planted.test.ts`.
 */
export interface PlantedFault {
  /** What a user would have of it. */
  readonly harm: string;
  readonly file: string;
  readonly snippet: string;
  readonly becomes: string;
}

export const plantedFaults: readonly PlantedFault[] = [
  // Pools.
  {
    harm: 'a pool task keeps the listener of its abort signal after it has left the queue',
    file: 'src/runtime/pools/waiting-queue.ts',
    snippet: '    unlisten?.();',
    becomes: '',
  },
  {
    harm: 'a task that waited and was given to a member times out in the queue all the same',
    file: 'src/runtime/pools/waiting-queue.ts',
    snippet: '    this.#options.clock.clearTimeout(timer);',
    becomes: '',
  },
  {
    harm: 'a task that is repeated goes behind those that wait',
    file: 'src/runtime/pools/dispatcher.ts',
    snippet: 'this.#wait(task, true);',
    becomes: 'this.#wait(task);',
  },
  {
    harm: 'a repeated task is repeated without end',
    file: 'src/runtime/pools/dispatcher.ts',
    snippet: '    task.retriesLeft -= 1;',
    becomes: '',
  },
  {
    harm: 'the queue of a pool takes one task too many',
    file: 'src/runtime/pools/dispatcher.ts',
    snippet: 'if (member === undefined && this.#queue.size >= queueLimit) {',
    becomes: 'if (member === undefined && this.#queue.size > queueLimit) {',
  },
  {
    harm: 'a member that leaves is counted among the places for ever',
    file: 'src/runtime/pools/dispatcher.ts',
    snippet: '    this.#capacity -= concurrency;',
    becomes: '',
  },
  {
    harm: 'a pool that closes does not say how many tasks it gave up',
    file: 'src/runtime/pools/dispatcher.ts',
    snippet: '    this.#abandoned += 1;',
    becomes: '',
  },
  {
    harm: 'a shrink by more than one goes below where the pool grows again',
    file: 'src/machines/scaling-decision.ts',
    snippet: 'const to = Math.max(min, size - down.step, needed);',
    becomes: 'const to = Math.max(min, size - down.step);',
  },
  {
    harm: 'a growth by more than one goes beyond what the limits have room for',
    file: 'src/machines/scaling-decision.ts',
    snippet: 'to: Math.min(max, size + up.step, size + Math.floor(admissible)), why: load };',
    becomes: 'to: Math.min(max, size + up.step), why: load };',
  },
  {
    harm: 'a shrink does not wait for the cooldown after a growth',
    file: 'src/machines/scaling-decision.ts',
    snippet: 'if (isWithin(upAt, down.cooldownMs, now) || isWithin(downAt, down.cooldownMs, now)) {',
    becomes: 'if (isWithin(downAt, down.cooldownMs, now)) {',
  },
  {
    harm: 'the busy share counts time that was counted before',
    file: 'src/runtime/pools/busy-meter.ts',
    snippet: '    this.#placeMs = 0;\n    return',
    becomes: '    return',
  },
  {
    harm: 'a pool gives its tasks to members of another type, which an earlier program left',
    file: 'src/runtime/pools/members.ts',
    snippet: 'const isOurs = agent.manifest.type === manifest.type;',
    becomes: 'const isOurs = true;',
  },
  {
    harm: 'agents that rest stay listed when their pool is closed',
    file: 'src/runtime/pools/members.ts',
    snippet: '    this.#closeAt = closeAt;\n    this.forgetResting();',
    becomes: '    this.#closeAt = closeAt;',
  },
  // Replay.
  {
    harm: "the replay of a second life reports the first one's abandoned tasks",
    file: 'src/runtime/journal/replay.ts',
    snippet: "event.type === 'agent.starting'",
    becomes: 'before === undefined',
  },
  {
    harm: 'the replay of a second registration goes on with the counts of the first',
    file: 'src/runtime/journal/replay.ts',
    snippet: "if (event.type === 'agent.registered') return registered(event);",
    becomes:
      "if (event.type === 'agent.registered') return { ...registered(event), tasks: before?.tasks ?? NO_TASKS };",
  },
  {
    harm: 'the replay shows an agent parked that does not run',
    file: 'src/runtime/journal/replay.ts',
    snippet: '...(parked && isServing ? { parked } : {})',
    becomes: '...(parked ? { parked } : {})',
  },
  {
    harm: 'a replay leaves out the event that it is asked to go up to',
    file: 'src/runtime/system.ts',
    snippet: 'if (event.sequence > untilSequence) break;',
    becomes: 'if (event.sequence >= untilSequence) break;',
  },
  // The end of a system, and of its creation.
  {
    harm: 'planning a recovery does not close the store: the start that follows is refused',
    file: 'src/runtime/fleet/recovery-plan.ts',
    snippet: '    await store.close();',
    becomes: '',
  },
  {
    harm: 'a system that could not be created keeps its store open',
    file: 'src/runtime/system.ts',
    snippet: "    await release('the store', () => store.close(), { clock, logger });",
    becomes: '',
  },
  {
    harm: 'a system that could not be created commits what it had gathered',
    file: 'src/runtime/system.ts',
    snippet: '    this.#journal.discard();',
    becomes: '',
  },
  {
    harm: 'a system that could not be created goes on counting for its meter',
    file: 'src/runtime/system.ts',
    snippet:
      "    this.#stopCounting?.();\n    this.#end(new AgentSystemError('SYSTEM_CLOSED', 'the system could not be created'));",
    becomes: "    this.#end(new AgentSystemError('SYSTEM_CLOSED', 'the system could not be created'));",
  },
  {
    harm: 'a closed system is asked for its gauges for ever',
    file: 'src/runtime/system.ts',
    snippet: '    this.#stopCounting?.();\n    const why',
    becomes: '    const why',
  },
  {
    harm: 'a close waits the shortest time of the fleet, not the longest',
    file: 'src/runtime/fleet/fleet-end.ts',
    snippet: 'longest = Math.max(longest, spec.shutdownMs);',
    becomes: 'longest = spec.shutdownMs;',
  },
  {
    harm: 'agents that have not ended at the deadline of a close go on',
    file: 'src/runtime/fleet/fleet-end.ts',
    snippet: "if (agent.position.legal.has('kill')) agent.send({ type: 'agent.kill', at: clock.now() });",
    becomes: '',
  },
  {
    harm: 'a close never says how many events were not kept',
    file: 'src/runtime/system.ts',
    snippet: '      unkeptEvents = await this.#journal.close();',
    becomes: '      await this.#journal.close();',
  },
  {
    harm: 'a host that hangs at its end hangs the close',
    file: 'src/runtime/system.ts',
    snippet: 'await within(clock, RELEASE_GRACE_MS, Promise.resolve(close()), () => {',
    becomes: 'await within(clock, Infinity, Promise.resolve(close()), () => {',
  },
  // Hosts.
  {
    harm: 'a crash leaves the other running task of the same agent going',
    file: 'src/runtime/hosting/agent-body.ts',
    snippet: '    this.#tasks?.abortAll();',
    becomes: '',
  },
  {
    harm: 'an error with several nested causes is refused, and its task never answered',
    file: 'src/runtime/hosting/hosts/message-check.ts',
    snippet: 'if (!isObject(value) || depth > MAX_CAUSES || left.errors < 0) return false;',
    becomes: 'if (!isObject(value) || depth > 4 || left.errors < 0) return false;',
  },
  {
    harm: 'CPU time of a process is a thousandfold off',
    file: 'src/runtime/hosting/hosts/process-meter.ts',
    snippet: 'tickMs: 1_000 / ticks',
    becomes: 'tickMs: 1 / ticks',
  },
  {
    harm: 'CPU time of a process leaves out what the kernel did for it',
    file: 'src/runtime/hosting/hosts/process-meter.ts',
    snippet: '(userTicks + systemTicks) * tickMs',
    becomes: 'userTicks * tickMs',
  },
  {
    harm: 'memory that a process shares is counted as its own',
    file: 'src/runtime/hosting/hosts/process-meter.ts',
    snippet: '(resident - shared) * pageBytes',
    becomes: 'resident * pageBytes',
  },
  {
    harm: 'each member of a group is told the memory of all',
    file: 'src/runtime/hosting/hosts/child-bodies.ts',
    snippet: '{ memoryBytes: usage.memoryBytes / sharers, cpuMs: usage.cpuMs / sharers }',
    becomes: 'usage',
  },
  {
    harm: 'a child that does not leave once its last body has ended stays',
    file: 'src/runtime/hosting/hosts/child-bodies.ts',
    snippet: 'this.#timer = clock.setTimeout(() => this.killAll(reason), leaveTimeoutMs);',
    becomes: '',
  },
  {
    harm: 'a member of a group that does not obey a kill lives on',
    file: 'src/runtime/hosting/hosts/child-bodies.ts',
    snippet: "      this.killAll({ error: { name: 'GroupKilled', message } });",
    becomes: '',
  },
  {
    harm: 'a group takes an agent that wants other limits than it has',
    file: 'src/runtime/hosting/hosts/child-host.ts',
    snippet: 'if (disagreement !== undefined) throw new TypeError(disagreement);',
    becomes: '',
  },
  {
    harm: 'a group whose child has ended is never begun anew',
    file: 'src/runtime/hosting/hosts/child-host.ts',
    snippet: 'this.#groups.delete(group);',
    becomes: '{}',
  },
  {
    harm: 'closing a host leaves its describers running',
    file: 'src/runtime/hosting/hosts/child-host.ts',
    snippet: '[...this.#describers.values()].map((describer) => describer.close())',
    becomes: '[...this.#describers.values()].map(() => Promise.resolve())',
  },
  {
    harm: 'a task that was withdrawn before its turn is run all the same',
    file: 'src/runtime/hosting/hosts/body-server.ts',
    snippet: '    this.#turns.splice(place, 1);',
    becomes: '',
  },
  {
    harm: 'what was said before a crash is lost',
    file: 'src/runtime/hosting/hosts/body-server.ts',
    snippet: '    this.#sendBuffer.drain(() => this.#options.leave(1));',
    becomes: '    this.#options.leave(1);',
  },
  // Stores.
  {
    harm: 'a power cut loses what was acknowledged',
    file: 'src/runtime/journal/stores/sqlite/open-file.ts',
    snippet: 'PRAGMA synchronous = FULL;',
    becomes: 'PRAGMA synchronous = NORMAL;',
  },
  {
    harm: 'the log of a store is never cut back after a large transaction',
    file: 'src/runtime/journal/stores/sqlite/open-file.ts',
    snippet: '    PRAGMA journal_size_limit = ${MAX_LOG_BYTES};\n',
    becomes: '',
  },
  {
    harm: 'upkeep that failed is tried again at every turn, and never rests',
    file: 'src/runtime/journal/stores/sqlite.ts',
    snippet: '      this.#mayTidy = false;',
    becomes: '',
  },
  {
    harm: 'upkeep that failed once is never done again',
    file: 'src/runtime/journal/stores/sqlite.ts',
    snippet: '    this.#mayTidy = true;',
    becomes: '',
  },
  {
    harm: 'whoever asked for a compaction that fails is never answered',
    file: 'src/runtime/journal/stores/sqlite.ts',
    snippet:
      "      const error = this.#failure('compacting it', thrown);\n      for (const { reject } of asked) reject(error);",
    becomes: '',
  },
  {
    harm: 'what waits behind a failed transaction is never answered',
    file: 'src/runtime/journal/stores/sqlite.ts',
    snippet: 'for (const { reject } of [...group, ...behind]) reject(error);',
    becomes: 'for (const { reject } of group) reject(error);',
  },
  {
    harm: 'after a failed transaction the next event is refused as out of order',
    file: 'src/runtime/journal/stores/sqlite.ts',
    snippet: '      this.#last = file.lastSequence;\n      const error',
    becomes: '      const error',
  },
  {
    harm: 'a failed transaction leaves the agent column ahead of the file',
    file: 'src/runtime/journal/stores/sqlite/log-file.ts',
    snippet: '      rewind();',
    becomes: '',
  },
  {
    harm: 'what a flush of slots did not write is forgotten',
    file: 'src/runtime/journal/stores/sqlite/slot-table.ts',
    snippet: '      if (this.upTo < upTo) this.#takeBack(updates);',
    becomes: '',
  },
  {
    harm: 'the state of a forgotten agent comes back with one of the same id',
    file: 'src/runtime/journal/stores/memory.ts',
    snippet: "if (event.type === 'agent.forgotten') this.#states.delete(event.agentId);",
    becomes: '',
  },
  // Journal.
  {
    harm: 'a state that is gathered in the turn in which the store comes back is lost',
    file: 'src/runtime/journal/journal.ts',
    snippet: '    rest.takeOver(this.#gathering);',
    becomes:
      '    for (let at = 0; at < this.#gathering.eventCount; at++) rest.addEvent(this.#gathering.events[at]!);',
  },
  {
    harm: 'events that were told while the store failed are told twice once it is back',
    file: 'src/runtime/journal/journal.ts',
    snippet: '    rest.told = rest.eventCount;',
    becomes: '',
  },
  {
    harm: 'a store that has answered too late is sent the same events again',
    file: 'src/runtime/journal/outage.ts',
    snippet: '      await this.#dropKept();\n    } catch',
    becomes: '    } catch',
  },
  {
    harm: 'a store that fails again is not tried any more',
    file: 'src/runtime/journal/outage.ts',
    snippet: '    this.#bound();\n    this.#retryAfter(failure);',
    becomes: '    this.#bound();',
  },
  {
    harm: 'the backlog of a failing store grows without bound in bytes',
    file: 'src/runtime/journal/outage.ts',
    snippet: 'while (this.#waiting > maxEvents || (this.#bytes > maxBytes && this.#waiting > 1)) {',
    becomes: 'while (this.#waiting > maxEvents) {',
  },
  {
    harm: 'a commit that took too long keeps its timer, and is answered twice',
    file: 'src/runtime/journal/appender.ts',
    snippet: '      return !isOver;',
    becomes: '      return true;',
  },
  {
    harm: 'a reading of more than a page begins again with each page',
    file: 'src/runtime/journal/reading.ts',
    snippet: '    from = last.sequence;',
    becomes: '    from = after;',
  },
  {
    harm: 'a reading gives a page more than its limit',
    file: 'src/runtime/journal/reading.ts',
    snippet: '    left -= page.length;',
    becomes: '',
  },
  {
    harm: 'a subscriber hears the event during which it subscribed',
    file: 'src/runtime/journal/subscriptions.ts',
    snippet: 'if (subscription.after >= this.#told) continue;',
    becomes: '',
  },
  // Coordination.
  {
    harm: 'two concurrent changes with asynchronous schemas break a constraint',
    file: 'src/runtime/coordination/variables/variables.ts',
    snippet: '    this.check(topic, value);\n    const { clock } = this.#options;',
    becomes: '    const { clock } = this.#options;',
  },
  {
    harm: 'a change waits for ever for an agent that does not acknowledge it',
    file: 'src/runtime/coordination/variables/variables.ts',
    snippet: 'timer = clock.setTimeout(() => topic.giveUpWaiting(version), change.timeoutMs);',
    becomes: '',
  },
  {
    harm: 'a change is confirmed before it is durable',
    file: 'src/runtime/coordination/variables/variables.ts',
    snippet: 'if (confirmation === undefined || !isCommitted) return;',
    becomes: 'if (confirmation === undefined) return;',
  },
  {
    harm: 'an agent that leaves is waited for by a change that it was told of',
    file: 'src/runtime/coordination/variables/topic.ts',
    snippet: '    if (isAwaited) this.#answered(listener);',
    becomes: '',
  },
  {
    harm: 'the history of a variable grows without bound',
    file: 'src/runtime/coordination/variables/topic.ts',
    snippet: 'if (this.history.length > limit) this.history.splice(0, this.history.length - limit);',
    becomes: '',
  },
  {
    harm: 'a value that was voted on an older version is put into force',
    file: 'src/runtime/coordination/rounds/outcomes.ts',
    snippet: 'if (version === topic.version) return undefined;',
    becomes: 'if (version <= topic.version) return undefined;',
  },
  {
    harm: "a vote of an incarnation that has ended is counted as the leader's",
    file: 'src/runtime/coordination/rounds/leader-votes.ts',
    snippet: 'if (asked.agentId !== agentId || asked.incarnation !== incarnation) {',
    becomes: 'if (asked.agentId !== agentId) {',
  },
  {
    harm: 'the weights of a tally that people see are in thousandths',
    file: 'src/runtime/coordination/rounds/outcomes.ts',
    snippet: '      accept: accept / 1_000,',
    becomes: '      accept,',
  },
  {
    harm: 'a leader of the next program leads a term that was led before',
    file: 'src/runtime/coordination/leader/leader-election.ts',
    snippet: '      this.#options.journal.keepFact(FACT, String(term));',
    becomes: '',
  },
  {
    harm: 'a repeated proposal is repeated without end',
    file: 'src/runtime/coordination/rounds/outcomes.ts',
    snippet: 'fallback.retry - 1 : 0',
    becomes: 'fallback.retry : 0',
  },
  // Telemetry.
  {
    harm: 'durations of tasks are a thousandfold off',
    file: 'src/runtime/observability/telemetry.ts',
    snippet: 'runs.record(event.ranMs / 1_000, ended);',
    becomes: 'runs.record(event.ranMs, ended);',
  },
  {
    harm: 'waits of tasks are a thousandfold off',
    file: 'src/runtime/observability/telemetry.ts',
    snippet: 'waits.record(event.waitedMs / 1_000, labels);',
    becomes: 'waits.record(event.waitedMs, labels);',
  },
  {
    harm: 'durations of pool tasks are a thousandfold off',
    file: 'src/runtime/observability/telemetry.ts',
    snippet: 'durations?.record((clock.elapsed() - askedAt) / 1_000, { pool, task, ...as });',
    becomes: 'durations?.record(clock.elapsed() - askedAt, { pool, task, ...as });',
  },
];
