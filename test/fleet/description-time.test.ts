/** A description of a module has a deadline, over no more than its own turn. */
import { describe, expect, it } from 'vitest';
import { DescriptionTime } from '../../src/runtime/fleet/description-time.ts';
import type { DescriptionTurn } from '../../src/runtime/hosting/host.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

const late = new Error('too late');
const closed = new Error('the system is closed');

/** A description that a test ends, and what has become of it. */
function rig() {
  const clock = simulatedClock();
  const time = new DescriptionTime(clock);
  const describing = (timeoutMs = 100) => {
    const work = Promise.withResolvers<string>();
    let turn: DescriptionTurn | undefined;
    const ends: unknown[] = [];
    const { promise } = work;
    const within = time.within({ timeoutMs, late: () => late }, (given) => {
      turn = given;
      return promise;
    });
    within.then(
      (value) => ends.push(value),
      (thrown: unknown) => ends.push(thrown),
    );
    return { ...work, ends, turn: turn! };
  };
  return { clock, time, describing };
}

describe('the time of a description', () => {
  it.each<[string, (one: ReturnType<ReturnType<typeof rig>['describing']>) => void, unknown]>([
    ['what it gives', ({ resolve }) => resolve('manifest'), 'manifest'],
    ['what it throws', ({ reject }) => reject(closed), closed],
  ])('ends with %s, and leaves no timer', async (_, end, ended) => {
    const { clock, time, describing } = rig();
    const one = describing();
    await clock.advance(99);
    end(one);
    await settled();
    expect([one.ends, clock.pending()]).toEqual([[ended], []]);
    await clock.advance(1_000);
    time.giveUpAll(late);
    // Whoever serves others cannot make it begin again.
    one.turn.begins();
    expect([one.ends, clock.pending(), one.turn.signal.aborted]).toEqual([[ended], [], false]);
  });

  it('is over at its deadline: the work is told, and what it gives then is nobody’s', async () => {
    const { clock, describing } = rig();
    const one = describing();
    await clock.advance(99);
    expect(one.ends).toEqual([]);
    await clock.advance(1);
    expect([one.ends, one.turn.signal.reason]).toEqual([[late], late]);
    one.resolve('manifest');
    await settled();
    expect([one.ends, clock.pending()]).toEqual([[late], []]);
  });

  it('does not run while it waits for others, and begins anew with its turn', async () => {
    const { clock, describing } = rig();
    const one = describing();
    await clock.advance(60);
    one.turn.waits();
    await clock.advance(10_000);
    expect([one.ends, clock.pending()]).toEqual([[], []]);
    one.turn.begins();
    await clock.advance(60);
    // A child that was lost is asked again.
    one.turn.begins();
    await clock.advance(99);
    expect(one.ends).toEqual([]);
    await clock.advance(1);
    expect(one.ends).toEqual([late]);
  });

  it('ends for all that are open when they are given up, each once', async () => {
    const { clock, time, describing } = rig();
    const [done, open, waiting] = [describing(), describing(), describing()];
    done.resolve('manifest');
    await settled();
    waiting.turn.waits();
    time.giveUpAll(closed);
    time.giveUpAll(late);
    await settled();
    expect([done.ends, open.ends, waiting.ends]).toEqual([['manifest'], [closed], [closed]]);
    expect([done, open, waiting].map(({ turn }) => turn.signal.aborted)).toEqual([false, true, true]);
    waiting.turn.begins();
    expect(clock.pending()).toEqual([]);
  });

  it('ends with what the work throws before it has begun', async () => {
    const { clock, time } = rig();
    const failing = time.within({ timeoutMs: 100, late: () => late }, () => {
      throw closed;
    });
    await expect(failing).rejects.toBe(closed);
    expect(clock.pending()).toEqual([]);
  });
});
