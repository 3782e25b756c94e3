/**
 * Every move in every state of a question, and in every state of the agent that asks (it runs, it drains, it is down), on
 * a real system with simulated time, held against a model written by hand.
 *
 * After each move: how the question stands, what its task has heard and how that stands, how the agent stands, and which
 * events were told.
 */
import { strict as assert } from 'node:assert';
import { pino } from 'pino';
import { z } from 'zod';
import {
  type AgentSystem,
  AgentSystemError,
  createAgentSystem,
  defineAgent,
  memoryStore,
  type SystemEvent,
} from '../../../src/index.ts';
import { settled, simulatedClock } from '../../../src/testing/index.ts';
import { mortalStore } from '../../kit/mortal-store.ts';
import { coveringTours, type Tours } from '../life/tours.ts';

export const moves = [
  'answer',
  'answer what the task refuses',
  'answer what the schema refuses',
  'almost due',
  'due',
  'crash',
  'the program dies',
  'the task ends',
  'cancel',
  'ask anew',
  'stop',
  'stop at once',
  'start',
] as const;
export type Move = (typeof moves)[number];

/** `from → to` by the chart's event. */
type Taken = `${string} ${string}`;

interface State {
  readonly place: 'open' | 'answered' | 'expired' | 'over';
  /** The task has refused an answer. */
  readonly isRefused: boolean;
  readonly leftMs: number;
  readonly agent: 'runs' | 'drains' | 'down';
}

interface Step {
  readonly state: State;
  /** What the task hears. */
  readonly heard: readonly unknown[];
  readonly events: readonly string[];
  /** A refusal of the one who acts. */
  readonly code?: string;
  /** Transitions of the chart that this takes. */
  readonly taken: readonly Taken[];
}

const DEADLINE_MS = 60_000;
const OTHERWISE = 0;
const GOOD = 2;
const ODD = 3;
const MANY = 20;
/** Longer than any question is open. */
const DRAIN_MS = 10 * DEADLINE_MS;
const first: State = { place: 'open', isRefused: false, leftMs: DEADLINE_MS, agent: 'runs' };
const heardIn = ({ place }: State) =>
  place === 'answered' ? [GOOD] : place === 'expired' ? [OTHERWISE] : [];

function isPossible({ place, leftMs, agent }: State, move: Move): boolean {
  if (move === 'start') return agent === 'down';
  if (move === 'stop' || move === 'stop at once') return agent === 'runs' && place !== 'over';
  // Its task judges an answer when it runs.
  const needsBody = move === 'crash' || move === 'the task ends' || move === 'answer what the task refuses';
  if (agent === 'down' && (needsBody || place === 'over')) return false;
  if (move === 'ask anew' || place === 'over') return move === 'ask anew' && place === 'over';
  if (move === 'almost due') return place === 'open' && leftMs > 1;
  if (move === 'due') return place === 'open';
  return move === 'the task ends' ? place !== 'open' : true;
}

function play(state: State, move: Move): Step {
  const { place } = state;
  const isOpen = place === 'open';
  const stays: Step = { state, heard: [], events: [], taken: [] };
  const { agent } = state;
  const isDown = agent === 'down';
  // An agent that drains ends with its last task.
  // An agent that was asked to end does not come back by itself: nobody is asked for it any more.
  const given: Step = {
    state: { ...first, place: 'over', agent: 'down' },
    heard: [],
    events: isOpen ? ['question.withdrawn'] : [],
    taken: [`${place} question.withdrawn`],
  };
  const over = { ...first, place: 'over', agent: agent === 'runs' ? 'runs' : 'down' } as const;
  switch (move) {
    case 'answer':
      if (!isOpen) return { ...stays, code: 'QUESTION_CLOSED' };
      return {
        state: { ...state, place: 'answered', isRefused: false },
        heard: isDown ? [] : [GOOD],
        events: ['question.answered'],
        taken: ['open question.answered'],
      };
    case 'answer what the task refuses':
      if (!isOpen) return { ...stays, code: 'QUESTION_CLOSED' };
      return {
        state: { ...state, isRefused: true },
        heard: [],
        events: ['question.answered', 'question.refused'],
        taken: ['open question.answered', 'answered question.refused'],
      };
    case 'answer what the schema refuses':
      return { ...stays, code: isOpen ? 'ANSWER_INVALID' : 'QUESTION_CLOSED' };
    case 'almost due':
      return { ...stays, state: { ...state, leftMs: 1 } };
    case 'due':
      return {
        state: { ...state, place: 'expired', leftMs: 0 },
        heard: isDown ? [] : [OTHERWISE],
        events: ['question.expired'],
        taken: ['open question.expired'],
      };
    case 'stop':
      return { ...stays, state: { ...state, agent: 'drains' } };
    case 'stop at once':
      return given;
    case 'start':
      return { ...stays, state: { ...state, agent: 'runs' }, heard: heardIn(state) };
    case 'crash':
    case 'the program dies':
      if (agent === 'drains' && move === 'crash') return given;
      // Whoever is asked is asked on, for when the agent is started again.
      if (agent !== 'runs') return { ...stays, state: { ...state, agent: 'down' } };
      // It runs again from its begin, and asks again.
      return { ...stays, heard: heardIn(state) };
    case 'the task ends':
      return { ...stays, state: over, taken: [`${place} question.withdrawn`] };
    case 'cancel':
      return {
        state: over,
        heard: [],
        events: isOpen ? ['question.withdrawn'] : [],
        taken: [`${place} question.withdrawn`],
      };
    default:
      return { state: first, heard: [], events: ['question.asked'], taken: [] };
  }
}

