/**
 * Faults to plant, one at a time: each is a small slip that a person could make, and that the tours have to find.
 *
 * `from` is text of the source that occurs in it exactly once, or, with `nth`, so many times.
 */
export interface Mutant {
  readonly name: string;
  /** Path under `src`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Which occurrence of `from` is meant, from 1; without it there is only one. */
  readonly nth?: number;
}

type Row = readonly [name: string, from: string, to: string, nth?: number];

const of = (file: string, rows: readonly Row[]): readonly Mutant[] =>
  rows.map(([name, from, to, nth]) => ({ name, file, from, to, ...(nth === undefined ? {} : { nth }) }));

const chart = of('machines/agent.ts', [
  // Transitions dropped or led elsewhere.
  ['forget is dropped', "  'agent.forget': forget,\n});", '});'],
  [
    'a cancelled restart leaves it down',
    "target: '#agent.stopped',\n  actions: ['recordCancelled",
    "target: '#agent.crashed.leftDown',\n  actions: ['recordCancelled",
  ],
  [
    'a start in fallback comes up coordinated',
    "{ target: '#agent.alive.serving.running.fallback', actions: becomeReady }",
    "{ target: '#agent.alive.serving', actions: becomeReady }",
  ],
  [
    'a kill of a start is a kill of what serves',
    "'agent.kill': { target: 'cancelling', actions: orderEnd('killed', false) }",
    "'agent.kill': { target: '#agent.alive.killing', actions: orderEnd('killed', false) }",
  ],
  [
    'a start that times out is not cancelled',
    "startTimeout: { target: 'cancelling', actions: orderEnd('start_timed_out', false) }",
    "startTimeout: { actions: orderEnd('start_timed_out', false) }",
  ],
  [
    'a stop of a start that is being cancelled is ignored',
    "'agent.stop': { target: '#agent.alive.killing', actions: orderEnd('shutdown', true) },",
    "'agent.stop': {},",
  ],
  [
    'a stop of a start drains',
    "target: '#agent.alive.stopping.terminating',",
    "target: '#agent.alive.stopping',",
  ],
  [
    'an agent that has finished aborts what runs beside',
    "target: 'stopping',\n              actions: [orderEnd('normal'",
    "target: 'stopping.aborting',\n              actions: [orderEnd('normal'",
  ],
  ['a task makes nobody busy', "'mailbox.busy': 'busy',", '', 1],
  ['in fallback a task makes nobody busy', "'mailbox.busy': 'busy',", '', 2],
  ['it stays busy', "'mailbox.idle': 'idle',", '', 1],
  ['in fallback it stays busy', "'mailbox.idle': 'idle',", '', 2],
  [
    'a busy agent that loses coordination is idle',
    "target: '#agent.alive.serving.running.fallback.busy',\n                          actions: 'noteCoordinationLost'",
    "target: '#agent.alive.serving.running.fallback.idle',\n                          actions: 'noteCoordinationLost'",
  ],
  [
    'a busy agent that gets coordination back is idle',
    "target: '#agent.alive.serving.running.coordinated.busy',\n                          actions: 'noteCoordinationRestored'",
    "target: '#agent.alive.serving.running.coordinated.idle',\n                          actions: 'noteCoordinationRestored'",
  ],
  [
    'a recovered agent in fallback is coordinated',
    "{ target: 'running.fallback.idle', actions: recover }",
    "{ target: 'running.coordinated.idle', actions: recover }",
  ],
  [
    'the last miss of an unresponsive agent is like any',
    "guard: 'isLastMiss',\n                    target: '#agent.alive.killing',\n                    actions: ['noteMiss', orderEnd",
    "guard: 'isLastMiss',\n                    target: 'unresponsive',\n                    actions: ['noteMiss', orderEnd",
  ],
  [
    'what was drained is not saved',
    "'mailbox.idle': 'saving',\n                'body.finished'",
    "'mailbox.idle': 'terminating',\n                'body.finished'",
  ],
  [
    'what was aborted is not saved',
    "on: { 'mailbox.idle': 'saving' },",
    "on: { 'mailbox.idle': 'terminating' },",
  ],
  ['draining has no end of its own', "after: { drainDeadline: 'aborting' },", ''],
  ['aborting has no end of its own', "after: { abortDeadline: 'terminating' },", ''],
  [
    'what was not aborted in time is saved',
    "after: { abortDeadline: 'terminating' },",
    "after: { abortDeadline: 'saving' },",
  ],
  [
    'a save that failed is waited for',
    "'body.save_failed': { target: 'terminating', actions",
    "'body.save_failed': { actions",
  ],
  ['a save that failed is passed over', ", actions: raiseAlert('state_not_saved') }", ' }'],
  ['a saved state is waited for again', "'body.saved': 'terminating',", ''],
  [
    'a second kill is not allowed',
    "on: { 'agent.kill': {}, 'agent.stop': { actions: 'orderNoRestart' } }",
    "on: { 'agent.stop': { actions: 'orderNoRestart' } }",
  ],
  [
    'a second stop is not allowed',
    "'agent.stop': {\n              guard: 'isNoGrace',",
    "'agent.stopped': {\n              guard: 'isNoGrace',",
  ],
  [
    'a second stop ends at once whatever its grace',
    "'agent.stop': {\n              guard: 'isNoGrace',",
    "'agent.stop': {",
  ],
  [
    'one that had completed is rolled back to stopped',
    "{ guard: isFrom('completed'), target: 'completed' }",
    "{ guard: isFrom('completed'), target: 'stopped' }",
  ],
  [
    'one that had given up is rolled back to left down',
    "{ guard: isFrom('gaveUp'), target: 'crashed.gaveUp' },",
    '',
  ],
  ['a life that was being stopped goes on', "event.life.at === 'stopping'", "event.life.at === 'serving'"],
  [
    'a restart may wait without a permit',
    "after: { restartDelay: 'queued' }",
    "after: { restartDelay: { target: '#agent.alive', actions: beginStart('restart') } }",
  ],
  [
    'what is too often is tried again',
    "target: 'gaveUp',\n              actions: [announce('agent.crashed', 'gaveUp'), announce('agent.gave_up', 'gaveUp')],",
    "target: 'waiting',\n              actions: ['scheduleRestart', announce('agent.crashed', 'waiting')],",
  ],
  [
    'a broken body is restarted',
    "target: '#agent.crashed.leftDown',\n          actions: ['recordBug'",
    "target: '#agent.crashed',\n          actions: ['recordBug'",
  ],
  // Actions lost.
  [
    'alerts outlive a start',
    'actions: [beginStart(startedFrom), clearAlerts],',
    'actions: [beginStart(startedFrom)],',
  ],
  [
    'alerts outlive the agent',
    "const forget = { target: '#agent.forgotten', actions: clearAlerts };",
    "const forget = { target: '#agent.forgotten' };",
  ],
  [
    'a cancelled restart is not said',
    "actions: ['recordCancelledRestart' as const, announce('agent.stopped', 'stopped')],",
    "actions: ['recordCancelledRestart' as const],",
  ],
  [
    'a cancelled restart keeps its reason',
    "actions: ['recordCancelledRestart' as const, announce('agent.stopped', 'stopped')],",
    "actions: [announce('agent.stopped', 'stopped')],",
  ],
  [
    'a start is not said',
    "const becomeReady = ['noteReady' as const, announce('agent.started', 'serving')];",
    "const becomeReady = ['noteReady' as const];",
  ],
  [
    'a start is not noted',
    "const becomeReady = ['noteReady' as const, announce('agent.started', 'serving')];",
    "const becomeReady = [announce('agent.started', 'serving')];",
  ],
  [
    'a recovery is not said',
    "const recover = ['noteAnswer' as const, announce('agent.recovered', 'serving')];",
    "const recover = ['noteAnswer' as const];",
  ],
  [
    'an answer does not count',
    "const recover = ['noteAnswer' as const, announce('agent.recovered', 'serving')];",
    "const recover = [announce('agent.recovered', 'serving')];",
  ],
  ['work outlives the body', "exit: commandMailbox('abandon'),", ''],
  ['a permit is kept after the start', "exit: handlePermit('release'),", ''],
  ['a permit is not asked for', "entry: handlePermit('request'),", ''],
  ['a place in the queue is kept', "exit: handlePermit('withdraw'),", ''],
  ['a broken body lives on', "'recordBug', commandBody('kill'),", "'recordBug',"],
  ['a bug is not recorded', "actions: ['recordBug', commandBody", 'actions: [commandBody'],
  [
    'a cancelled start is not killed',
    "entry: [commandMailbox('abort'), commandBody('kill')],",
    "entry: commandMailbox('abort'),",
    1,
  ],
  [
    'the work of a cancelled start waits',
    "entry: [commandMailbox('abort'), commandBody('kill')],",
    "entry: commandBody('kill'),",
    1,
  ],
  [
    'what is to be killed is not',
    "entry: [commandMailbox('abort'), commandBody('kill')],",
    "entry: commandMailbox('abort'),",
    2,
  ],
  [
    'the work of what is killed waits',
    "entry: [commandMailbox('abort'), commandBody('kill')],",
    "entry: commandBody('kill'),",
    2,
  ],
  ['nobody watches its health', "entry: watchHealth('watch'),", ''],
  ['its health is watched after it serves', "exit: watchHealth('unwatch'),", ''],
  [
    'a grace that was asked for is forgotten',
    "{ target: 'stopping', actions: [orderEnd('shutdown', true), 'setStopTimeout'] },",
    "{ target: 'stopping', actions: orderEnd('shutdown', true) },",
  ],
  [
    'a grace for a start is forgotten',
    "target: '#agent.alive.stopping.terminating',\n                    actions: [orderEnd('shutdown', true), 'setStopTimeout'],",
    "target: '#agent.alive.stopping.terminating',\n                    actions: orderEnd('shutdown', true),",
  ],
  [
    'the grace of an earlier stop is used again',
    "actions: [orderEnd('normal', true), 'setStopTimeout'],",
    "actions: orderEnd('normal', true),",
  ],
  [
    'that it is unresponsive is not said',
    "actions: ['noteMiss', announce('agent.unresponsive', 'serving')],",
    "actions: 'noteMiss',",
  ],
  [
    'that it is unresponsive is not said when it is killed for it',
    "                      announce('agent.unresponsive', 'serving'),\n",
    '',
  ],
  ['a further miss does not count', "{ actions: 'noteMiss' },", '{},'],
  ['a stop is not said', "entry: announce('agent.stopping', 'stopping'),", ''],
  ['nothing is drained', 'entry: drainMailbox,', ''],
  ['nothing is aborted', "entry: commandMailbox('abort'),\n              after", 'after'],
  ['nothing is saved', "entry: commandBody('save'),", ''],
  ['nothing is terminated', "entry: commandBody('terminate'),", ''],
  [
    'a stop does not keep a killed agent down',
    "'agent.stop': { actions: 'orderNoRestart' } }",
    "'agent.stop': {} }",
  ],
  [
    'who finishes while it drains was stopped',
    "actions: [orderEnd('normal', true), commandMailbox('finish')]",
    "actions: [commandMailbox('finish')]",
  ],
  [
    'who finishes while it drains does all that waits',
    "actions: [orderEnd('normal', true), commandMailbox('finish')]",
    "actions: [orderEnd('normal', true)]",
  ],
  [
    'a deadline does not change the reason',
    "shutdownDeadline: { target: 'killing', actions: 'orderTimedOutEnd' },",
    "shutdownDeadline: 'killing',",
  ],
  ['a completed life is not said', ", actions: announce('agent.completed', 'completed')", ''],
  [
    'a giving up is not said',
    "actions: [announce('agent.crashed', 'gaveUp'), announce('agent.gave_up', 'gaveUp')],",
    "actions: announce('agent.crashed', 'gaveUp'),",
  ],
  ['a crash is not said', "actions: announce('agent.crashed', 'leftDown'),", ''],
  ['a restart is not planned', "actions: ['scheduleRestart', announce", 'actions: [announce'],
  ['a restart that waits is not said', "entry: announce('agent.restart_scheduled', 'waiting'),", ''],
  ['an operator is not asked', "entry: raiseAlert('restart_required'),", ''],
  ['a giving up alerts nobody', "entry: raiseAlert('gave_up'),", ''],
  [
    'a failed restart is not recorded',
    "actions: [announceFailedStart, 'recordFailedStart'] },",
    'actions: announceFailedStart },',
  ],
  [
    'a failed start is not said',
    ", target: '#agent.rolledBack', actions: announceFailedStart }",
    ", target: '#agent.rolledBack' }",
  ],
  [
    'a restart waits anew when a start fails',
    ", target: 'crashed.waiting', actions: 'resumeRestart' }",
    ", target: 'crashed.waiting' }",
  ],
  ['a lost host is not recorded', "actions: ['recordHostLost', announce", 'actions: [announce'],
  [
    'a stop that its program did not survive is not recorded',
    "actions: ['recordLostWhileStopping', announce",
    'actions: [announce',
  ],
  [
    'an end is not recorded',
    "{ target: '#agent.ended', actions: 'recordExit' }",
    "{ target: '#agent.ended' }",
  ],
  ['a life is not resumed', ", actions: 'resumeLife' }", ' }'],
  // Guards inverted or weakened.
  [
    'whose start it is, is mistaken',
    "context.startedFrom !== 'restart'",
    "context.startedFrom === 'restart'",
  ],
  [
    'coordination is mistaken',
    'isCoordinated: ({ context }) => context.isCoordinated,',
    'isCoordinated: ({ context }) => !context.isCoordinated,',
  ],
  ['fallback is not looked at', 'params.busy && !context.isCoordinated', 'params.busy'],
  [
    'busy is mistaken',
    'isBusy: (_, params: { busy: boolean }) => params.busy',
    'isBusy: (_, params: { busy: boolean }) => !params.busy',
  ],
  [
    'one miss too many is forgiven',
    'context.misses + 1 >= context.policy',
    'context.misses + 1 > context.policy',
  ],
  [
    'there is always grace',
    '(event.timeoutMs ?? context.policy.shutdownMs) === 0',
    '(event.timeoutMs ?? context.policy.shutdownMs) < 0',
  ],
  [
    'the policy of no grace is not looked at',
    '(event.timeoutMs ?? context.policy.shutdownMs) === 0',
    'event.timeoutMs === 0',
  ],
  [
    'what is completed is a crash',
    "endStatusOf(context.reason) === 'completed'",
    "endStatusOf(context.reason) !== 'completed'",
  ],
  [
    'what is stopped is a crash',
    "endStatusOf(context.reason) === 'stopped'",
    "endStatusOf(context.reason) === 'completed'",
  ],
  [
    'a restart that was under way is rolled back',
    " || (event.life.at === 'starting' && event.life.startedFrom === 'restart'))",
    ')',
  ],
  [
    'who was to stay down is restarted',
    "context.ordered?.forGood === true || context.policy.restart.policy === 'never'",
    "context.policy.restart.policy === 'never'",
  ],
  [
    'never is delayed',
    "context.ordered?.forGood === true || context.policy.restart.policy === 'never'",
    'context.ordered?.forGood === true',
  ],
  [
    'manual is delayed',
    "context.policy.restart.policy === 'manual'",
    "context.policy.restart.policy === 'never'",
  ],
  [
    'intensity is mistaken',
    'isTooOften: ({ context }) =>\n      exceedsIntensity',
    'isTooOften: ({ context }) =>\n      !exceedsIntensity',
  ],
  // What is noted.
  [
    'an incarnation is skipped',
    'incarnation: context.incarnation + 1',
    'incarnation: context.incarnation + 2',
  ],
  ['an old order is kept', '      startedFrom,\n      ordered: undefined,', '      startedFrom,'],
  [
    'every start counts as a restart',
    "startedFrom === 'restart' ? context.restarts + 1 : context.restarts",
    'context.restarts + 1',
  ],
  [
    'a restart that waits is forgotten by a start',
    "restartAt: startedFrom === 'waiting' ? context.restartAt : undefined",
    'restartAt: undefined',
  ],
  [
    'a restart is due for ever',
    'event.at : undefined,\n      restartAt: undefined,',
    'event.at : undefined,',
  ],
  [
    'a start does not clear the history',
    "history: context.startedFrom === 'restart' ? context.history : noRestarts",
    'history: context.history',
  ],
  [
    'a restart clears the history',
    "history: context.startedFrom === 'restart' ? context.history : noRestarts",
    'history: noRestarts',
  ],
  [
    'a loss of coordination is not noted',
    'noteCoordinationLost: assign({ isCoordinated: false })',
    'noteCoordinationLost: assign({})',
  ],
  [
    'a return of coordination is not noted',
    'noteCoordinationRestored: assign({ isCoordinated: true })',
    'noteCoordinationRestored: assign({})',
  ],
  ['misses do not add up', 'misses: ({ context }) => context.misses + 1', 'misses: () => 1'],
  ['a grace is always that of the policy', '? event.timeoutMs\n', '? context.policy.shutdownMs\n'],
  ['a stop that timed out looks like one that did not', "? { shutdown: 'timed_out' }", "? 'shutdown'"],
  [
    'a stop that timed out may be restarted',
    ': context.ordered.reason,\n        forGood: true,',
    ': context.ordered.reason,\n        forGood: false,',
  ],
  [
    'a stop of a killed agent is not for good',
    "context.ordered?.reason ?? 'killed', forGood: true",
    "context.ordered?.reason ?? 'killed', forGood: false",
  ],
  [
    'an end has no time',
    'endedAt: at,\n        restartAt: undefined,\n        chance,',
    'restartAt: undefined,\n        chance,',
  ],
  ['the dice of a failed restart are lost', 'endedAt: at, chance };', 'endedAt: at };'],
  [
    'a healthy period does not count',
    'history: afterUptime(context.policy.restart, context.history, at - (context.startedAt ?? at))',
    'history: context.history',
  ],
  ['a restart does not count', 'restartAt: at + delayMs, history }', 'restartAt: at + delayMs }'],
  ['a restart is due at once', 'restartAt: at + delayMs,', 'restartAt: at,'],
  [
    'a restart forgets that it waited',
    'Math.max(0, (context.restartAt ?? 0) - timeOf(event))',
    'context.restartDelayMs',
  ],
  // Deadlines.
  [
    'a start has a ms too many',
    'startTimeout: ({ context }) => context.policy.startTimeoutMs',
    'startTimeout: ({ context }) => context.policy.startTimeoutMs + 1',
  ],
  [
    'a life has a ms too few',
    'maxRuntime: ({ context }) => context.policy.maxRuntimeMs',
    'maxRuntime: ({ context }) => context.policy.maxRuntimeMs - 1',
  ],
  [
    'a restart comes a ms early',
    'restartDelay: ({ context }) => context.restartDelayMs',
    'restartDelay: ({ context }) => context.restartDelayMs - 1',
  ],
  [
    'a stop has a ms too many',
    'shutdownDeadline: ({ context }) => context.stopTimeoutMs',
    'shutdownDeadline: ({ context }) => context.stopTimeoutMs + 1',
  ],
]);

