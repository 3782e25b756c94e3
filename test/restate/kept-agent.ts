/**
 * One agent as its virtual object keeps it, turn by turn: no server, no node, no time that passes by itself.
 *
 * What a turn wants done is given back in words: events by their type, what its body is told, and the answers of callers.
 * Between two turns the state is JSON, as the engine keeps it.
 */
import { type AgentSpecInput, agentSpec } from '../../src/machines/index.ts';
import type { NodeReport } from '../../src/restate/agent/agent-acts.ts';
import { type AgentState, recordOfState } from '../../src/restate/agent/agent-state.ts';
import { AgentTurn } from '../../src/restate/agent/agent-turn.ts';
import { wireOf } from '../../src/restate/engine/wire.ts';
import type { AskedWork } from '../../src/restate/tasks/task-entries.ts';
import type { AnyAgentDefinition } from '../../src/runtime/definition/define-agent.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import type { Usage } from '../../src/runtime/hosting/host.ts';
import { specToKeep } from '../../src/runtime/fleet/spec-reading.ts';
import { ofAnotherChart } from './another-snapshot.ts';

const asState = wireOf<AgentState>();
const AGENT = 'a';
const NODE = { node: 'n', epoch: 'e' };

export interface Seen {
  /** Types of the events, and of a task's the last part of its id: `task.started 1`. */
  readonly events: readonly string[];
  /** What the body is told: `task.run 1`, `task.cancel 1: why`, `terminate`. */
  readonly told: readonly string[];
  /** By the token of the caller: the value, or the code and the message of the refusal. */
  readonly answers: Readonly<Record<string, unknown>>;
}

export class KeptAgent {
  readonly #definition: AnyAgentDefinition;
  #state: AgentState;
  #last: AgentTurn | undefined;
  now = 0;

  constructor(definition: AnyAgentDefinition, spec: Omit<AgentSpecInput, 'module' | 'id'> = {}) {
    this.#definition = definition;
    const added = { id: AGENT, spec: keptSpec(definition, spec), manifest: manifestOf(definition) };
    this.#state = AgentTurn.registering(added, { now: 0, chance: 0 }).state;
  }

  get manifest() {
    return this.#state.manifest;
  }

