/**
 * Faults planted in the runtime, each of which only shows where several things meet: agents, a program's end, a store
 * that fails, coordination. None depends on how a source file is written: a public method, or a guard of a chart, does
 * something else while its plant is in.
 */
import type { AnyStateMachine } from 'xstate';
import { agentMachine, budgetMachine, supervisorMachine } from '../../src/machines/index.ts';
import { Agent } from '../../src/runtime/agent/agent.ts';
import { AgentSecrets } from '../../src/runtime/agent/agent-secrets.ts';
import { Incarnation } from '../../src/runtime/agent/incarnation.ts';
import { Liveness } from '../../src/runtime/agent/liveness.ts';
import { Mailbox } from '../../src/runtime/agent/mailbox.ts';
import { Questions } from '../../src/runtime/agent/questions.ts';
import { LinkedQueue } from '../../src/runtime/values/linked-queue.ts';
import type { TaskEntry } from '../../src/runtime/agent/task-entry.ts';
import { TaskFates } from '../../src/runtime/agent/task-fates.ts';
import { LeaderElection } from '../../src/runtime/coordination/leader/leader-election.ts';
import { Rounds } from '../../src/runtime/coordination/rounds/rounds.ts';
import { Topic } from '../../src/runtime/coordination/variables/topic.ts';
import { Families } from '../../src/runtime/fleet/families.ts';
import { Tasks } from '../../src/runtime/fleet/tasks.ts';
import { FleetIndex } from '../../src/runtime/journal/fleet-index.ts';
import { Journal } from '../../src/runtime/journal/journal.ts';
import { Outage } from '../../src/runtime/journal/outage.ts';
import { PermitQueues } from '../../src/runtime/limits/permit-queues.ts';
import { RestartPermits } from '../../src/runtime/limits/restart-permits.ts';
import { Dispatcher } from '../../src/runtime/pools/dispatcher.ts';
import { WaitingQueue } from '../../src/runtime/pools/waiting-queue.ts';
import { SecretNet } from '../../src/runtime/values/secret-net.ts';

export interface Plant {
  readonly what: string;
  /** The things that have to meet. */
  readonly meets: string;
  /** Puts it in, and gives how to take it out. */
  plant(): () => void;
}

// oxlint-disable-next-line typescript/no-explicit-any -- methods of many classes, each with its own types
type Method = (this: any, ...given: any[]) => any;

/** One method of a class does something else. */
function method<Class extends object>(
  { prototype }: { readonly prototype: Class },
  name: keyof Class & string,
  other: (original: Method) => Method,
): () => () => void {
  return () => {
    const original = prototype[name] as Method;
    Object.assign(prototype, { [name]: other(original) });
    return () => Object.assign(prototype, { [name]: original });
  };
}

/** One property of a class has another value. */
function getter<Class extends object>(
  { prototype }: { readonly prototype: Class },
  name: keyof Class & string,
  other: (original: unknown) => unknown,
): () => () => void {
  return () => {
    const original = Object.getOwnPropertyDescriptor(prototype, name)!;
    Object.defineProperty(prototype, name, {
      configurable: true,
      get(): unknown {
        return other(original.get!.call(this));
      },
    });
    return () => Object.defineProperty(prototype, name, original);
  };
}

const nothing = () => () => {};

/** A guard of a chart answers something else. Charts are compiled once: what answers is chosen when it is asked. */
const answering = new Map<string, Method>();
function guard(machine: AnyStateMachine, name: string, other: Method): () => () => void {
  const guards = machine.implementations.guards as Record<string, Method>;
  const original = guards[name]!;
  const key = `${machine.id} ${name}`;
  guards[name] = (scope, params) => (answering.get(key) ?? original)(scope, params);
  return () => {
    answering.set(key, other);
    return () => void answering.delete(key);
  };
}

