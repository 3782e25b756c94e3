/** The dashboard for Grafana, and the rules that the docs give, ask for metrics and labels that there are; the dashboard leaves none out. */
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createAgentSystem } from '../../src/index.ts';
import { createPrometheus } from '../../src/prometheus.ts';

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
}

const file = new URL('../../docs/grafana/mabeam.json', import.meta.url);
const { panels } = JSON.parse(await readFile(file, 'utf8')) as { readonly panels: readonly Panel[] };
const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const rules = [.../^```yaml\n(.*?)^```$/ms.exec(page)![1]!.matchAll(/^ +expr: (.+)$/gm)].map(
  ([, expr = '']) => expr,
);

/** Metrics by name, with their labels. */
async function metricsThatAre(): Promise<ReadonlyMap<string, readonly string[]>> {
  await using system = await createAgentSystem({ logger: pino({ level: 'silent' }) });
  using prometheus = createPrometheus(system);
  const all = prometheus.register.getMetricsAsArray() as unknown as readonly {
    readonly name: string;
    readonly labelNames: readonly string[];
  }[];
  return new Map(all.map(({ name, labelNames }) => [name, labelNames]));
}

it('asks for every metric, and for no other', async () => {
  const asked = queries.flatMap((query) => query.match(/mabeam_\w+/g) ?? []);
  const names = new Set(asked.map((name) => name.replace(/_bucket$/, '')));
  expect([...names].toSorted()).toEqual([...(await metricsThatAre()).keys()].toSorted());
});

it('rules for alerts ask for metrics that there are', async () => {
  const names = [...(await metricsThatAre()).keys()];
  const asked = rules.flatMap((rule) => rule.match(/mabeam_\w+/g) ?? []);
  expect(asked.length).toBeGreaterThan(4);
  expect(names).toEqual(expect.arrayContaining(asked.map((name) => name.replace(/_bucket$/, ''))));
});

it('groups and filters by labels that a metric has', async () => {
  const metrics = await metricsThatAre();
  const wrong: string[] = [];
  let labels = 0;
  for (const query of [...queries, ...rules]) {
    const name = /mabeam_\w+/.exec(query)![0].replace(/_bucket$/, '');
    const known = new Set([...metrics.get(name)!, 'job', 'instance', 'le']);
    const grouped = [...query.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
    const filtered = [...query.matchAll(/(\w+)(?:=~?|!=)"/g)].map(([, label = '']) => label);
    for (const label of [...grouped, ...filtered]) {
      labels += 1;
      if (!known.has(label)) wrong.push(`${label} in ${query}`);
    }
  }
  expect(labels).toBeGreaterThan(50);
  expect(wrong).toEqual([]);
});

it('no two panels have one id, or one place', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, place) => `${x + (place % w)},${y + Math.floor(place / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
});
