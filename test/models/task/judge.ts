/** Plays moves on a real system and on the model at once, and compares all there is to see after each. */
import { strict as assert } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import type { AgentStatus, ErrorCode, Isolation } from '../../../src/index.ts';
import { codeOf } from '../../kit/rig.ts';
import {
  after,
  firstLife,
  isPossible,
  legalOf,
  type Life,
  type Move,
  type Profile,
  serves,
  statuses,
} from './model.ts';
import { type Disk, TaskWorld } from './world.ts';

const START_AT = Date.UTC(2026, 0, 1);
const SHOWN_MOVES = 30;
const CODES: Partial<Record<Life['place'], ErrorCode>> = {
  failed: 'TASK_FAILED',
  timed_out: 'TASK_TIMED_OUT',
  abandoned: 'TASK_ABANDONED',
  cancelled: 'TASK_ABANDONED',
  unknown: 'TASK_ABANDONED',
};

const AGENTS: Record<Life['agent'], AgentStatus | undefined> = {
  up: 'running',
  restarting: 'crashed',
  stopped: 'stopped',
  forgotten: undefined,
};

/**
 * @param seen told every life that was come to
 * @throws AssertionError at the first move after which the two differ, with the way to it
 */
export async function judgeTasks(
  profile: Profile,
  isolation: Isolation,
  disk: Disk,
  moves: Iterable<Move>,
  seen: (before: Life, move: Move, after: Life) => void = () => {},
): Promise<void> {
  const world = await TaskWorld.open(profile, isolation, disk, START_AT);
  const trail: string[] = [];
  let life = firstLife(START_AT);
  const counted: Record<string, number> = {};
  try {
    await world.told();
    for (const move of moves) {
      if (!isPossible(profile, life, move)) continue;
      const before = life;
      life = after(profile, before, move);
      trail.push(`${before.place}/${before.agent}: ${move}`);
      if (move === 'forget' && life.refused === undefined)
        counted[before.place] = (counted[before.place] ?? 0) + 1;
      const refused = await world.play(move, life);
      await judge(world, profile, isolation, life, refused, trail);
      seen(before, move, life);
    }
    // Accepted = those that have ended, each once, and the one that still waits.
    if (life.place !== 'none') counted[life.place] = (counted[life.place] ?? 0) + 1;
    const sum = Object.values(counted).reduce((one, other) => one + other, 0);
    assert.equal(sum, life.submitted, JSON.stringify(counted));
  } finally {
    await world.close();
  }
}

async function judge(
  world: TaskWorld,
  profile: Profile,
  isolation: Isolation,
  life: Life,
  refused: string | undefined,
  trail: readonly string[],
): Promise<void> {
  const expected = expectedOf(profile, life);
  const isSeen = () => isDeepStrictEqual(view(world, life), expected.view);
  await world.until(isSeen);
  const seen = {
    view: view(world, life),
    told: await world.told(),
    refused,
    result:
      CODES[life.place] && isSeen() ? await codeOf(world.system.tasks.result(world.taskId!)) : undefined,
    done:
      serves(life) && isSeen()
        ? await world.system.agents.execute(world.agentId, { type: 'look' })
        : undefined,
  };
  if (isDeepStrictEqual(seen, expected)) return;
  assert.deepStrictEqual(
    seen,
    expected,
    `${isolation}, ${profile.kind} to ${profile.target} (seen + / expected -):\n  ${trail.slice(-SHOWN_MOVES).join('\n  ')}\n${JSON.stringify(life)}`,
  );
}

function expectedOf(profile: Profile, life: Life) {
  const { place, agent } = life;
  return {
    view: {
      task:
        place === 'none'
          ? undefined
          : {
              status: statuses[place],
              attempts: life.attempts,
              legal: legalOf(life),
              isPlaced: life.isPlaced,
              pool: profile.target === 'pool' ? 'p' : undefined,
              dueAt: life.dueAt,
              output: place === 'done',
            },
      begun: life.begun,
      agent: AGENTS[agent],
      questions: life.question === 'open' ? 1 : 0,
    },
    told: life.told,
    refused: life.refused,
    result: CODES[place],
    done: serves(life) ? life.done : undefined,
  };
}

function view(world: TaskWorld, life: Life): ReturnType<typeof expectedOf>['view'] {
  const { tasks, agents, questions } = world.system;
  const record = life.place === 'none' ? undefined : tasks.list().find(({ id }) => id === world.taskId);
  return {
    task: record && {
      status: record.status,
      attempts: record.attempts,
      legal: tasks.legal(record.id),
      isPlaced: record.agentId !== '',
      pool: record.pool,
      dueAt: record.dueAt,
      output: record.output !== undefined,
    },
    begun: life.place === 'none' ? 0 : world.begun,
    agent: agents.list().find(({ id }) => id === world.agentId)?.status,
    questions: questions.list().filter(({ taskId }) => taskId === world.taskId).length,
  };
}