const effects = of('machines/agent-effects.ts', [
  [
    'who finishes does all that waits',
    "=== 'normal' ? ('finish' as const)",
    "=== 'normal' ? ('drain' as const)",
  ],
  ['who is stopped does nothing that waits', ": ('drain' as const)", ": ('finish' as const)"],
]);

const life = of('machines/agent-life.ts', [
  [
    'a kill that was obeyed has no order',
    "exit.reason === 'shutdown' || exit.reason === 'killed'",
    "exit.reason === 'shutdown'",
  ],
  [
    'a shutdown that was obeyed has no order',
    "exit.reason === 'shutdown' || exit.reason === 'killed'",
    "exit.reason === 'killed'",
  ],
  ['every end is as it was ordered', 'return obeyed && context.ordered', 'return context.ordered'],
]);

const shares = of('machines/stop-share.ts', [
  ['a drain takes more than its share', 'FINISH_SHARE = 0.8', 'FINISH_SHARE = 0.9'],
  ['an abort takes more than its share', 'ABORT_SHARE = 0.1', 'ABORT_SHARE = 0.2'],
]);

const policy = of('machines/restart-policy.ts', [
  ['one restart too many', '.length >= policy.maxRestarts', '.length > policy.maxRestarts'],
  ['the backoff does not grow', 'attempt: history.attempt + 1', 'attempt: history.attempt'],
  ['a healthy period has a ms too many', 'uptimeMs >= policy.withinMs', 'uptimeMs > policy.withinMs'],
  [
    'the cap is ignored',
    'Math.min(policy.maxDelayMs, policy.delayMs * 2 **',
    'Math.max(0, policy.delayMs * 2 **',
  ],
  ['chance makes no difference', '(ceiling / 2) * (1 + chance)', '(ceiling / 2) * (1 + chance / 2)'],
  ['immediate is delayed', "if (policy.policy === 'immediate') return policy.delayMs;", ''],
  ['a restart counts a ms too long', 'at - restart < policy.withinMs', 'at - restart <= policy.withinMs'],
]);

