/**
 * The floor under a change of a variable that 10,000 agents are told of: what JavaScript takes for each of them with none
 * of the runtime around.
 *
 * Each agent's function is called with a context of its own, its answer becomes an event that is kept, and the caller is
 * answered in a microtask. Behind that come the promises of the contract, one on top of the other.
 */
import { type Emit, measure } from './measurement.ts';

const promises = [
  /** An agent answers one version at a time, the newest next; its answer may be a promise; a throw ends it alone. */
  'ordered',
  /** What works on the state beside an answer sees what is committed, and nothing of what is under way. */
  'state',
  /** Who was told, who has acknowledged and who is waited for is known; the caller is answered with both lists. */
  'confirmed',
  /** Answers are gathered, and committed before anybody hears of them: listeners by type, and the caller. */
  'committed',
] as const;
type Promised = (typeof promises)[number];

const KEPT_EVENTS = 10_000;
const WARM_ROUNDS = 3;
const NAME = 'rate';

class Acknowledged {
  sequence = 0;
  at = 0;
  readonly type = 'variable.acknowledged';
  readonly agentId: string;
  readonly incarnation: number;
  readonly name = NAME;
  readonly version: number;

  constructor({ id, incarnation }: ToldAgent, version: number) {
    this.agentId = id;
    this.incarnation = incarnation;
    this.version = version;
  }
}

interface State {
  done: number;
  rate: number;
}

interface Context {
  readonly value: number;
  readonly state: State;
}

const onVariable: (context: Context) => unknown = ({ value, state }) => {
  state.rate = value;
};

/** Two objects for each agent: what its fleet knows of it, and its state. */
class ToldAgent {
  readonly id: string;
  readonly incarnation = 1;
  isRunning = true;
  readonly isSync = true;
  told = 0;
  acknowledged = 0;
  /** The version that is being answered, and the newest that has come meanwhile; 0 for none. */
  open = 0;
  newer = 0;
  rate = 0;
  readonly variables: Record<string, unknown> = {};
  readonly state: State = { done: 0, rate: 0 };
  /** What is committed, while an answer is under way. */
  committed: State | undefined = undefined;

  constructor(id: string) {
    this.id = id;
  }
}

class FleetByHand {
  private readonly keeps: Readonly<Record<Promised, boolean>>;
  private readonly agents = new Set<ToldAgent>();
  private readonly events: Acknowledged[] = [];
  private readonly observers = new Map([['variable.acknowledged', (event: Acknowledged) => this.see(event)]]);
  private gathered: Acknowledged[] = [];
  private version = 0;
  private awaited = 0;
  private sequence = 0;
  private at = 0;
  private isScheduled = false;
  private answer: ((acknowledged: readonly string[]) => void) | undefined = undefined;
  seen = 0;

  constructor(size: number, kept: ReadonlySet<Promised>) {
    this.keeps = Object.fromEntries(promises.map((one) => [one, kept.has(one)])) as typeof this.keeps;
    for (let at = 1; at <= size; at++) this.agents.add(new ToldAgent(`agent-${at}`));
  }

  set(value: number): Promise<readonly string[]> {
    const version = (this.version += 1);
    return new Promise((resolve) => {
      this.answer = resolve;
      for (const agent of this.agents) this.tell(agent, value, version);
      this.schedule();
    });
  }

  private tell(agent: ToldAgent, value: number, version: number): void {
    const { keeps } = this;
    if (keeps.confirmed) {
      if (!agent.isRunning || agent.told >= version) return;
      agent.told = version;
      if (agent.isSync) this.awaited += 1;
    }
    agent.variables[NAME] = value;
    if (!keeps.ordered) {
      onVariable(this.contextOf(agent, value, version));
      return this.acknowledge(agent, version);
    }
    if (agent.open > 0) {
      agent.newer = version;
      agent.rate = value;
      return;
    }
    this.begin(agent, value, version);
  }

  private begin(agent: ToldAgent, value: number, version: number): void {
    agent.open = version;
    if (this.keeps.state) agent.committed = { ...agent.state };
    let answered: unknown;
    try {
      answered = onVariable(this.contextOf(agent, value, version));
    } catch {
      agent.isRunning = false;
      return;
    }
    if (answered === undefined) return this.ended(agent, version);
    void Promise.resolve(answered).then(() => this.ended(agent, version));
  }

  private ended(agent: ToldAgent, version: number): void {
    agent.open = 0;
    agent.committed = undefined;
    this.acknowledge(agent, version);
    const { newer } = agent;
    if (newer === 0) return;
    agent.newer = 0;
    this.begin(agent, agent.rate, newer);
  }

  private contextOf({ variables, state }: ToldAgent, value: number, version: number): Context {
    return { name: NAME, value, version, state, variables, resources: undefined, log: console } as Context;
  }

  private acknowledge(agent: ToldAgent, version: number): void {
    if (this.keeps.confirmed) {
      if (!agent.isRunning || version <= agent.acknowledged || version > agent.told) return;
      if (agent.isSync && version === this.version) this.awaited -= 1;
    }
    agent.acknowledged = version;
    const event = new Acknowledged(agent, version);
    event.sequence = this.sequence += 1;
    const now = Date.now();
    if (now !== this.at) this.at = now;
    event.at = this.at;
    if (this.keeps.committed) this.gathered.push(event);
    else this.events[event.sequence % KEPT_EVENTS] = event;
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    queueMicrotask(() => {
      this.isScheduled = false;
      const { gathered } = this;
      this.gathered = [];
      for (const event of gathered) this.events[event.sequence % KEPT_EVENTS] = event;
      for (const event of gathered) {
        try {
          this.observers.get(event.type)!(event);
        } catch (thrown) {
          console.error(thrown);
        }
      }
      if (this.awaited === 0) this.answer?.(this.confirmation());
    });
  }

  /** Who knows the version of now. */
  private confirmation(): readonly string[] {
    if (!this.keeps.confirmed) return Array.from(this.agents, ({ id }) => id);
    const [known, outOfDate]: [string[], string[]] = [[], []];
    for (const { isRunning, acknowledged, id } of this.agents) {
      if (isRunning) (acknowledged === this.version ? known : outOfDate).push(id);
    }
    return known;
  }

  private see({ sequence }: Acknowledged): void {
    this.seen = sequence;
  }
}

/** As bench/coordination.ts does it. */
export async function benchVariableFloor(size: number, emit: Emit, rounds = 50): Promise<void> {
  for (let kept = 0; kept <= promises.length; kept++) {
    const fleet = new FleetByHand(size, new Set(promises.slice(0, kept)));
    const operation = async (round: number) => {
      const acknowledged = await fleet.set(1_000 + round);
      if (acknowledged.length !== size) throw new Error(`${acknowledged.length} of ${size} acknowledged`);
    };
    for (let round = -WARM_ROUNDS; round < 0; round++) await operation(round);
    const series = { times: rounds, perOperation: size, n: size };
    const name = kept === 0 ? 'floor_variable' : `floor_variable_${promises[kept - 1]}`;
    emit(await measure(name, { ...series, operation }, { rounds }));
  }
}