export function questionTours(): Tours<Move> {
  return coveringTours({
    name: 'a question',
    moves,
    first,
    isPossible,
    after: (state, move) => play(state, move).state,
    keyOf: (state) => JSON.stringify(state),
  });
}

/** Transitions of the chart that a tour takes, as `open question.answered`. */
export function takenBy(tour: readonly Move[]): readonly string[] {
  const taken: string[] = [];
  let state = first;
  for (const move of tour) {
    if (!isPossible(state, move)) continue;
    const step = play(state, move);
    taken.push(...step.taken);
    ({ state } = step);
  }
  return taken;
}

export async function judgeQuestion(tour: readonly Move[]): Promise<void> {
  let world = await QuestionWorld.begun();
  let state = first;
  const trail: string[] = [];
  try {
    for (const move of tour) {
      if (!isPossible(state, move)) continue;
      trail.push(`${state.place}: ${move}`);
      const said = `\n  ${trail.slice(-20).join('\n  ')}`;
      const expected = play(state, move);
      const code = await world.make(move);
      if (move === 'the program dies') world = await world.next();
      assert.equal(code, expected.code, said);
      ({ state } = expected);
      assert.deepEqual(world.shown(), shownIn(state), said);
      assert.deepEqual(world.heard.splice(0), expected.heard, said);
      assert.deepEqual(world.told.splice(0), expected.events, said);
      assert.deepEqual(world.faults, [], said);
    }
  } finally {
    await world.end();
  }
}

/** How it is to be seen. */
function shownIn({ place, isRefused, agent }: State): object {
  if (place === 'over') return { questions: [], isWaiting: false, agent };
  const question = {
    status: place,
    isRefused,
    ...(place === 'answered' ? { answer: GOOD, by: 'ann' } : {}),
  };
  return { questions: [question], isWaiting: place === 'open', agent };
}

class QuestionWorld {
  readonly heard: unknown[] = [];
  readonly told: string[] = [];
  /** What broke inside, as the log says it. */
  readonly faults: string[] = [];
  readonly #kept;
  readonly #store;
  readonly #clock;
  #system!: AgentSystem;
  #taskId = '';
  /** At answers, since the last move. */
  #looks = 0;
  #finish: () => void = () => undefined;

  private constructor(kept = memoryStore(), startAt?: number) {
    this.#kept = kept;
    this.#store = mortalStore(kept);
    this.#clock = simulatedClock(startAt === undefined ? {} : { startAt });
  }

  static async begun(): Promise<QuestionWorld> {
    const world = new QuestionWorld();
    const clerk = await world.#open();
    const { agents } = world.#system;
    await agents.register({ id: 'clerk', module: clerk, restart: { policy: 'immediate', delayMs: 0 } });
    await agents.start('clerk');
    await world.#ask();
    world.told.length = 0;
    return world;
  }