const reasons = of('machines/exit-reason.ts', [
  [
    'an end of its own is a crash',
    "if (typeof reason === 'object' && 'shutdown' in reason) return 'stopped';",
    '',
  ],
  [
    'a shutdown completes',
    "if (reason === 'shutdown') return 'stopped';",
    "if (reason === 'shutdown') return 'completed';",
  ],
]);

const position = of('machines/agent-position.ts', [
  ['what changes nothing is not legal', 'node.transitions.keys()', 'node.ownEvents'],
  ['a start that is cancelled takes tasks', "path.endsWith('initializing')", "path !== ''"],
  [
    'who is unresponsive takes no tasks',
    "status === 'running' || status === 'unresponsive'",
    "status === 'running'",
  ],
  [
    'who is unresponsive runs',
    "if (path.startsWith('alive.serving')) return 'unresponsive';",
    "if (path.startsWith('alive.serving')) return 'running';",
  ],
]);

const supervisor = of('machines/supervisor.ts', [
  [
    'one permit too many',
    'context.restarting < context.maxConcurrentRestarts',
    'context.restarting <= context.maxConcurrentRestarts',
  ],
  ['the last who waits is not the last', 'context.waiting === 1', 'context.waiting === 2'],
  ['a permit that was given is not counted', "actions: ['countGranted', grant] }", 'actions: grant }'],
  [
    'a permit that came back is not counted',
    "'permit.released': { actions: 'countReleased' }",
    "'permit.released': {}",
  ],
  [
    'who waits is not counted',
    "{ target: 'storm', actions: ['countWaiting', enqueue] }",
    "{ target: 'storm', actions: enqueue }",
  ],
  [
    'who waits in a storm is not counted',
    "'permit.requested': { actions: ['countWaiting', enqueue] }",
    "'permit.requested': { actions: enqueue }",
  ],
  [
    'who waits is not let in',
    "{ target: 'storm', actions: ['countWaiting', enqueue] }",
    "{ target: 'storm', actions: 'countWaiting' }",
  ],
  ['a storm is not said', "entry: 'raiseStormAlert',", ''],
  ['a storm never ends', "exit: 'clearStormAlert',", ''],
  [
    'the last is not served',
    "{ guard: 'isLastWaiting', target: 'calm', actions: ['countServed', 'grantNextPermit'] }",
    "{ guard: 'isLastWaiting', target: 'calm', actions: 'countServed' }",
  ],
  [
    'the next is not served',
    "{ actions: ['countServed', 'grantNextPermit'] },\n        ],",
    "{ actions: 'countServed' },\n        ],",
  ],
  [
    'who withdraws is waited for',
    "{ guard: 'isLastWaiting', target: 'calm', actions: 'countServed' },\n",
    "{ guard: 'isLastWaiting', target: 'storm', reenter: true, actions: 'countServed' },\n",
  ],
]);

