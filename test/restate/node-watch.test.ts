/** Who of the nodes is asked, and who is gone: by signs of life, and by a watch that may itself be late. */
import { describe, expect, test } from 'vitest';
import { heardOf, LOOK_MS, reached, refused, watchNodes } from '../../src/restate/nodes/node-watch.ts';
import type { KnownNode } from '../../src/restate/nodes/reservations.ts';

const LEASE_MS = 3_000;

function node(name: string, leaseMs = LEASE_MS): KnownNode {
  return {
    name,
    epoch: `epoch of ${name}`,
    labels: {},
    types: [],
    maxAgents: Infinity,
    maxMemoryBytes: Infinity,
    leaseMs,
    beatAt: 0,
    reachedAt: 0,
    isDraining: false,
    agents: 0,
    memoryBytes: 0,
  };
}

interface Look {
  readonly at: number;
  readonly asked?: readonly string[];
  readonly probed: readonly string[];
  readonly gone: readonly string[];
}

const names = (nodes: readonly KnownNode[]) => nodes.map(({ name }) => name);

/** Looks until `until`, each look as late as `lateMs` says, and tells those that found something. */
function watched(
  nodes: readonly KnownNode[],
  until: number,
  {
    lateMs = () => 0,
    beforeLook,
  }: { lateMs?: (dueAt: number) => number; beforeLook?: (now: number) => void } = {},
): Look[] {
  const looks: Look[] = [];
  let dueAt = LOOK_MS;
  while (dueAt <= until) {
    const now = dueAt + lateMs(dueAt);
    beforeLook?.(now);
    const { asked, probed, gone } = watchNodes(nodes, { dueAt, now });
    if (asked.length + probed.length + gone.length > 0) {
      const sent = asked.length > 0 ? { asked: names(asked) } : {};
      looks.push({ at: now, ...sent, probed: names(probed), gone: names(gone) });
    }
    if (gone.length > 0) return looks;
    dueAt = now + LOOK_MS;
  }
  return looks;
}