  /** The program that follows on this one. */
  async next(): Promise<QuestionWorld> {
    const world = new QuestionWorld(this.#kept, this.#clock.now());
    world.#taskId = this.#taskId;
    await world.#open();
    await world.#clock.advance(0);
    await settled();
    return world;
  }

  /** The code of what it was refused with. */
  async make(move: Move): Promise<string | undefined> {
    const { agents, tasks } = this.#system;
    this.#looks = 0;
    const dueIn = () => this.#open1().deadlineAt! - this.#clock.now();
    switch (move) {
      case 'answer':
        return this.#answer(GOOD);
      case 'answer what the task refuses':
        return this.#answer(ODD);
      case 'answer what the schema refuses':
        return this.#answer('two');
      case 'almost due':
        await this.#clock.advance(dueIn() - 1);
        break;
      case 'due':
        await this.#clock.advance(dueIn());
        break;
      case 'crash':
        await agents.kill('clerk');
        await this.#clock.advance(0);
        break;
      case 'the program dies':
        this.#store.die();
        break;
      case 'the task ends':
        this.#finish();
        await tasks.result(this.#taskId);
        break;
      case 'cancel':
        await tasks.cancel(this.#taskId);
        break;
      case 'ask anew':
        await this.#ask();
        break;
      case 'stop':
      case 'stop at once':
        void agents.stop('clerk', { timeoutMs: move === 'stop' ? DRAIN_MS : 0 }).catch(() => undefined);
        await this.#clock.advance(0);
        break;
      case 'start':
        await agents.start('clerk');
    }
    await settled();
    return undefined;
  }

  shown(): object {
    const { agents, questions, tasks } = this.#system;
    const { status: life } = agents.get('clerk');
    const all = (['open', 'answered', 'expired', 'withdrawn'] as const).flatMap((status) =>
      questions.list({ status }),
    );
    return {
      questions: all.map(({ status, answer, by, refused }) => ({
        status,
        isRefused: refused !== undefined,
        ...(answer === undefined ? {} : { answer, by }),
      })),
      isWaiting: tasks.get(this.#taskId).status === 'waiting_for_input',
      agent: life === 'running' ? 'runs' : life === 'stopping' ? 'drains' : 'down',
    };
  }

  async end(): Promise<void> {
    const closed = this.#system.close({ timeoutMs: 0 });
    await this.#clock.advance(30_000);
    await closed;
  }

  async #open() {
    const clerk = defineAgent({
      type: 'clerk',
      init: () => ({}),
      tasks: {
        count: {
          run: async ({ ask, signal }) => {
            const even = this.#looking(z.number().refine((n) => n % 2 === 0));
            const answer = await ask({
              question: 'How many?',
              schema: even,
              deadlineMs: DEADLINE_MS,
              otherwise: OTHERWISE,
            });
            this.heard.push(answer);
            await new Promise<void>((resolve, reject) => {
              this.#finish = resolve;
              signal.addEventListener('abort', () => reject(signal.reason as Error));
            });
          },
        },
      },
    });
    this.#system = await createAgentSystem({
      clock: this.#clock,
      store: this.#store,
      agents: [clerk],
      random: () => 0,
      logger: pino({ level: 'error' }, { write: (line) => void this.faults.push(line) }),
    });
    this.#system.events.subscribe(({ type }: SystemEvent) => {
      if (type.startsWith('question.')) this.told.push(type);
    });
    return clerk;
  }

  /** A fault may have a question asked for ever, within one turn. */
  #looking<Schema extends z.ZodType>(schema: Schema): Schema {
    const standard = schema['~standard'];
    const validate: typeof standard.validate = (value) => {
      this.#looks += 1;
      return this.#looks > MANY ? { value: 'for ever' as never } : standard.validate(value);
    };
    Object.defineProperty(schema, '~standard', { value: { ...standard, validate } });
    return schema;
  }

  async #ask(): Promise<void> {
    const { id } = await this.#system.tasks.submit('clerk', { type: 'count' });
    this.#taskId = id;
    await settled();
  }

  #open1() {
    return this.#system.questions.get(`${this.#taskId}/1`);
  }

  async #answer(value: unknown): Promise<string | undefined> {
    try {
      await this.#system.questions.answer(`${this.#taskId}/1`, value, { by: 'ann' });
      return undefined;
    } catch (thrown) {
      if (thrown instanceof AgentSystemError) return thrown.code;
      throw thrown;
    } finally {
      await settled();
    }
  }
}