const agent = of('runtime/agent/agent.ts', [
  [
    'the dead are heard',
    'if (link !== this.#link) {\n      this.#dropped += 1;\n      // A vote',
    'if (link.incarnation > this.incarnation) {\n      // A vote',
  ],
  [
    'the dead can die again',
    'if (link !== this.#link) {\n      this.#dropped += 1;\n      return;\n    }\n    this.#link = undefined;',
    'this.#link = undefined;',
  ],
  ['what is dropped is not counted', 'this.#dropped += 1;', '', 1],
  [
    'a body that is gone can be posted to',
    '    this.#link = undefined;\n    this.#lastExit = reason;',
    '    this.#lastExit = reason;',
  ],
  [
    'what an agent reserved is not given back',
    'this.#services.admission.release(this.id);\n    this.#services.alerts',
    'this.#services.alerts',
  ],
  [
    'work is started before the start is said',
    'this.#mailbox?.open();\n        return this.#repeatCarried();',
    'return this.#repeatCarried();',
  ],
  [
    'whoever waits for a start that failed is told that it did not',
    'this.#takeStarting(life.incarnation, because),',
    'this.#takeStarting(life.incarnation),',
    1,
  ],
  [
    'whoever waits for an end is not told',
    'this.#takeStarting(life.incarnation, because),\n          this.#takeEnding(),',
    'this.#takeStarting(life.incarnation, because),',
    2,
  ],
  [
    'whoever kills a restart is not told',
    'this.#takeStarting(life.incarnation, because),\n          this.#takeEnding(),',
    'this.#takeStarting(life.incarnation, because),',
    1,
  ],
  [
    'a delay that is over is negative',
    'Math.max(0, restartAt - this.clock.now())',
    'restartAt - this.clock.now()',
  ],
  ['a body is not told why the last one ended', 'previousStop: context.reason', 'previousStop: undefined'],
  ['a body is not given its saved state', '          restored,\n', '          restored: undefined,\n'],
  ['a state that came with a task is not kept', 'this.#noteSaved(report);\n', '\n'],
  ['a save is waited for', "else this.#chart.send({ type: 'body.saved', at });", ''],
  ['the living show the reason of the last end', 'reason === undefined || isAlive', 'reason === undefined'],
  ['the living have ended', 'endedAt === undefined || isAlive', 'endedAt === undefined'],
  [
    'a kill is a terminate',
    "if (command === 'kill') link.kill();",
    "if (command === 'kill') link.post({ type: 'terminate' });",
  ],
  [
    'without work there is nothing to drain',
    'else if (this.#mailbox) this.#mailbox[command]();\n    else this.becameIdle();',
    'else this.#mailbox?.[command]();',
  ],
  ['a new body finds the list of the last', 'this.#mailbox?.hold();', ''],
  [
    'an answer is not passed on',
    "if (this.position.status !== 'unresponsive') return;",
    "if (this.position.status !== 'running') return;",
  ],
  ['who recovers is idle', 'busy: this.#mailbox?.isBusy ?? false', 'busy: false'],
  [
    'a timeout of a start is a failure like any',
    "const isTimeout = reason === 'start_timed_out';",
    'const isTimeout = false;',
  ],
]);