describe('a node', () => {
  test('that says that it is alive, and is reached, is not asked', () => {
    const alive = node('a');
    const beforeLook = (now: number) => {
      heardOf(alive, now - 500);
      reached(alive, now - 500);
    };
    expect(watched([alive], 60_000, { beforeLook })).toEqual([]);
  });

  test('that says that it is alive is asked three times in a lease, and no more while it answers', () => {
    const alive = node('a');
    const looks = watched([alive], 60_000, {
      beforeLook: (now) => {
        heardOf(alive, now - 500);
        if (alive.probedAt !== undefined) reached(alive, now);
      },
    });
    expect(looks.flatMap(({ gone }) => gone)).toEqual([]);
    // A look after a third of its lease, and the answer with the next.
    expect(looks.slice(0, 3).map(({ at }) => at)).toEqual([1_250, 2_750, 4_250]);
  });

  test('that says that it is alive, and does not answer, is gone once its lease is over', () => {
    const cutOff = node('a');
    expect(watched([cutOff], 60_000, { beforeLook: (now) => heardOf(cutOff, now) })).toEqual([
      { at: 1_250, probed: ['a'], gone: [] },
      { at: 2_250, probed: ['a'], gone: [] },
      { at: 3_250, probed: [], gone: ['a'] },
    ]);
  });

  test('that says that it is alive, and where the engine is refused, is gone once its lease is over, and no sooner', () => {
    const cutOff = node('a');
    let refusals = 0;
    const looks = watched([cutOff], 60_000, {
      beforeLook: (now) => {
        heardOf(cutOff, now);
        if (cutOff.probedAt === undefined) return;
        refusals += 1;
        expect(refused(cutOff, now)).toBe(false);
      },
    });
    expect(looks.at(-1)).toEqual({ at: 3_250, probed: [], gone: ['a'] });
    expect(refusals).toBe(8);
  });

  test('that is silent, and where the engine is refused, is gone at once', () => {
    const dead = node('a');
    heardOf(dead, 5_000);
    expect(refused(dead, 6_000)).toBe(false);
    expect(refused(dead, 6_001)).toBe(true);
  });

  test('that is reached again within its lease is there', () => {
    const back = node('a');
    const looks = watched([back], 60_000, {
      beforeLook: (now) => {
        heardOf(back, now);
        if (now % 3_000 === 0) reached(back, now);
      },
    });
    expect(looks.flatMap(({ gone }) => gone)).toEqual([]);
  });

  test('that is silent is asked, is asked again, and is gone once its lease is over', () => {
    expect(watched([node('a')], 60_000)).toEqual([
      { at: 1_250, probed: ['a'], gone: [] },
      { at: 2_250, probed: ['a'], gone: [] },
      { at: 3_250, probed: [], gone: ['a'] },
    ]);
  });

  test('that is silent is asked after a second at the latest, however long its lease is, and is gone if the engine is refused', () => {
    const dead = node('a', 60_000);
    expect(watched([dead], 2_000)).toEqual([{ at: 1_250, probed: ['a'], gone: [] }]);
    expect(refused(dead, 1_300)).toBe(true);
  });

  test('that does not answer is asked less and less often in a long lease', () => {
    const looks = watched([node('a', 60_000)], 120_000);
    const [last, ...before] = looks.toReversed();
    expect(last).toEqual({ at: 60_250, probed: [], gone: ['a'] });
    expect(before.toReversed().map(({ at }) => at)).toEqual([1_250, 2_250, 4_250, 8_250, 16_250, 32_250]);
  });

  test('that has answered is asked again as soon as at first', () => {
    const late = node('a', 60_000);
    watched([late], 20_000);
    const back = 20_000;
    reached(late, back);
    const probed: number[] = [];
    for (let now = back + LOOK_MS; now <= back + 3_000; now += LOOK_MS)
      if (watchNodes([late], { dueAt: now, now }).probed.length > 0) probed.push(now - back);
    expect(probed).toEqual([1_250, 2_250]);
  });

  test('that the engine gives up only after some time was silent, and has its whole lease: a machine that is dead refuses at once', () => {
    const frozen = node('a', 60_000);
    const looks = watched([frozen], 120_000, {
      beforeLook: (now) => {
        const sentAt = frozen.probedAt;
        if (sentAt !== undefined && now - sentAt > 2_000) expect(refused(frozen, now, sentAt)).toBe(false);
      },
    });
    expect(looks.at(-1)).toEqual({ at: 60_250, probed: [], gone: ['a'] });
    expect(looks.flatMap(({ probed }) => probed).length).toBe(6);
    const dead = node('b');
    expect(refused(dead, 6_000, 4_000)).toBe(true);
  });

  test('that answers when it is asked has its whole lease again', () => {
    const late = node('a');
    const looks = watched([late], 3_500, {
      beforeLook: (now) => {
        if (late.probedAt !== undefined && now - late.probedAt === LOOK_MS) reached(late, now);
      },
    });
    expect(looks.map(({ at, gone }) => [at, gone])).toEqual([
      [1_250, []],
      [2_750, []],
    ]);
  });

  test('that answers, and says nothing by itself, is gone a lease after its first answer: it does not reach the engine', () => {
    const mute = node('a');
    const beforeLook = (now: number) => {
      if (mute.probedAt !== undefined) reached(mute, now);
    };
    expect(watched([mute], 60_000, { beforeLook })).toEqual([
      { at: 1_250, probed: ['a'], gone: [] },
      { at: 2_750, probed: ['a'], gone: [] },
      { at: 3_750, probed: ['a'], gone: [] },
      { at: 4_750, probed: [], gone: ['a'] },
    ]);
  });

  test('that answers, and is heard of within a lease after that, is there', () => {
    const late = node('a');
    const beforeLook = (now: number) => {
      if (late.probedAt !== undefined) reached(late, now);
      if (now % 4_500 === 0) heardOf(late, now);
    };
    const looks = watched([late], 60_000, { beforeLook });
    expect(looks.flatMap(({ gone }) => gone)).toEqual([]);
  });

  test('is never gone that was not asked before, however short its lease is', () => {
    expect(watched([node('a', 100)], 60_000)).toEqual([
      { at: 250, probed: ['a'], gone: [] },
      { at: 500, probed: [], gone: ['a'] },
    ]);
  });

  test('that is silent takes no other with it', () => {
    const [silent, alive] = [node('a'), node('b')];
    const beforeLook = (now: number) => {
      heardOf(alive, now);
      reached(alive, now);
    };
    const looks = watched([silent, alive], 60_000, { beforeLook });
    expect(looks.flatMap(({ probed, gone }) => [...probed, ...gone])).toEqual(['a', 'a', 'a']);
    expect(looks.at(-1)).toMatchObject({ at: 3_250, gone: ['a'] });
  });
});

