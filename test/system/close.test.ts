import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createAgentSystem, defineAgent, variable } from '../../src/index.ts';
import { scriptedHost, settled, simulatedClock } from '../../src/testing/index.ts';
import { inProcessHost } from '../../src/runtime/hosting/hosts/in-process.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import { failingStore } from '../journal/failing-store.ts';
import { plain } from '../fleet/plain.ts';
import { awaited, codeOf, fateOf, gate, rig, silent } from '../kit/rig.ts';
import { worker } from '../agent/worker.ts';

describe('close', () => {
  it('stops every agent in order, saves it, and reports by id', async () => {
    const { agents, system, clock, eventsOf } = await rig();
    const { module, begun } = worker();
    for (const id of ['idle', 'busy', 'stuck', 'fresh', '__proto__']) await agents.register({ id, module });
    for (const id of ['idle', 'busy', 'stuck', '__proto__']) await agents.start(id);
    await agents.execute('idle', { type: 'note', input: 1 });
    const busy = agents.execute('busy', { type: 'held' });
    const stuck = awaited(agents.execute('stuck', { type: 'held' }));
    await settled();
    const closed = system.close({ timeoutMs: 1_000 });
    begun[0]!.done('done');
    await clock.advance(1_000);
    expect(await fateOf(closed)).toEqual({
      value: { stopped: ['idle', 'busy', '__proto__'], abandoned: ['stuck'] },
    });
    expect(await busy).toBe('done');
    expect(await codeOf(stuck)).toBe('TASK_ABANDONED');
    expect(
      eventsOf('agent.stopped')
        .map(({ agentId }) => agentId)
        .toSorted(),
    ).toEqual(['__proto__', 'busy', 'idle', 'stuck'].toSorted());
    expect(agents.get('fresh').status).toBe('registered');
    expect(clock.pending()).toEqual([]);
  });

  it('leaves stopped, for a later program to start, what has not ended at its deadline', async () => {
    const { agents, system, clock } = await rig();
    const { module } = worker();
    await agents.register({ id: 'stuck', module, shutdownMs: 5_000 });
    await agents.start('stuck');
    const held = awaited(agents.execute('stuck', { type: 'held' }));
    const stopped = agents.stop('stuck');
    await settled();
    const closed = system.close({ timeoutMs: 1_000 });
    await clock.advance(1_000);
    expect(await fateOf(closed)).toEqual({ value: { stopped: [], abandoned: ['stuck'] } });
    expect(await stopped).toMatchObject({ status: 'stopped', reason: { shutdown: 'killed' } });
    expect(await codeOf(held)).toBe('TASK_ABANDONED');
    expect(clock.pending()).toEqual([]);
  });

  it('whose deadline passes while the program is busy leaves agents and tasks to the next one', async () => {
    const path = join(temporaryDirectory(), 'fleet.db');
    let isUp = false;
    const module = defineAgent({
      type: 'waiting',
      init: () => ({}),
      tasks: {
        wait: {
          retry: 'on_host_loss',
          run: ({ signal }) =>
            isUp
              ? 'done'
              : new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        },
      },
    });
    const first = await createAgentSystem({ store: sqliteStore(path), logger: silent });
    await first.agents.ensure({ id: 'ada', module }, { autoStart: true });
    const { id } = await first.tasks.submit('ada', { type: 'wait' });
    const closed = first.close({ timeoutMs: 20 });
    const until = performance.now() + 60;
    while (performance.now() < until);
    await closed;
    expect(first.agents.get('ada').status).toBe('stopped');
    isUp = true;
    await using second = await createAgentSystem({
      store: sqliteStore(path),
      agents: [module],
      logger: silent,
    });
    await second.agents.ensure({ id: 'ada', module }, { autoStart: true });
    expect(await second.tasks.result(id)).toBe('done');
  });

  it('of an empty system, or one where nothing runs, reports nothing and takes no time', async () => {
    const { agents, system } = await rig();
    await agents.register({ module: plain });
    expect(await fateOf(system.close())).toEqual({ value: { stopped: [], abandoned: [] } });
  });

  it('does not wait for an agent that ends by itself while others are told to stop', async () => {
    const clock = simulatedClock();
    let lookedAt = 0;
    // Each look at it takes so long that the loop is owed a turn.
    const busy = { ...clock, now: () => clock.now() + (lookedAt += 10) };
    const { agents, system } = await rig({ clock: busy });
    const ends = gate();
    const module = defineAgent({
      type: 'ending',
      init: () => ({}),
      tasks: { end: { run: ({ complete }) => ends.promise.then(complete) } },
    });
    const ids = [...Array.from({ length: 30 }, (_, number) => `a${number}`), 'ending'];
    for (const id of ids) {
      await agents.register({ id, module });
      await agents.start(id);
    }
    const ending = agents.execute('ending', { type: 'end' });
    await settled();
    const closed = system.close();
    ends.resolve();
    await ending;
    expect(await fateOf(closed)).toEqual({ value: { stopped: ids, abandoned: [] } });
  });

  it('gives each agent its own grace when none is given', async () => {
    const { agents, system, clock } = await rig();
    const { module } = worker();
    for (const shutdownMs of [100, 1_000]) {
      const id = await agents.register({ id: `after ${shutdownMs}`, module, shutdownMs });
      await agents.start(id);
      void awaited(agents.execute(id, { type: 'held' }));
    }
    await settled();
    const closed = system.close();
    await clock.advance(100);
    expect(agents.get('after 100').status).toBe('stopped');
    expect(agents.get('after 1000').status).toBe('stopping');
    await clock.advance(900);
    expect(await fateOf(closed)).toEqual({ value: { stopped: [], abandoned: ['after 100', 'after 1000'] } });
  });

  it.each([
    { first: 5_000, second: 100 },
    { first: 100, second: 5_000 },
    { first: 0, second: 0 },
  ])(
    'waits as long as the longest shutdownMs of its fleet, whichever comes first ($first, $second)',
    async (shutdowns) => {
      const host = scriptedHost();
      const { agents, system, clock } = await rig({ hosts: { 'in-process': host } });
      for (const [id, shutdownMs] of Object.entries(shutdowns)) {
        await agents.register({ id, module: plain, shutdownMs });
        const started = agents.start(id);
        await settled();
        host.live.find(({ start }) => start.agentId === id)!.ready();
        await started;
      }
      // Of those that cannot be stopped nobody waits.
      await agents.register({ id: 'fresh', module: plain, shutdownMs: 60_000 });
      let isClosed = false;
      // No body ends, not even when it is killed: past the deadline there is a grace of a second.
      const closed = system.close().then((report) => {
        isClosed = true;
        return report;
      });
      await clock.advance(Math.max(shutdowns.first, shutdowns.second) + 999);
      expect(isClosed).toBe(false);
      await clock.advance(1);
      expect(await closed).toEqual({ stopped: [], abandoned: ['first', 'second'] });
    },
  );

  it('gives tasks that wait in a pool the greater part of the longest shutdownMs of the fleet', async () => {
    const { agents, system, clock } = await rig();
    const { module } = worker();
    const long = await agents.register({ module: plain, shutdownMs: 10_000 });
    await agents.start(long);
    await system.pools.create({ name: 'p', min: 1, max: 1, spec: { module, shutdownMs: 100 } });
    const working = awaited(system.pools.execute('p', { type: 'held' }));
    const waiting = awaited(system.pools.execute('p', { type: 'held' }));
    await settled();
    const closed = awaited(system.close());
    await clock.advance(7_999);
    expect(await fateOf(waiting)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(waiting)).toBe('TASK_ABANDONED');
    await clock.advance(10_000);
    expect(await fateOf(working)).toBe('TASK_ABANDONED');
    await closed;
  });

  it('with 0 kills at once, and calls that no orderly end', async () => {
    const { agents, system } = await rig();
    const id = await agents.register({ module: plain });
    await agents.start(id);
    expect(await fateOf(system.close({ timeoutMs: 0 }))).toEqual({ value: { stopped: [], abandoned: [id] } });
    expect(agents.get(id)).toMatchObject({ status: 'stopped', reason: { shutdown: 'killed' } });
  });

  it('keeps one deadline over all of it: agents that never end are killed then', async () => {
    const { agents, system, clock } = await rig();
    const module = defineAgent({
      type: 'clinging',
      init: () => ({}),
      tasks: {},
      terminate: () => new Promise<void>(() => {}),
    });
    const ids: string[] = [];
    for (let count = 0; count < 50; count++) {
      const id = await agents.register({ module, shutdownMs: 60_000 });
      await agents.start(id);
      ids.push(id);
    }
    const closed = awaited(system.close({ timeoutMs: 500 }));
    await clock.advance(499);
    expect(await fateOf(closed)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(closed)).toEqual({ value: { stopped: [], abandoned: ids } });
    expect(agents.get(ids[0]!)).toMatchObject({ status: 'stopped', reason: { shutdown: 'timed_out' } });
    expect(clock.pending()).toEqual([]);
  });

  it('does not wait for a body that nothing can end, and refuses callers that wait for it', async () => {
    const host = scriptedHost({ manifest: { tasks: { echo: { requires: [], retry: false } } } });
    const { agents, system, clock } = await rig({ hosts: { 'in-process': host } });
    const id = await agents.register({ module: plain });
    const start = agents.start(id);
    await settled();
    host.live[0]!.ready();
    await start;
    const task = awaited(agents.execute(id, { type: 'echo' }));
    await settled();
    const stop = awaited(agents.stop(id, { timeoutMs: 50 }));
    const kill = awaited(agents.kill(id));
    const health = agents.checkHealth(id);
    const closed = awaited(system.close({ timeoutMs: 100 }));
    await clock.advance(1_099);
    expect(await fateOf(closed)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(closed)).toEqual({ value: { stopped: [], abandoned: [id] } });
    expect(await fateOf(task)).toBe('TASK_ABANDONED');
    expect(await fateOf(stop)).toBe('SYSTEM_CLOSED');
    expect(await fateOf(kill)).toBe('SYSTEM_CLOSED');
    expect(await fateOf(health)).toEqual({ value: { status: 'not_running', misses: 0 } });
    expect(clock.pending()).toEqual([]);
    // It ends long after, and says much: nobody is there to hear it.
    host.live[0]!.ready();
    host.live[0]!.report({ type: 'finished' });
    host.live[0]!.exit('killed');
    await settled();
    expect(clock.pending()).toEqual([]);
  });

  it('does not wait for a start that nothing can end, and refuses the starter', async () => {
    const host = scriptedHost();
    const { agents, system, clock } = await rig({ hosts: { 'in-process': host } });
    const id = await agents.register({ module: plain, startTimeoutMs: Infinity });
    const start = awaited(agents.start(id));
    const task = awaited(agents.execute(id, { type: 'echo' }));
    const closed = system.close({ timeoutMs: 100 });
    await clock.advance(1_100);
    expect(await fateOf(closed)).toEqual({ value: { stopped: [], abandoned: [id] } });
    expect(await fateOf(start)).toBe('SYSTEM_CLOSED');
    expect(await fateOf(task)).toBe('TASK_ABANDONED');
  });

  it('cancels restarts that wait, and counts them as stopped', async () => {
    const { agents, system, clock, eventsOf } = await rig();
    const { module } = worker();
    const waiting = await agents.register({ id: 'waiting', module });
    const operator = await agents.register({ id: 'operator', module, restart: { policy: 'manual' } });
    for (const id of [waiting, operator]) {
      await agents.start(id);
      void awaited(agents.execute(id, { type: 'held' }));
      await settled();
      await agents.kill(id);
    }
    expect(await fateOf(system.close())).toEqual({ value: { stopped: ['waiting'], abandoned: [] } });
    expect(agents.get(waiting).status).toBe('stopped');
    expect(agents.get(operator).status).toBe('crashed');
    await clock.advance(1_000_000);
    expect(eventsOf('agent.starting')).toHaveLength(2);
  });

  it('cancels a restart that waits for its permit', async () => {
    const { agents, system, clock } = await rig({ limits: { maxConcurrentRestarts: 1 } });
    const { promise } = gate<object>();
    let isFirst = true;
    const module = defineAgent({
      type: 'slow',
      init: ({ incarnation }) => (incarnation > 1 ? promise : {}),
      tasks: {},
    });
    for (const id of ['a', 'b']) {
      await agents.register({ id, module, restart: { policy: 'immediate', delayMs: 0 } });
      await agents.start(id);
      await agents.kill(id);
      isFirst = false;
    }
    expect(isFirst).toBe(false);
    await clock.advance(0);
    expect(agents.get('a').status).toBe('starting');
    expect(agents.get('b').state).toBe('crashed.queued');
    const closed = system.close();
    await clock.advance(10_000);
    expect(await fateOf(closed)).toEqual({ value: { stopped: ['a', 'b'], abandoned: [] } });
  });

  it('during a start ends it: the starter is told, and no body is left', async () => {
    const { agents, system, clock } = await rig();
    const { promise, resolve } = gate<object>();
    const signals: AbortSignal[] = [];
    const module = defineAgent({
      type: 'slow',
      init: ({ signal }) => {
        signals.push(signal);
        return promise;
      },
      tasks: {},
    });
    const id = await agents.register({ module });
    const start = awaited(agents.start(id));
    await settled();
    const closed = awaited(system.close());
    await clock.advance(0);
    expect(await fateOf(closed)).toEqual({ value: { stopped: [id], abandoned: [] } });
    expect(await fateOf(start)).toBe('AGENT_START_FAILED');
    expect(signals[0]!.aborted).toBe(true);
    resolve({});
    await settled();
    expect(agents.get(id).status).toBe('stopped');
  });

  it('during a stop waits for it, and both are answered', async () => {
    const { agents, system, clock } = await rig();
    const { module, begun } = worker();
    const id = await agents.register({ module });
    await agents.start(id);
    const task = agents.execute(id, { type: 'held' });
    await settled();
    const stop = agents.stop(id);
    const closed = system.close();
    await clock.advance(10);
    begun[0]!.done('done');
    expect(await task).toBe('done');
    expect(await stop).toMatchObject({ status: 'stopped', abandoned: [] });
    expect(await closed).toEqual({ stopped: [id], abandoned: [] });
  });

  it('during a registration: it is refused, and leaves nothing', async () => {
    const { agents, system } = await rig();
    const { promise, resolve } = gate<{ value: unknown }>();
    const initArgs = { '~standard': { version: 1 as const, vendor: 'test', validate: () => promise } };
    const module = defineAgent({ type: 'slow', initArgs, init: () => ({}), tasks: {} });
    const registered = awaited(agents.register({ module, initArgs: 1 }));
    const closed = system.close();
    resolve({ value: 1 });
    expect(await codeOf(registered)).toBe('SYSTEM_CLOSED');
    expect(await closed).toEqual({ stopped: [], abandoned: [] });
    expect(agents.list()).toEqual([]);
  });

  it('crashes on the way are reported as abandoned', async () => {
    const host = scriptedHost();
    const { agents, system } = await rig({ hosts: { 'in-process': host } });
    const id = await agents.register({ module: plain });
    const start = agents.start(id);
    await settled();
    host.live[0]!.ready();
    await start;
    const closed = system.close();
    await settled();
    host.live[0]!.exit({ signal: 'SIGSEGV' });
    expect(await closed).toEqual({ stopped: [], abandoned: [id] });
    expect(agents.get(id)).toMatchObject({ status: 'crashed', reason: { signal: 'SIGSEGV' } });
  });

  it('a second call, with whatever grace, gets the same answer', async () => {
    const { agents, system, clock } = await rig();
    const { module } = worker();
    const id = await agents.register({ module });
    await agents.start(id);
    void awaited(agents.execute(id, { type: 'held' }));
    await settled();
    const first = system.close({ timeoutMs: 100 });
    const second = system.close({ timeoutMs: 50_000 });
    await clock.advance(100);
    expect(await first).toEqual({ stopped: [], abandoned: [id] });
    expect(await second).toBe(await first);
    expect(await system.close()).toBe(await first);
  });

  it('commands after it, and during it, are refused with SYSTEM_CLOSED; what was is still readable', async () => {
    const { agents, system, events } = await rig();
    const id = await agents.register({ module: plain });
    const handle = await agents.start(id);
    await system.variables.define('v', variable.json({ default: 1 }));
    expect(system.status).toBe('open');
    const closed = system.close();
    expect(system.status).toBe('closing');
    const commands = () => [
      agents.register({ module: plain }),
      agents.start(id),
      agents.restart(id),
      agents.execute(id, { type: 'echo' }),
      agents.stop(id),
      agents.kill(id),
      agents.forget(id),
    ];
    for (const command of commands()) expect(await codeOf(command)).toBe('SYSTEM_CLOSED');
    await closed;
    expect(system.status).toBe('closed');
    await system.close();
    expect(system.status).toBe('closed');
    for (const command of commands()) expect(await codeOf(command)).toBe('SYSTEM_CLOSED');
    expect(await codeOf(agents.register(null as never))).toBe('SYSTEM_CLOSED');
    expect(await codeOf(agents.ensure(null as never))).toBe('SYSTEM_CLOSED');
    const { tasks, variables, consensus, coordination, pools, budgets, quotas, questions } = system;
    const others: Readonly<Record<string, () => unknown>> = {
      ensure: () => agents.ensure({ id: 'other', module: plain }),
      'ensure what is there': () => agents.ensure({ id, module: plain }),
      update: () => agents.update(id, {}),
      pause: () => agents.pause(id),
      resume: () => agents.resume(id),
      submit: () => tasks.submit(id, { type: 'echo' }),
      cancel: () => tasks.cancel('task-1-1'),
      retry: () => tasks.retry('task-1-1'),
      'forget a task': () => tasks.forget('task-1-1'),
      schedule: () => tasks.schedule({ name: 's', target: id, task: { type: 'echo' }, everyMs: 1_000 }),
      unschedule: () => tasks.unschedule('s'),
      'define a variable': () => variables.define('v', variable.json({ default: 1 })),
      'define a variable badly': () => variables.define('v', null as never),
      'set a variable': () => variables.set('v', 1),
      'set a variable that is not there': () => variables.set('w', 1),
      'roll a variable back that is not there': () => variables.rollback('w', 1),
      propose: () => consensus.propose({ variable: 'v', value: 1 }),
      suspend: () => coordination.suspend(),
      'resume coordination': () => coordination.resume(),
      'create a pool': () => pools.create({ name: 'p', min: 1, max: 1, spec: { module: plain } }),
      'size a pool': () => pools.ensureSize('p', 1),
      'execute in a pool': () => pools.execute('p', { type: 'echo' }),
      'close a pool': () => pools.close('p'),
      'define a budget': () => budgets.define({ name: 'b', limits: { calls: 1 } }),
      'refill a budget': () => budgets.refill('b'),
      'lift a quota': () => quotas.lift('q'),
      'answer a question': () => questions.answer('task-1-1/1', 'yes'),
    };
    for (const [name, command] of Object.entries(others))
      expect([name, await codeOf(async () => command())]).toEqual([name, 'SYSTEM_CLOSED']);
    expect(await codeOf(handle.execute({ type: 'echo' }))).toBe('AGENT_NOT_RUNNING');
    expect(agents.get(id).status).toBe('stopped');
    expect(agents.list()).toHaveLength(1);
    expect(await agents.checkHealth(id)).toMatchObject({ status: 'not_running' });
    const types = events.map(({ type }) => type);
    expect(types.filter((type) => type === 'agent.registered')).toHaveLength(1);
  });

  it('an agent that gives commands while it is stopped begins nothing', async () => {
    const { agents, system, events } = await rig();
    const codes: unknown[] = [];
    const module = defineAgent({
      type: 'meddling',
      init: () => ({}),
      tasks: {},
      terminate: () => {
        agents.start('other').catch((thrown: { code: string }) => codes.push(thrown.code));
      },
    });
    await agents.register({ id: 'other', module: plain });
    const id = await agents.register({ module });
    await agents.start(id);
    expect(await fateOf(system.close())).toEqual({ value: { stopped: [id], abandoned: [] } });
    expect(codes).toEqual(['SYSTEM_CLOSED']);
    expect(events.filter(({ type }) => type === 'agent.starting')).toHaveLength(1);
  });

  it('an agent that gives commands the moment it is killed begins nothing either', async () => {
    const { agents, system, events } = await rig();
    const codes: unknown[] = [];
    const module = defineAgent({
      type: 'meddling',
      init: ({ signal }) => {
        signal.addEventListener('abort', () => {
          agents.start('other').catch((thrown: { code: string }) => codes.push(thrown.code));
        });
      },
      tasks: {},
    });
    await agents.register({ id: 'other', module: plain });
    await agents.start(await agents.register({ module }));
    await system.close({ timeoutMs: 0 });
    expect(codes).toEqual(['SYSTEM_CLOSED']);
    expect(events.filter(({ type }) => type === 'agent.starting')).toHaveLength(1);
  });

  it('is what `await using` does', async () => {
    const clock = simulatedClock();
    let id = '';
    let agents;
    {
      await using system = await createAgentSystem({ clock, logger: silent });
      agents = system.agents;
      id = await agents.register({ module: plain });
      await agents.start(id);
      await agents.execute(id, { type: 'echo' });
    }
    expect(agents.get(id).status).toBe('stopped');
    expect(clock.pending()).toEqual([]);
  });

  it('hosts and store are closed once, after the agents, and their trouble keeps nobody from the report', async () => {
    const order: string[] = [];
    const host = scriptedHost({
      onOpen: (body) => {
        queueMicrotask(() => body.ready());
      },
    });
    const clock = simulatedClock();
    const failing = Object.assign(host, {
      close: () => {
        order.push('host');
        return Promise.reject(new Error('busy'));
      },
    });
    const store = Object.assign(failingStore(), { close: () => void order.push('store') });
    const system = await createAgentSystem({
      store,
      clock,
      logger: silent,
      hosts: { 'in-process': failing },
    });
    system.events.subscribe(({ type }) => order.push(type));
    const id = await system.agents.register({ module: plain });
    await system.agents.start(id);
    order.length = 0;
    const closed = system.close({ timeoutMs: 0 });
    await settled();
    host.live[0]!.exit('killed');
    expect(await closed).toEqual({ stopped: [], abandoned: [id] });
    await system.close();
    expect(order).toEqual(['agent.stopped', 'host', 'store']);
    expect(clock.pending()).toEqual([]);
  });

  it('each part has ended before the next one is ended: hosts, journal, store, and then the report comes', async () => {
    const order: string[] = [];
    const gates = { append: gate(), host: gate(), store: gate() };
    const reach = (part: keyof typeof gates) => {
      order.push(part);
      return gates[part].promise;
    };
    const store = failingStore();
    let isClosing = false;
    const { system, agents, clock } = await rig({
      hosts: { 'in-process': { ...inProcessHost(), close: () => reach('host') } },
      store: {
        ...store,
        append: (batch) => (isClosing ? reach('append') : store.append(batch)),
        close: () => reach('store'),
      },
    });
    await agents.register({ id: 'a', module: plain });
    await agents.start('a');
    isClosing = true;
    let report: unknown;
    void system.close({ timeoutMs: 100 }).then((value) => (report = value));
    // Its end is not committed at the deadline, nor past the grace for those that are killed.
    await clock.advance(1_100);
    expect([order, report]).toEqual([['append', 'host'], undefined]);
    gates.host.resolve();
    await settled();
    expect([order, report]).toEqual([['append', 'host'], undefined]);
    gates.append.resolve();
    await settled();
    expect([order, report]).toEqual([['append', 'host', 'append', 'store'], undefined]);
    gates.store.resolve();
    await settled();
    expect(report).toEqual({ stopped: [], abandoned: ['a'] });
  });

  it.each(['host', 'store'] as const)(
    'a %s that hangs at its end is waited for 12 s, logged, and then left',
    async (part) => {
      const logged: string[] = [];
      const logger = pino({ level: 'error' }, { write: (line: string) => logged.push(line) });
      const hanging = { close: () => gate().promise };
      const { system, clock } = await rig({
        logger,
        hosts: { 'in-process': { ...scriptedHost(), ...(part === 'host' ? hanging : {}) } },
        store: { ...failingStore(), ...(part === 'store' ? hanging : {}) },
      });
      const closed = system.close();
      await clock.advance(11_999);
      expect([await fateOf(closed), logged]).toEqual(['pending', []]);
      await clock.advance(1);
      expect(await fateOf(closed)).toEqual({ value: { stopped: [], abandoned: [] } });
      expect(logged).toEqual([expect.stringContaining('not closed within 12000 ms')]);
      expect(logged[0]).toContain(part === 'host' ? 'the in-process host could not' : 'the store could not');
    },
  );
});