const mailbox = of('runtime/agent/mailbox.ts', [
  [
    'one more may wait',
    'this.#waiting.size >= this.#queueLimit + free',
    'this.#waiting.size > this.#queueLimit + free',
  ],
  [
    'what runs is not counted',
    "this.#mode === 'open' ? this.#concurrency - this.#running.size : 0",
    "this.#mode === 'open' ? this.#concurrency : 0",
  ],
  [
    'what is held may wait in any number',
    "this.#mode === 'open' ? this.#concurrency - this.#running.size : 0",
    'this.#concurrency - this.#running.size',
  ],
  [
    'what was abandoned before is abandoned again',
    "this.#mode = 'held';\n    this.#abandonedTasks = [];",
    "this.#mode = 'held';",
  ],
  ['what was held is not started', "this.#mode = 'open';\n    this.#pump();", "this.#mode = 'open';"],
  [
    'who has nothing to drain drains for ever',
    "this.#mode = 'draining';\n    this.#pump();\n    this.#tellIfIdle();",
    "this.#mode = 'draining';\n    this.#pump();",
  ],
  [
    'what waits is not aborted',
    "for (const entry of this.#waiting) this.#abandon(entry, 'the agent is ending');\n",
    '',
  ],
  [
    'what runs is not aborted',
    "for (const entry of this.#running.values()) this.#abandon(entry, 'the agent is ending');\n",
    '',
  ],
  ['the next body inherits work', 'this.#running.clear();\n', ''],
  ['the next body is busy', "this.#mode = 'held';\n    this.#isBusy = false;", "this.#mode = 'held';"],
  [
    'what waits is not started when there is room',
    '    this.#pump();\n    this.#tellIfIdle();\n  }\n\n  progress',
    '    this.#tellIfIdle();\n  }\n\n  progress',
  ],
  [
    'nobody hears that all is done',
    '    this.#pump();\n    this.#tellIfIdle();\n  }\n\n  progress',
    '    this.#pump();\n  }\n\n  progress',
  ],
  [
    'a task that was answered is answered again',
    'if (!entry.isAnswered) {\n      if (report.type',
    'if (entry) {\n      if (report.type',
  ],
  [
    'a task has no time limit',
    'entry.timer = clock.setTimeout(() => this.#timeOut(entry, timeoutMs), leftMs);',
    '',
  ],
  [
    'a task has a ms too many',
    '() => this.#timeOut(entry, timeoutMs), leftMs)',
    '() => this.#timeOut(entry, timeoutMs), leftMs + 1)',
  ],
  ['the limit of a task that is done stays armed', 'this.#owner.clock.clearTimeout(entry.timer);', ''],
  [
    'one more runs at once',
    'this.#running.size >= this.#concurrency ||',
    'this.#running.size > this.#concurrency ||',
  ],
  [
    'work begins while it is held',
    "return this.#mode === 'open' || this.#mode === 'draining';",
    "return this.#mode !== 'aborting';",
  ],
  [
    'what was accepted is not finished while it drains',
    "return this.#mode === 'open' || this.#mode === 'draining';",
    "return this.#mode === 'open';",
  ],
  [
    'what timed out goes on waiting',
    "if (this.#waiting.delete(entry)) return 'still waiting';",
    "if (this.#waiting.has(entry)) return 'still waiting';",
  ],
  [
    'the work of a task that was given up goes on',
    "this.#owner.post({ type: 'task.cancel', taskId: entry.taskId, reason });",
    '',
  ],
  ['what was abandoned is not listed', 'this.#abandonedTasks.push(entry.taskId);', ''],
  ['what was abandoned is not counted', 'this.#abandoned += 1;\n    const error', 'const error'],
  ['what is done is not counted', 'this.#done += 1;', ''],
  [
    'how long a task waited is wrong',
    'waitedMs: startedAt - acceptedAt',
    'waitedMs: this.#owner.clock.now() - acceptedAt',
  ],
]);