describe('a node that says when the engine reached it', () => {
  test('is sent nothing while that is not long ago', () => {
    const busy = node('a');
    expect(watched([busy], 60_000, { beforeLook: (now) => heardOf(busy, now - 100, 900) })).toEqual([]);
  });

  test('is sent a message after a third of its lease, and not probed if it tells of that', () => {
    const idle = node('a');
    let reachedAt = 0;
    const looks = watched([idle], 6_000, {
      beforeLook: (now) => {
        if (idle.askedAt !== undefined) reachedAt = idle.askedAt + 10;
        heardOf(idle, now, now - reachedAt);
      },
    });
    expect(looks).toEqual([
      { at: 1_250, asked: ['a'], probed: [], gone: [] },
      { at: 2_500, asked: ['a'], probed: [], gone: [] },
      { at: 3_750, asked: ['a'], probed: [], gone: [] },
      { at: 5_000, asked: ['a'], probed: [], gone: [] },
    ]);
  });

  test('and tells of no message is probed, and gone once its lease is over', () => {
    const cutOff = node('a');
    expect(watched([cutOff], 60_000, { beforeLook: (now) => heardOf(cutOff, now, now) })).toEqual([
      { at: 1_250, asked: ['a'], probed: [], gone: [] },
      { at: 2_250, probed: ['a'], gone: [] },
      { at: 3_250, probed: [], gone: ['a'] },
    ]);
  });

  test('and tells of no message is probed before it is gone, also in a lease of a few looks', () => {
    for (const leaseMs of [1_000, 1_100, 1_250, 1_500, 2_000, 2_500]) {
      const cutOff = node('a', leaseMs);
      const looks = watched([cutOff], 60_000, { beforeLook: (now) => heardOf(cutOff, now, now) });
      expect(looks.flatMap(({ probed }) => probed)).toContain('a');
      expect(looks.at(-1)!.at).toBeLessThanOrEqual(leaseMs + LOOK_MS);
    }
  });

  test.each([
    ['does not answer', () => undefined],
    ['is refused', (cutOff: KnownNode, now: number) => void refused(cutOff, now)],
  ])('and %s is gone in time, though its signs of life take longer and longer to come', (_, answer) => {
    const cutOff = node('a');
    let delayMs = 0;
    const looks = watched([cutOff], 60_000, {
      beforeLook: (now) => {
        heardOf(cutOff, now, now - (delayMs += 3));
        if (cutOff.probedAt !== undefined) answer(cutOff, now);
      },
    });
    expect(looks.flatMap(({ asked = [] }) => asked)).toEqual(['a']);
    expect(looks.flatMap(({ probed }) => probed).length).toBeGreaterThan(0);
    expect(looks.at(-1)).toMatchObject({ at: 3_250, gone: ['a'] });
  });

  test('and falls silent is probed at once, though it was sent a message just before', () => {
    const dead = node('a');
    const looks = watched([dead], 60_000, { beforeLook: (now) => now <= 750 && heardOf(dead, now, now) });
    expect(looks).toEqual([
      { at: 1_250, asked: ['a'], probed: [], gone: [] },
      { at: 2_000, probed: ['a'], gone: [] },
      { at: 3_000, probed: ['a'], gone: [] },
      { at: 3_250, probed: [], gone: ['a'] },
    ]);
  });

  test('is not reached later than it was for a sign of life that says less', () => {
    const alive = node('a');
    heardOf(alive, 5_000, 100);
    heardOf(alive, 5_100, 4_000);
    expect(alive.reachedAt).toBe(4_900);
  });

  test('was reached since it was asked: it is asked again before it is gone', () => {
    const back = node('a', 1_000);
    const looks = watched([back], 60_000, {
      beforeLook: (now) => heardOf(back, now, now < 1_000 ? now : now - 1_000),
    });
    expect(looks.at(-1)).toMatchObject({ at: 2_250, gone: ['a'] });
    expect(looks.filter(({ at }) => at > 1_000 && at < 2_250).flatMap(({ asked }) => asked ?? [])).toEqual([
      'a',
    ]);
  });
});