export const plants: readonly Plant[] = [
  {
    what: 'an agent stopped while it waits for a permit keeps its place in the queue',
    meets: 'a stop, a restart that waits for others',
    plant: method(RestartPermits, 'withdraw', nothing),
  },
  {
    what: 'a restart that failed does not give its permit back',
    meets: 'a failed start, restarts of others',
    plant: method(
      RestartPermits,
      'release',
      (release) =>
        function (taker: Agent) {
          if (taker.isServing) release.call(this, taker);
        },
    ),
  },
  {
    what: 'a permit is always free',
    meets: 'restarts of several agents',
    plant: guard(supervisorMachine, 'isPermitFree', () => true),
  },
  {
    what: 'every agent that asks for a permit counts as the first of its kind',
    meets: 'restarts of several agents of one kind',
    plant: guard(supervisorMachine, 'isFirstOfKind', () => true),
  },
  {
    what: 'a permit beyond the limit is passed on',
    meets: 'restarts of several kinds',
    plant: guard(supervisorMachine, 'isBeyondLimit', () => false),
  },
  {
    what: 'the kind that is owed a permit does not get it',
    meets: 'restarts of several kinds',
    plant: method(
      PermitQueues,
      'next',
      (next) =>
        function (kind: string | undefined) {
          return kind === undefined ? next.call(this) : undefined;
        },
    ),
  },
  {
    what: 'an agent that crashes during its stop is restarted',
    meets: 'a crash, a stop',
    plant: guard(
      agentMachine,
      'isNeverRestarted',
      ({ context }) => context.policy.restart.policy === 'never',
    ),
  },
  {
    what: 'a state on its way into the store is not seen by the next body',
    meets: 'a restart, a store that fails',
    plant: method(Journal, 'stateOnItsWay', nothing),
  },
  {
    what: 'the result of a task is told before it is kept',
    meets: 'a submitted task, a store that fails',
    plant: method(Journal, 'hasKept', () => () => true),
  },
  {
    what: 'states that wait for a store are lost when it is back',
    meets: 'a save, a store that fails and comes back, a restart',
    plant: method(
      Outage,
      'add',
      (add) =>
        function (batch: { stateCount: number }) {
          batch.stateCount = 0;
          add.call(this, batch);
        },
    ),
  },
  {
    what: 'a call for a task that is left to the next program waits for ever',
    meets: 'a submitted task, a close',
    plant: method(Tasks, 'discard', nothing),
  },
  {
    what: 'rounds that were open are forgotten by the next program',
    meets: 'a round, the end of a program',
    plant: method(
      FleetIndex,
      'recovery',
      (recovery) =>
        function () {
          return { ...recovery.call(this), rounds: [] };
        },
    ),
  },
  {
    what: 'submitted tasks that have not ended are forgotten by the next program',
    meets: 'a submitted task, the end of a program',
    plant: method(
      FleetIndex,
      'recovery',
      (recovery) =>
        function () {
          const all = recovery.call(this);
          return { ...all, tasks: all.tasks.filter(({ submitted }: { submitted?: true }) => !submitted) };
        },
    ),
  },
  {
    what: 'a round is not told of a voter that ends',
    meets: 'a round, the end of a voter',
    plant: method(Rounds, 'left', nothing),
  },
  {
    what: 'an agent that ends still takes part in coordination',
    meets: 'an end, rounds, a leader, sync variables',
    plant: method(Incarnation, 'retire', nothing),
  },
  {
    what: 'a leader that ends still leads',
    meets: 'the end of a leader, another candidate',
    plant: method(LeaderElection, 'leave', nothing),
  },
  {
    what: 'an agent that starts while a value changes misses the change',
    meets: 'a start, a change of a variable',
    plant: method(Topic, 'catchUp', nothing),
  },
  {
    what: 'a task whose member crashed is lost on its way to another',
    meets: 'a pool, the crash of a member',
    plant: method(
      WaitingQueue,
      'add',
      (add) =>
        function (task: unknown, isFirst: boolean) {
          if (!isFirst) add.call(this, task, isFirst);
        },
    ),
  },
  {
    what: 'tasks that wait for a member are not handed out when one is free',
    meets: 'a pool whose members are all busy, the end of a task',
    plant: method(Dispatcher, 'handOut', nothing),
  },
  {
    what: 'tasks that waited for a crashed agent are not abandoned',
    meets: 'a task that waits, a crash',
    plant: method(Mailbox, 'abandonAll', nothing),
  },
  {
    what: 'the health of an agent that has ended is still asked for',
    meets: 'a health check, an end',
    plant: method(Liveness, 'unwatch', nothing),
  },
  {
    what: 'a task of a paused agent is begun',
    meets: 'a pause, a task that waits, the end of one that runs',
    plant: method(Mailbox, 'rest', nothing),
  },
  {
    what: 'an agent released after a reset is not told',
    meets: 'a limit, agents that share it, its reset',
    plant: method(Agent, 'quotaReleased', nothing),
  },
  {
    what: 'a reservation is always granted',
    meets: 'a budget, tasks of several agents',
    plant: guard(budgetMachine, 'isWithin', () => true),
  },
  {
    what: 'questions are forgotten by the next program',
    meets: 'a question, the end of a program',
    plant: method(Questions, 'recall', () => async () => {}),
  },
  {
    what: 'the parent of an agent is forgotten by the next program',
    meets: 'a child, the end of a program, the end of its parent',
    plant: method(Families, 'adopt', nothing),
  },
  {
    what: 'a child is not known as one',
    meets: 'a child, the end of its parent',
    plant: method(Families, 'admit', nothing),
  },
  {
    what: 'a later task of the same priority is begun first',
    meets: 'several tasks that wait at one agent',
    plant: method(
      LinkedQueue,
      'append',
      (append) =>
        function (entry: { priority?: number }) {
          const { first } = this;
          if (entry.priority === undefined || first === undefined) append.call(this, entry);
          else this.insertBefore(first, entry);
        },
    ),
  },
  {
    what: 'a task is begun before its time once another program has it',
    meets: 'a task that waits for its time, the end of a program',
    plant: method(
      TaskFates,
      'delay',
      (delay) =>
        function (entry: TaskEntry, delayMs: number) {
          delay.call(this, entry, entry.request.again?.isRestored === true ? 0 : delayMs);
        },
    ),
  },
  {
    what: 'a free place is seen where there is none',
    meets: 'agents that wait for each other',
    plant: getter(Mailbox, 'places', (places) => ({ ...(places as object), isFree: true })),
  },
  {
    what: 'an agent starts without a secret that it lacks',
    meets: 'a secret, the end of a program',
    plant: getter(AgentSecrets, 'missing', () => undefined),
  },
  {
    what: 'a secret that a program asks for is not hidden',
    meets: 'a secret, the end of a program, a task that fails',
    plant: method(SecretNet, 'add', (add) => {
      const seen = new WeakMap<object, Set<string>>();
      return function (agentId: string, values: unknown) {
        const known = seen.get(this) ?? new Set();
        seen.set(this, known);
        // The first time it is told what it was registered with.
        if (!known.has(agentId)) add.call(this, agentId, values);
        known.add(agentId);
      };
    }),
  },
];
