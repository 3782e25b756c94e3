import { expect, it } from 'vitest';
import { charts } from '../../visualizations/charts.ts';
import { outputsOf, staleIn } from '../../visualizations/outputs.ts';

it('every picture and table is that of its chart (else run: node visualizations/render.ts)', async () => {
  expect(await staleIn(await outputsOf(charts, 'kept'))).toEqual([]);
});
