/**
 * What a failed try of a test leaves behind is told, and fails nothing else: the try itself is told, and repeated.
 *
 * A test that fails before it awaits work of its own leaves that work to the clean-up, which refuses it when nobody is
 * there to hear. As long as no try of a file has failed, what nobody handles fails the run.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeEach, type TestContext } from 'vitest';

type Listener = (thrown: unknown) => void;

const begun: TestContext['task'][] = [];

beforeEach(({ task }) => void begun.push(task));

// Types have one signature for each event.
const events: Pick<NodeJS.EventEmitter, 'listeners' | 'on' | 'off'> = process;
for (const event of ['unhandledRejection', 'uncaughtException']) {
  const [ofVitest] = events.listeners(event) as Listener[];
  if (ofVitest === undefined) throw new Error(`expected vitest to listen for ${event}`);
  const listener: Listener = (thrown) => {
    const failed = begun.findLast(({ result }) => result?.errors !== undefined);
    if (failed === undefined) ofVitest(thrown);
    else console.error(`left behind by "${failed.name}", of which a try failed:`, thrown);
  };
  events.off(event, ofVitest);
  events.on(event, listener);
  afterAll(async () => {
    // Node tells of a rejection when promises have settled; a file may end before.
    await turn();
    events.off(event, listener);
    events.on(event, ofVitest);
  });
}
