/** No chart asks for what nobody does: each of its effects has a case where effects are performed. */
import { globSync, readFileSync } from 'node:fs';
import type { AnyStateMachine } from 'xstate';
import { expect, it } from 'vitest';
import * as machines from '../../src/machines/index.ts';

const charts = Object.entries(machines)
  .filter(([name]) => name.endsWith('Machine'))
  .map(([, machine]) => machine as unknown as AnyStateMachine);

/** Custom actions: what is left when assignments and others of XState's own are taken away. */
const effectsOf = ({ implementations }: AnyStateMachine): readonly string[] =>
  Object.entries(implementations.actions)
    .filter(([, action]) => !('type' in (action as object)))
    .map(([name]) => name);

const runtime = globSync('src/runtime/**/*.ts').map((file) => readFileSync(file, 'utf8'));

function isPerformed(effect: string): boolean {
  return runtime.some((text) => text.includes(`case '${effect}'`));
}

it('every effect of every chart is performed', () => {
  const effects = charts.flatMap((chart) => effectsOf(chart).map((effect) => `${chart.id}: ${effect}`));
  expect(effects.length).toBeGreaterThan(40);
  expect(effects.filter((effect) => !isPerformed(effect.split(': ')[1]!))).toEqual([]);
});