describe('a watch', () => {
  test('that is held up counts nobody the time by which it was', () => {
    const looks = watched([node('a')], 60_000, { lateMs: () => 850 });
    // Each look is 1.1 s after the last, and counts 0.35 s, of which 0.1 s is what any look may be late by.
    expect(looks.at(-1)).toEqual({ at: 9_900, probed: [], gone: ['a'] });
  });

  test('whose looks are all a little late, as on any busy machine, finds who is silent no later for that', () => {
    const looks = watched([node('a')], 60_000, { lateMs: () => 100 });
    expect(looks.at(-1)).toEqual({ at: LEASE_MS + 150, probed: [], gone: ['a'] });
  });

  test('that was held up for longer than a lease ends nobody for that, and asks all at once', () => {
    const looks = watched([node('a'), node('b')], 10_000, { lateMs: (dueAt) => (dueAt === 500 ? 8_000 : 0) });
    expect(looks[0]).toEqual({ at: 8_500, probed: ['a', 'b'], gone: [] });
  });

  test('that was held up finds who is silent on, a lease later at the most', () => {
    const looks = watched([node('a')], 60_000, { lateMs: (dueAt) => (dueAt === 500 ? 8_000 : 0) });
    const { at, gone } = looks.at(-1)!;
    expect(gone).toEqual(['a']);
    expect(at).toBeLessThanOrEqual(8_500 + LEASE_MS);
  });
});

/** The node with the seat falls silent at 0; the next one looks after so long, and hears who that was. */
function after(lateMs: number, silentMs: number, leaseMs = LEASE_MS) {
  const [lost, alive] = [node('lost', leaseMs), node('alive')];
  const at = LOOK_MS + lateMs;
  watchNodes([lost, alive], { dueAt: LOOK_MS, now: at });
  heardOf(alive, at, 0);
  const looked = watchNodes([lost, alive], { dueAt: at, now: at, unseated: { name: 'lost', silentMs } });
  return { lost, alive, at, looked };
}
function goneAt(nodes: readonly KnownNode[], from: number, beforeLook?: (now: number) => void): number {
  for (let now = from + LOOK_MS; ; now += LOOK_MS) {
    beforeLook?.(now);
    if (now > from + 60_000) return Infinity;
    if (watchNodes(nodes, { dueAt: now, now }).gone.length > 0) return now;
  }
}

describe('a watch that was late because the node that answered for the fleet was silent', () => {
  test('counts that time against that node, which is asked at once, and has a quarter of its lease left at the least: it may have been busy', () => {
    const { looked } = after(800, 500);
    expect([names(looked.probed), looked.gone]).toEqual([['lost'], []]);
    const { lost, at } = after(2_000, 1_500);
    // A lease after it was heard of last, by who has asked it for 1.5 s.
    expect(goneAt([lost], at)).toBe(3_250);
    const later = after(6_000, 1_500);
    expect(goneAt([later.lost], later.at)).toBe(later.at + 1_000);
  });

  test('counts no more than its lease: one whose lease is longer has all that is left of it', () => {
    const { lost, at } = after(2_000, 1_500, 15_000);
    expect(goneAt([lost], at)).toBe(15_250);
  });

  test('counts it against no other', () => {
    const { alive } = after(2_000, 1_500);
    expect(alive.beatAt).toBe(2_250);
  });

  test('believes no sign of life of it that had waited meanwhile', () => {
    const lost = node('lost');
    watchNodes([lost], { dueAt: LOOK_MS, now: 2_250 });
    heardOf(lost, 2_250, 10);
    watchNodes([lost], { dueAt: 2_250, now: 2_250, unseated: { name: 'lost', silentMs: 1_500 } });
    expect(lost.beatAt).toBe(750);
  });

  test('has one that says that it is alive, and is not reached, gone after two thirds of its lease', () => {
    const { lost, at } = after(2_000, 1_500);
    expect(goneAt([lost], at, (now) => heardOf(lost, now, now))).toBe(at + 2_250);
  });

  test('keeps one that answers', () => {
    const { lost, at } = after(2_000, 1_500);
    const beforeLook = (now: number) => {
      reached(lost, now);
      heardOf(lost, now);
    };
    expect(goneAt([lost], at, beforeLook)).toBe(Infinity);
  });

  test('is told that twice, and counts it once', () => {
    const { lost, at } = after(2_000, 1_500);
    const before = { ...lost };
    watchNodes([lost], { dueAt: at, now: at, unseated: { name: 'lost', silentMs: 1_500 } });
    expect(lost.beatAt).toBe(before.beatAt);
  });
});
