/**
 * The floor under a task: what JavaScript takes for it with none of the runtime around.
 *
 * `bare` is a promise that is settled in a microtask, with one frozen event. `floor_task` is a round trip that does what
 * every task has to have done, and nothing else (floor-task.ts). Behind it come the promises of the contract, one on top
 * of the other: what each costs is the difference to the line before. With all of them come the lines of tasks.ts: the
 * first ones, 64 clients, 64 clients over 1,000 agents, and one client and these 1,000 agents once V8 has compiled them.
 *
 * `read` is the floor under a status read: ids that are looked for in a map of 10,000, and a field of what is found.
 */
import { idsOf, task } from './coder.ts';
import { TasksByHand, promises } from './floor-task.ts';
import { costOf, type Emit, measure, measurement } from './measurement.ts';

const WARM = 5_000;
const KEPT = 10_000;
const ONE = 'agent';
const CLIENTS = 64;
const AGENTS = 1_000;

export async function benchFloor(times: number, emit: Emit): Promise<void> {
  const bare = new Bare();
  await warm(() => bare.run());
  emit(await measure('floor_bare', { times, operation: () => bare.run() }));
  for (let kept = 0; kept <= promises.length; kept++) {
    const fleet = new TasksByHand(new Set(promises.slice(0, kept)));
    fleet.add(ONE);
    const operation = () => fleet.execute(ONE, task);
    await warm(operation);
    const name = kept === 0 ? 'floor_task' : `floor_task_${promises[kept - 1]}`;
    emit(await measure(name, { times, operation }));
  }
}

/** With all that is promised, as bench/tasks.ts does it; to be measured in a program of its own, as that is. */
export async function benchTaskFloor(times: number, emit: Emit): Promise<void> {
  const fleet = new TasksByHand(new Set(promises));
  fleet.add(ONE);
  const ofOne = () => fleet.execute(ONE, task);
  await warm(ofOne);
  emit(await measure('floor_1agent_1client', { times, operation: ofOne }));
  emit(await measure('floor_1agent_64clients', { times, clients: CLIENTS, operation: ofOne }));
  const ids = idsOf('agent', AGENTS);
  for (const id of ids) fleet.add(id);
  const ofMany = (index: number) => fleet.execute(ids[(index * 7_919) % AGENTS]!, task);
  const many = { times, clients: CLIENTS, operation: ofMany };
  emit(await measure('floor_1000agents_64clients', many));
  emit(await measure('floor_1agent_1client_steady', { times, operation: ofOne }));
  emit(await measure('floor_1000agents_64clients_steady', many));
}

/** As bench/reads.ts does it, on a map alone. */
export async function benchReadFloor(times: number, emit: Emit): Promise<void> {
  const ids = Array.from({ length: KEPT }, (_, index) => `agent-${index + 1}`);
  const records = new Map(ids.map((id) => [id, Object.freeze({ id, status: 'running' })]));
  let running = 0;
  let at = 0;
  const cost = await costOf(() => {
    for (let read = 0; read < times; read++) {
      if (records.get(ids[at]!)!.status === 'running') running++;
      at = (at + 7_919) % ids.length;
    }
  });
  if (running !== times) throw new Error(`${running} of ${times} were read as running`);
  emit(measurement('floor_read', { n: times, operations: times, cost }));
}

async function warm(operation: () => Promise<unknown>): Promise<void> {
  for (let warmed = 0; warmed < WARM; warmed++) await operation();
}

class Bare {
  #sequence = 0;
  event: object | undefined = undefined;

  run(): Promise<number> {
    return new Promise((resolve) => {
      const sequence = ++this.#sequence;
      this.event = Object.freeze({
        sequence,
        at: Date.now(),
        type: 'task.completed',
        agentId: 'agent',
        incarnation: 1,
        taskId: `task-${sequence}`,
        task: 'test',
        waitedMs: 0,
        ranMs: 0,
      });
      queueMicrotask(() => resolve(sequence));
    });
  }
}