  get record() {
    return recordOfState(this.#state);
  }

  /** What the last turn has told and wants done, word for word. */
  get last(): Pick<AgentTurn, 'acts' | 'events'> {
    return this.#last!;
  }

  /** Every submitted task that has ended: where, and after how many attempts. */
  get ended(): readonly string[] {
    return this.#state.ended.map(({ id, place, attempts }) => `${numberOf(id)} ${place} ${attempts}`);
  }

  /** Every task that is kept: where it is, and its incarnation. */
  get kept(): readonly string[] {
    return this.#state.tasks.map(({ id, where, place }) => `${numberOf(id)} ${where} ${place}`);
  }

  /** Ids of the questions that are kept. */
  get questions(): readonly string[] {
    return (this.#state.questions ?? []).map(({ record }) => record.id);
  }

  idOf(number: number): string {
    return this.#state.tasks.find(({ id }) => numberOf(id) === String(number))!.id;
  }

  /** One turn, and what it wants done. */
  turn(act: (turn: AgentTurn) => void): Seen {
    const turn = new AgentTurn(asState.deserialize(asState.serialize(this.#state)), {
      now: this.now,
      chance: 0,
    });
    act(turn);
    this.#last = turn;
    this.#state = turn.state;
    const told: string[] = [];
    const answers: Record<string, unknown> = {};
    for (const one of turn.acts) {
      if (one.do === 'run') told.push(`task.run ${numberOf(one.taskId)}`);
      if (one.do === 'tell') told.push(inWords(one.message));
      if (one.do === 'tell' || one.do === 'run') this.#state.seat!.told += 1;
      if (one.do !== 'answer') continue;
      const { answer } = one;
      answers[one.token] =
        'refusal' in answer ? `${answer.refusal.code}: ${answer.refusal.message}` : answer.value;
    }
    return { events: turn.events.map(inWords), told, answers };
  }

  start(): Seen {
    this.turn((turn) => turn.start('agent.start', NODE, undefined));
    return this.report({ type: 'ready', manifest: this.#state.manifest });
  }

  execute(work: Partial<AskedWork> = {}): Seen {
    return this.turn((turn) => turn.execute({ type: 'work', submitted: false, ...work }));
  }

  report(report: NodeReport): Seen {
    const { incarnation, heard } = this.#state.seat!;
    return this.turn((turn) => turn.reported(incarnation, heard + 1, [report]));
  }

  complete(number: number): Seen {
    return this.report({ type: 'task.completed', taskId: this.idOf(number), output: 'done' });
  }

  fail(number: number, retry?: boolean): Seen {
    const error = { name: 'Error', message: 'no' };
    const taskId = this.idOf(number);
    return this.report({
      type: 'task.failed',
      taskId,
      code: 'TASK_FAILED',
      error,
      ...(retry === undefined ? {} : { retry }),
    });
  }

  /** It asks a person, under the key `sure`. */
  ask(number: number): Seen {
    const args = { key: 'sure', question: 'sure?', countsTime: false };
    return this.report({
      type: 'request.made',
      requestId: number,
      taskId: this.idOf(number),
      name: 'task.ask',
      args: { args, input: undefined },
    });
  }

  stop(timeoutMs?: number): Seen {
    const asked = timeoutMs === undefined ? {} : { timeoutMs };
    return this.turn((turn) => turn.end({ type: 'agent.stop', at: this.now, ...asked }, undefined));
  }

  update(spec: Omit<AgentSpecInput, 'module' | 'id'>): Seen {
    const kept = keptSpec(this.#definition, spec);
    return this.turn((turn) => turn.follow(kept, turn.state.manifest, [], undefined));
  }

  kill(): Seen {
    return this.turn((turn) => turn.end({ type: 'agent.kill', at: this.now }, undefined));
  }

  exit(reason: Extract<NodeReport, { type: 'exited' }>['reason']): Seen {
    return this.report({ type: 'exited', reason });
  }

  /** Time goes on, and what is due then is taken. */
  pass(ms: number): Seen {
    this.now += ms;
    return this.turn((turn) => turn.wake());
  }

  nextDueAt(): number | undefined {
    let dueAt: number | undefined;
    this.turn((turn) => {
      dueAt = turn.nextDueAt();
    });
    return dueAt;
  }

  /** Its restart is allowed; where it was the time for that. */
  restart(): Seen {
    this.turn((turn) => turn.permitGranted(NODE));
    return this.report({ type: 'ready', manifest: this.#state.manifest });
  }

  /** A submitted task that has ended is asked for again. */
  repeat(number: number): Seen {
    const again = this.#state.ended.find(({ id }) => numberOf(id) === String(number))!;
    return this.turn((turn) => turn.repeat(turn.state.ended.find(({ id }) => id === again.id)!, {}));
  }

  /** Its body says what it uses. */
  used(usage: Usage): Seen {
    const { incarnation, heard } = this.#state.seat!;
    return this.turn((turn) => turn.reported(incarnation, heard + 1, [], usage));
  }

  /** Code with another chart finds it. */
  upgrade(): Seen {
    return this.turn((turn) => {
      ofAnotherChart(turn.state);
      turn.adoptChart();
    });
  }

  /** @param look at the turn, when its node is gone */
  lose(look: (turn: AgentTurn) => void = () => {}): Seen {
    const { node, incarnation } = this.#state.seat!;
    return this.turn((turn) => {
      turn.hostLost(node, incarnation);
      look(turn);
    });
  }
}

function keptSpec(definition: AnyAgentDefinition, spec: Omit<AgentSpecInput, 'module' | 'id'>) {
  return specToKeep(agentSpec.parse({ id: AGENT, module: definition, ...spec }), AGENT, definition.type);
}

function numberOf(taskId: string): string {
  return taskId.slice(taskId.lastIndexOf('-') + 1);
}

function inWords(said: object): string {
  const { type, taskId, reason } = said as Partial<Record<'type' | 'taskId' | 'reason', string>>;
  if (taskId === undefined) return type!;
  const why = type === 'task.cancel' && reason !== undefined ? `: ${reason}` : '';
  return `${type} ${numberOf(taskId)}${why}`;
}
