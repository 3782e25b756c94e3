/** `mabeam top`: a running fleet as a live table; off a terminal, how it stands now. */
import type { AgentPage, FleetReport } from '../../dashboard/protocol.ts';
import { agentColumns } from '../agent-list.ts';
import { apiOf, type Call, type JsonOption, outJson, type UrlOptions } from '../call.ts';
import { EXIT } from '../failure.ts';
import { count, counted, latency } from '../figures.ts';
import type { FleetApi } from '../fleet-api.ts';
import { LiveTable } from '../live/live-table.ts';
import { RemoteSource } from '../live/remote-source.ts';
import { isTerminal } from '../run/talk.ts';
import { printTable } from '../table.ts';

export type TopOptions = UrlOptions & JsonOption;

export async function top(call: Call, options: TopOptions): Promise<number | void> {
  const { console, signal } = call;
  const api = apiOf(call, options);
  if (options.json || !isTerminal(console)) return now(call, api, options);
  await using source = new RemoteSource(api);
  await source.ready;
  using table = new LiveTable({ console, source });
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error));
  const how = await Promise.race([table.over, source.lost, interrupted]);
  return how === 'interrupt' ? EXIT.interrupted : 0;
}

async function now({ console }: Call, api: FleetApi, { json }: TopOptions): Promise<void> {
  const [fleet, page] = await Promise.all([
    api.get<FleetReport>('fleet'),
    api.get<AgentPage>('agents', { limit: 100_000 }),
  ]);
  if (json) return outJson(console, { ...fleet, agents: page.agents });
  const { counts, waiting, alerts, samples, needs } = fleet;
  const statuses = Object.entries(counts).map(([status, number]) => `${count(number)} ${status}`);
  const last = samples.at(-1);
  console.out([counted(page.total, 'agent'), ...statuses].join('  '));
  const rates = last
    ? [
        `${count(Math.round(last.tasksDone))} tasks/s`,
        ...(last.latencyMs ? [`p95 ${latency(last.latencyMs.p95)}`] : []),
      ]
    : [];
  const { failed, stalled, questions, parked, spentBudgets } = needs;
  const waits: readonly (readonly [number, string])[] = [
    [failed, `${counted(failed, 'task')} failed for good`],
    [stalled, `${count(stalled)} stalled`],
    [questions, counted(questions, 'question')],
    [parked, `${counted(parked, 'limit')} reached`],
    [spentBudgets, `${counted(spentBudgets, 'budget')} spent`],
  ];
  console.out(
    [
      ...rates,
      `${counted(waiting, 'task')} waiting`,
      counted(alerts.total, 'alert'),
      ...waits.filter(([number]) => number > 0).map(([, words]) => words),
    ].join('  '),
  );
  if (page.agents.length === 0) return;
  console.out('');
  printTable(console, page.agents, agentColumns(page.agents, console.paint, Date.now()));
}
