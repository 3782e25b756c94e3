/** `mabeam replay ID`: an agent's life from its events alone, step by step. */
import type { LifeReport } from '../../dashboard/protocol.ts';
import type { LifeStep } from '../../index.ts';
import { describeExit } from '../../machines/index.ts';
import { lookOf } from '../agent-list.ts';
import { apiOf, type Call, type JsonOption, outJson, storeOf, type TargetOptions } from '../call.ts';
import { count, moment } from '../figures.ts';
import { part } from '../fleet-api.ts';
import { readingStore, requireAgent } from '../stored-fleet.ts';
import { printTable } from '../table.ts';

export interface ReplayOptions extends TargetOptions, JsonOption {
  /** Sequence of the last event to take in. */
  readonly until?: number;
  /** The newest so many steps. */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 1_000;

export async function replay(call: Call, id: string, options: ReplayOptions): Promise<void> {
  const { console } = call;
  const { steps, earlier } = await lifeOf(call, id, options);
  if (options.json) return outJson(console, steps);
  const { paint } = console;
  const columns = [
    { title: 'SEQ', text: ({ sequence }: LifeStep) => String(sequence), align: 'right' as const },
    { title: 'TIME', text: ({ at }: LifeStep) => moment(at) },
    { title: 'EVENT', text: ({ type }: LifeStep) => type },
    {
      title: 'STATUS',
      text: ({ status }: LifeStep) => status,
      look: (text: string, { status }: LifeStep) => paint(lookOf(status), text),
    },
    {
      title: 'INC',
      text: ({ incarnation }: LifeStep) => String(incarnation),
      align: 'right' as const,
      dispensability: 4,
    },
    {
      title: 'RESTARTS',
      text: ({ restarts }: LifeStep) => String(restarts),
      align: 'right' as const,
      dispensability: 1,
    },
    {
      title: 'DONE',
      text: ({ tasks }: LifeStep) => count(tasks.done),
      align: 'right' as const,
      dispensability: 3,
    },
    {
      title: 'FAILED',
      text: ({ tasks }: LifeStep) => count(tasks.failed + tasks.timedOut + tasks.abandoned),
      align: 'right' as const,
      dispensability: 2,
    },
    {
      title: 'WHY',
      text: ({ reason }: LifeStep) => (reason === undefined ? '' : describeExit(reason)),
      isFlexible: true,
    },
  ];
  printTable(console, steps, columns);
  if (earlier > 0)
    console.note(`${count(earlier)} earlier steps are not shown: --limit ${steps.length + earlier}`);
}

async function lifeOf(
  call: Call,
  id: string,
  options: ReplayOptions,
): Promise<Pick<LifeReport, 'steps' | 'earlier'>> {
  const { until, limit = DEFAULT_LIMIT } = options;
  const store = storeOf(options);
  if (store === undefined) {
    return apiOf(call, options).get<LifeReport>(`agents/${part(id)}/life`, { until, limit });
  }
  return readingStore(store, async (fleet) => {
    const all = (await fleet.life(id)).filter(({ sequence }) => until === undefined || sequence <= until);
    if (all.length === 0) await requireAgent(fleet, id);
    const steps = limit === 0 ? [] : all.slice(-limit);
    return { steps, earlier: all.length - steps.length };
  });
}
