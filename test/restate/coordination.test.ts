/** Variables and rounds of a fleet on several nodes, on a real server. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { defineAgent, variable } from '../../src/index.ts';
import { nodeOf } from '../../src/restate/engine/names.ts';
import { asker } from './asker.ts';
import { hasEngine } from './engine.ts';
import { eventually } from '../kit/eventually.ts';
import { fleetRig, fresh, sharedEngine } from './fleet-rig.ts';
import { gateway } from './gateway.ts';
import { nodeProcess } from './node-process.ts';
import { voter } from './voter.ts';

describe.runIf(hasEngine())('coordination', () => {
  const engine = sharedEngine();

  async function voters(count: number, spec: object = {}) {
    const made = await fleetRig(engine(), [voter]);
    const { fleet, node } = made;
    await fleet.variables.define('rate', variable.integer({ min: 0, max: 100, default: 1 }));
    const homes = [fresh('a'), fresh('b')] as const;
    for (const home of homes) await node(home);
    const ids: string[] = [];
    for (let index = 0; index < count; index++) {
      const id = await fleet.agents.register({ module: voter, ...spec });
      await fleet.agents.start(id);
      ids.push(id);
    }
    return { ...made, homes, ids: ids.toSorted() };
  }

  test('a value reaches the agents that declared it on every node, and its caller knows who has acknowledged it', async () => {
    const { fleet, ids } = await voters(4, { coordination: { communicationPattern: 'sync' } });
    const { version } = await fleet.variables.get('rate');
    expect(await fleet.variables.set('rate', 7)).toEqual({
      version: version + 1,
      acknowledged: ids,
      outOfDate: [],
    });
    for (const id of ids) {
      expect(await fleet.agents.execute(id, { type: 'heard' })).toMatchObject({ heard: [7], now: 7 });
    }
    expect(new Set(await Promise.all(ids.map((id) => fleet.agents.nodeOf(id)))).size).toBe(2);
    await expect(fleet.variables.set('rate', 101)).rejects.toMatchObject({ code: 'VARIABLE_INVALID' });
    await expect(fleet.variables.set('speed', 1)).rejects.toMatchObject({ code: 'VARIABLE_UNKNOWN' });
    expect((await fleet.variables.history('rate')).at(-1)).toMatchObject({ value: 7, version: version + 1 });
    await fleet.variables.rollback('rate', version);
  });

  test('an agent that runs when its variable is defined is told of its first value; one that starts later begins with it', async () => {
    const name = fresh('late');
    const late = defineAgent({
      type: 'late',
      variables: [name],
      init: ({ variables }) => ({ began: variables[name], heard: [] as unknown[] }),
      onVariable: ({ value, state }) => {
        state.heard.push(value);
      },
      tasks: { heard: { run: ({ state }) => state } },
    });
    const { fleet, node } = await fleetRig(engine(), [late]);
    await node(fresh('a'));
    const started = async (): Promise<string> => {
      const id = await fleet.agents.register({ module: late });
      await fleet.agents.start(id);
      return id;
    };
    const seen = (id: string) => fleet.agents.execute(id, { type: 'heard' });
    const early = await started();
    await fleet.variables.define(name, variable.integer({ min: 0, default: 1 }));
    expect(await seen(await started())).toEqual({ began: 1, heard: [] });
    expect(await seen(early)).toEqual({ heard: [1] });
    await fleet.variables.set(name, 2);
    expect(await seen(await started())).toEqual({ began: 2, heard: [] });
    // The value no longer fits.
    await fleet.variables.define(name, variable.integer({ min: 10, default: 10 }));
    expect(await seen(await started())).toEqual({ began: 10, heard: [] });
    expect(await seen(early)).toEqual({ heard: [1, 2, 10] });
  });

  test('a round is accepted, rejected, or has no quorum, as the chart of one program has it; what fails counts for nothing', async () => {
    const { fleet, ids } = await voters(3);
    const accepted = await fleet.consensus.propose({ variable: 'rate', value: 9 });
    expect(accepted).toMatchObject({ outcome: 'accepted', decidedBy: 'voters', rounds: 1, failed: [] });
    expect([...accepted.electorate].toSorted()).toEqual(ids);
    expect(await fleet.variables.get('rate')).toMatchObject({ value: 9, version: accepted.version });
    expect(await fleet.consensus.propose({ variable: 'rate', value: 50 })).toMatchObject({
      outcome: 'rejected',
    });
    const failed = await fleet.consensus.propose({ variable: 'rate', value: 5, fallback: { retry: 1 } });
    expect(failed).toMatchObject({ outcome: 'no_quorum', rounds: 2 });
    expect([...failed.failed].toSorted()).toEqual(ids);
    expect(await fleet.variables.get('rate')).toMatchObject({ value: 9 });
    const events = await eventually(
      async () => {
        const types: string[] = [];
        for await (const event of fleet.events.read()) if ('roundId' in event) types.push(event.type);
        return types;
      },
      (types) => types.filter((type) => type === 'round.closed').length === 4,
    );
    // A round is over as soon as no vote that is still out can change it.
    expect(events.filter((type) => type === 'round.voted').length).toBeGreaterThanOrEqual(8);
  });

  test('a node that does not answer is so many missing votes, and no hang', async () => {
    const { fleet, node } = await fleetRig(engine(), [voter]);
    await fleet.variables.define('rate', variable.integer({ min: 0, max: 100, default: 1 }));
    const name = fresh('frozen');
    const frozen = await nodeProcess(engine(), name, { leaseMs: 8_000 });
    await node(fresh('a'));
    for (const placement of [{ node: name }, { node: name }, undefined]) {
      const id = await fleet.agents.register({ module: voter, ...(placement ? { placement } : {}) });
      await fleet.agents.start(id);
    }
    frozen.kill('SIGSTOP');
    const decision = await fleet.consensus.propose({ variable: 'rate', value: 3, deadlineMs: 2_000 });
    expect(decision).toMatchObject({ outcome: 'no_quorum', tally: { voters: { total: 3, accept: 1 } } });
    frozen.kill('SIGCONT');
    await fleet.stopAgents({ timeoutMs: 0 });
  });

  test('a node that is killed while a round, or a change of a value, waits for it holds up neither', async () => {
    const { fleet, node } = await fleetRig(engine(), [voter]);
    await fleet.variables.define('rate', variable.integer({ min: 0, max: 100, default: 1 }));
    await node(fresh('a'), { limits: { maxAgents: 1 } });
    const asked = { module: voter, coordination: { communicationPattern: 'sync' } } as const;
    const rest = await fleet.agents.register(asked);
    await fleet.agents.start(rest);
    // Longer than this test may take.
    const [deadlineMs, timeoutMs] = [600_000, 600_000];
    const doomed = async () => {
      const process = await nodeProcess(engine(), fresh('doomed'), { leaseMs: 60_000 });
      const ids: string[] = [];
      for (let count = 0; count < 2; count++) {
        ids.push(await fleet.agents.register({ ...asked, placement: { node: process.name } }));
        await fleet.agents.start(ids.at(-1)!);
      }
      process.kill('SIGSTOP');
      return { process, ids: ids.toSorted() };
    };
    const voting = await doomed();
    const deciding = fleet.consensus.propose({ variable: 'rate', value: 3, deadlineMs });
    await eventually(
      () => fleet.consensus.rounds(),
      ([round]) => round?.tally.voters.accept === 1,
    );
    expect((await fleet.consensus.rounds())[0]!.stillOut.toSorted()).toEqual(voting.ids);
    voting.process.kill('SIGKILL');
    expect(await deciding).toMatchObject({
      outcome: 'no_quorum',
      tally: { voters: { total: 3, accept: 1 } },
    });
    await eventually(
      () => fleet.consensus.rounds(),
      (rounds) => rounds.length === 0,
    );
    const hearing = await doomed();
    const changing = fleet.variables.set('rate', 44, { timeoutMs });
    await eventually(
      () => fleet.variables.get('rate'),
      ({ value }) => value === 44,
    );
    hearing.process.kill('SIGKILL');
    expect((await changing).acknowledged).toEqual([rest]);
  });

  test('a node that the engine could not reach when a value changed has it with its next sign of life', async () => {
    const gate = await gateway();
    // After the fleet, whose agents end through it.
    onTestFinished(() => gate.close());
    const { fleet, node } = await fleetRig(engine(), [voter]);
    await fleet.variables.define('rate', variable.integer({ min: 0, max: 100, default: 1 }));
    const name = fresh('cutOff');
    const { ingressUrl, adminUrl } = engine();
    const restate = { ingressUrl, adminUrl, advertise: gate.url };
    await node(name, { control: false, listen: gate.behind, restate });
    const id = await fleet.agents.register({ module: voter, placement: { node: name } });
    await fleet.agents.start(id);
    await gate.close();
    expect(await fleet.variables.set('rate', 44)).toMatchObject({ outOfDate: [id] });
    await gate.open();
    await eventually(
      () => fleet.agents.execute(id, { type: 'heard' }),
      (state) => (state as { now: number }).now === 44,
    );
  });

  test('a node that has left refuses who asks it, and holds nobody up', async () => {
    const { fleet, node } = await fleetRig(engine(), []);
    const name = fresh('leaving');
    const leaving = await node(name);
    await leaving.close();
    expect((await fleet.nodes()).map((known) => known.name)).not.toContain(name);
    await using asking = await asker(engine());
    expect(await asking.ask(nodeOf(name))).toBe('refused');
  });

  test('an agent that starts while a value changes ends up with the newest', async () => {
    const { fleet, homes } = await voters(1);
    // A node of another test, which has ended, may be taken for alive until its lease is over.
    const starting = [0, 1, 0].map(async (home) => {
      const id = await fleet.agents.register({ module: voter, placement: { node: homes[home]! } });
      await fleet.agents.start(id);
      return id;
    });
    for (const value of [21, 22, 23]) await fleet.variables.set('rate', value);
    for (const id of await Promise.all(starting)) {
      await eventually(
        () => fleet.agents.execute(id, { type: 'heard' }),
        (state) => (state as { now: number }).now === 23,
      );
    }
  });
});