const health = of('runtime/agent/liveness.ts', [
  ['nothing is watched', 'this.#newest = UNKNOWN;\n    this.#scheduleNext();', 'this.#newest = UNKNOWN;'],
  [
    'checks go on after the end',
    'this.#askedAt = undefined;\n    this.#clearTimers();\n    this.#newest = NOT_RUNNING;',
    'this.#askedAt = undefined;\n    this.#newest = NOT_RUNNING;',
  ],
  [
    'whoever waits for a check waits on',
    'this.#newest = NOT_RUNNING;\n    this.#tellWaiting();',
    'this.#newest = NOT_RUNNING;',
  ],
  ['two checks are open at once', 'if (this.#askedAt === undefined) this.#ask();', 'this.#ask();'],
  [
    'any answer closes the check',
    'this.#askedAt !== undefined && report.checkId === this.#checkId',
    'this.#askedAt !== undefined',
  ],
  ['an answer leaves the check open', 'if (isOpen) this.#close();\n', ''],
  [
    'an old answer does not count',
    '    this.#owner.healthPassed();',
    '    if (isOpen) this.#owner.healthPassed();',
  ],
  [
    'the answer has a ms too many',
    'this.#overdue(), this.#policy.timeoutMs);',
    'this.#overdue(), this.#policy.timeoutMs + 1);',
  ],
  [
    'the next check stays armed beside the open one',
    '#ask(): void {\n    this.#clearTimers();',
    '#ask(): void {',
  ],
  ['misses of the lane do not add up', 'misses: this.#newest.misses + 1,', 'misses: 1,'],
  ['a miss is not told', 'this.#close();\n    this.#owner.healthMissed();', 'this.#close();'],
  ['one check is all', '    this.#tellWaiting();\n    this.#scheduleNext();', '    this.#tellWaiting();'],
  [
    'a failed check of another time counts',
    'if (isOpen) this.#miss(report.error);',
    'this.#miss(report.error);',
  ],
  [
    'checks come a ms late',
    '() => this.#ask(), this.#policy.intervalMs)',
    '() => this.#ask(), this.#policy.intervalMs + 1)',
  ],
]);

