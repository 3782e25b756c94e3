/** The addresses of the dashboard's API: reports by GET, acts by POST. */
import { z } from 'zod';
import { taskStatuses } from '../machines/index.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { type Acts, agentActs, taskActs } from './acts.ts';
import { select } from './agent-query.ts';
import type { Chronicle } from './chronicle.ts';
import type { Reports } from './reports.ts';
import type { Route } from './router.ts';
import type { Watch } from './watch.ts';
import { statusList } from './status-list.ts';
import { settled, type WatchedSystem } from './watched-system.ts';
import type { WorkReports } from './work-reports.ts';

interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

type Answer = (asked: Asked) => unknown;

export type Routes = readonly Route<Answer>[];

export interface RouteParts {
  readonly system: Pick<WatchedSystem, 'mirror'>;
  readonly reports: Reports;
  readonly work: WorkReports;
  readonly watch: Watch;
  readonly chronicle: Chronicle;
  readonly acts: Acts;
}

const count = z.coerce.number().int().min(0);
const eventQuery = z.strictObject({ after: count.optional(), limit: count.max(10_000).default(200) });
const lifeQuery = z.strictObject({ until: count.optional(), limit: count.max(20_000).default(1_000) });
const logQuery = z.strictObject({ limit: count.max(5_000).default(200) });
const markQuery = z.strictObject({ since: count.default(0), limit: count.max(20_000).default(2_000) });
const taskQuery = z.strictObject({
  status: statusList(taskStatuses).optional(),
  agent: z.string().optional(),
  type: z.string().optional(),
  limit: count.max(10_000).optional(),
});

/** JSON that is text already. */
export class Text {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

function the(asked: Asked, name: string): string {
  return asked.params[name] ?? '';
}

function post(pattern: string, answer: Answer): Route<Answer> {
  return { method: 'POST', pattern, answer };
}

/** All addresses. */
export function routesOf({ system, reports, work, watch, chronicle, acts }: RouteParts): Routes {
  const read = (report: () => unknown) => settled(system, report);
  const get = (pattern: string, answer: Answer): Route<Answer> => ({
    method: 'GET',
    pattern,
    answer: (asked) => read(() => answer(asked)),
  });
  return [
    get('/api/fleet', async () => {
      const table = await watch.table();
      return read(() => ({ ...reports.fleet(table), needs: work.needs(), samples: reports.samples() }));
    }),
    get('/api/agents', async ({ query }) => {
      const { total, page } = select((await watch.table()).rows(), query);
      return new Text(`{"total":${total},"agents":[${page.map(({ text }) => text).join(',')}]}`);
    }),
    get('/api/agents/:id', async (asked) => {
      const id = the(asked, 'id');
      const table = await watch.table();
      const row = table.get(id)?.row;
      return read(() => (row ? reports.agent(id, row, table.childrenOf(id)) : reports.noAgent(id)));
    }),
    get('/api/agents/:id/chart', async (asked) => ({ chart: await reports.chart(the(asked, 'id')) })),
    get('/api/agents/:id/state', async (asked) => ({ state: await reports.savedState(the(asked, 'id')) })),
    get('/api/agents/:id/events', async (asked) => {
      const query = parseInput(eventQuery, asked.query, { what: 'the query' });
      return { events: await reports.agentEvents(the(asked, 'id'), query) };
    }),
    get('/api/agents/:id/life', (asked) => {
      const { limit, until } = parseInput(lifeQuery, asked.query, { what: 'the query' });
      return reports.life(the(asked, 'id'), limit, until);
    }),
    get('/api/agents/:id/logs', (asked) => {
      const { limit } = parseInput(logQuery, asked.query, { what: 'the query' });
      return { lines: reports.logs(the(asked, 'id'), limit) };
    }),
    get('/api/events', async (asked) => ({
      events: await reports.events(parseInput(eventQuery, asked.query, { what: 'the query' })),
    })),
    get('/api/timeline', async (asked) => {
      const { since, limit } = parseInput(markQuery, asked.query, { what: 'the query' });
      await watch.table();
      return { marks: chronicle.marks(({ at }) => at >= since).slice(-limit) };
    }),
    get('/api/nodes', () => ({ nodes: system.mirror?.nodes() ?? [] })),
    get('/api/variables', () => ({ variables: reports.variables() })),
    get('/api/variables/:name', (asked) => reports.variable(the(asked, 'name'))),
    get('/api/tasks', (asked) => work.tasks(parseInput(taskQuery, asked.query, { what: 'the query' }))),
    get('/api/tasks/:id', (asked) => work.task(the(asked, 'id'))),
    get('/api/schedules', () => ({ schedules: work.schedules() })),
    get('/api/questions', () => ({ questions: work.questions() })),
    get('/api/limits', () => work.limits()),
    get('/api/budgets', () => ({ budgets: work.budgets() })),
    get('/api/quotas', () => ({ quotas: work.quotas() })),
    get('/api/rounds', () => ({ rounds: reports.rounds() })),
    get('/api/coordination', () => reports.coordination()),
    get('/api/pools', () => ({ pools: reports.pools() })),
    get('/api/pools/:name', (asked) => reports.pool(the(asked, 'name'))),
    get('/api/alerts', () => reports.alerts()),
    ...agentActs.map((act) =>
      post(`/api/agents/:id/${act}`, (asked) => acts.agent(the(asked, 'id'), act, asked.body)),
    ),
    post('/api/pools/:name/size', (asked) => acts.resize(the(asked, 'name'), asked.body)),
    post('/api/variables/:name', (asked) => acts.set(the(asked, 'name'), asked.body)),
    post('/api/variables/:name/rollback', (asked) => acts.rollBack(the(asked, 'name'), asked.body)),
    post('/api/tasks', (asked) => acts.submit(asked.body)),
    ...taskActs.map((act) =>
      post(`/api/tasks/:id/${act}`, (asked) => acts.task(the(asked, 'id'), act, asked.body)),
    ),
    post('/api/schedules/:name/remove', (asked) => acts.unschedule(the(asked, 'name'), asked.body)),
    post('/api/quotas/:name/lift', (asked) => acts.lift(the(asked, 'name'), asked.body)),
    post('/api/budgets/:name/refill', (asked) => acts.refill(the(asked, 'name'), asked.body)),
    post('/api/questions/:id', (asked) => acts.answer(the(asked, 'id'), asked.body)),
    post('/api/rounds', (asked) => acts.propose(asked.body)),
    post('/api/coordination/suspend', (asked) => acts.coordination('suspend', asked.body)),
    post('/api/coordination/resume', (asked) => acts.coordination('resume', asked.body)),
    // Checks the second secret, and does nothing else.
    post('/api/control', () => ({ control: true })),
  ];
}
