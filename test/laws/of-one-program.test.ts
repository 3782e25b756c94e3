/**
 * The laws of a life, of tasks, stops, restarts, coordination and ends are one text for two systems: test/laws/on-both,
 * and test/restate/*-laws.ts. What is here beside them holds of one program alone; this is the list, and why.
 */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';

const ofOneProgram: Readonly<Record<string, string>> = {
  'adding.test.ts':
    'what a refused spec leaves behind, to the last event and timer of the program; limits of a program (those of a fleet are its nodes’: test/restate/nodes.faults.ts)',
  'asked-by.test.ts':
    'every act against every event, on simulated time; of a fleet one law says it: test/restate/laws.ts',
  'durable-kill-9.test.ts': 'the file of one program; of a fleet: test/restate/load.faults.ts',
  'every-event.test.ts':
    'every type of event that a system has; of a fleet those of each room are among its own laws',
  'ending.test.ts': 'moments to the millisecond, which a real engine does not keep; the death of the program',
  'handed-to-agents.test.ts': 'what bodies are handed, host by host: those of a node are the same',
  'hostile-calls.test.ts': 'values that cannot be sent to another machine, and are refused before',
  'hostile-code.test.ts': 'what code throws in the very thread of its system',
  'options-left-out.test.ts': 'what a task asks its system for: a fleet’s nodes read it by the same schemas',
  'refused-secrets.test.ts':
    'refusals of one program, call by call; what is given to a fleet is judged by the same checks',
  'resources.test.ts': 'hosts and stores, one by one: those of a node are the same',
  'secrets.test.ts': 'what is in stores, logs and spans of one program',
  'slow-store.test.ts': 'a store that answers late: a fleet has its engine',
  'stopping.test.ts':
    'moments to the millisecond; the order of a close, which for a fleet ends a connection; thousands of agents',
  'turns.test.ts': 'the event loop of one program',
  'wall-clock.test.ts': 'a wall clock that jumps: an engine has its own',
};
const OTHERS = new Set(['on-both.test.ts', 'of-one-program.test.ts']);

test('every law that is not tried on both systems is listed, with the reason', () => {
  const files = readdirSync(new URL('.', import.meta.url)).filter((file) => file.endsWith('.test.ts'));
  expect(files.filter((file) => !OTHERS.has(file)).toSorted()).toEqual(Object.keys(ofOneProgram).toSorted());
});