const permits = of('runtime/limits/restart-permits.ts', [
  [
    'any start gives a permit back',
    'if (this.#holders.delete(agentId)) this.#chart',
    'if (this.#holders.delete(agentId) || true) this.#chart',
  ],
  ['who holds a permit is not known', '      this.#holders.add(agentId);\n', ''],
  [
    'who withdraws keeps its place',
    'if (this.#queue.delete(agentId)) this.#chart',
    'if (this.#queue.has(agentId)) this.#chart',
  ],
  ['the last comes first', 'const [next] = this.#queue;', 'const next = [...this.#queue].at(-1);'],
  ['the next keeps its place', '          this.#queue.delete(next);\n', ''],
]);

const alerts = of('runtime/observability/alerts.ts', [
  [
    'an alert is not kept',
    'this.#active.set(keyOf(alert, of), { alert, message, raisedAt, ...subject });',
    '',
  ],
  ['whose alert it is, is not known', 'else this.#ofAgent.set(agentId, new Set([alert]));', ''],
  ['the end of an alert is not said', 'this.#journal.emit(cleared);', ''],
]);

const recovery = of('runtime/fleet/recovery.ts', [
  [
    'what was in flight is not said',
    "journal.emit({ type: 'task.unknown', ...of, ...(input === undefined ? {} : { input }) });\n",
    '',
  ],
  ['no life goes on', 'if (life) agent.resume', 'if (!life) agent.resume'],
]);

export const mutants: readonly Mutant[] = [
  ...chart,
  ...effects,
  ...life,
  ...shares,
  ...policy,
  ...reasons,
  ...position,
  ...supervisor,
  ...agent,
  ...mailbox,
  ...health,
  ...permits,
  ...alerts,
  ...recovery,
];
