/** `mabeam plan`: what a recovery from a store would do, without doing it. */
import { planRecovery, type PlannedRecovery } from '../../index.ts';
import { type Call, type JsonOption, outJson } from '../call.ts';
import { CommandFailure, usageFailure } from '../failure.ts';
import { count, counted } from '../figures.ts';
import { fleetFrom } from '../fleet-file.ts';
import { storeAt } from '../stored-fleet.ts';
import { printTable } from '../table.ts';

export interface PlanOptions extends JsonOption {
  readonly store?: string;
}

/** Fails if an agent would not be restored. */
export async function plan({ console }: Call, file: string | undefined, options: PlanOptions): Promise<void> {
  const fleet = file === undefined ? undefined : await fleetFrom(file);
  const store = options.store === undefined ? fleet?.store?.() : storeAt(options.store);
  if (store === undefined) {
    throw usageFailure('which store? Give --store with its file, or a fleet file that has one');
  }
  const plans = await planRecovery(store, { agents: fleet?.definitions ?? [] });
  if (options.json) outJson(console, plans);
  else {
    const { paint } = console;
    const columns = [
      { title: 'ID', text: ({ agentId }: PlannedRecovery) => agentId },
      { title: 'TYPE', text: ({ type }: PlannedRecovery) => type },
      { title: 'STOOD AT', text: ({ at }: PlannedRecovery) => at },
      {
        title: 'COMES BACK',
        text: ({ comesBack }: PlannedRecovery) => (comesBack ? 'yes' : 'no'),
        look: (text: string, { comesBack }: PlannedRecovery) => paint(comesBack ? 'green' : 'red', text),
      },
      { title: 'NOTE', text: noteOn, isFlexible: true },
    ];
    printTable(console, plans, columns);
  }
  const lost = plans.filter(({ comesBack }) => !comesBack).length;
  console.note(`${count(plans.length - lost)} of ${counted(plans.length, 'agent')} would come back`);
  if (lost === 0) return;
  const hint =
    'Definitions that live in a program are found in its fleet file: mabeam plan fleet.ts --store …';
  throw new CommandFailure(`${count(lost)} would not`, file === undefined ? { hint } : {});
}

function noteOn({ problem, stateVersion, isDefinitionChanged, moved, tasks = [] }: PlannedRecovery): string {
  if (problem !== undefined) return problem;
  const parts: string[] = [];
  if (stateVersion && stateVersion.saved !== stateVersion.wanted) {
    parts.push(`its state is migrated from version ${stateVersion.saved} to ${stateVersion.wanted}`);
  }
  if (isDefinitionChanged) parts.push('its definition has changed');
  if (moved) parts.push(`its code has moved to ${moved.to ?? 'the program'}`);
  for (const becomes of ['waits', 'repeated', 'unknown'] as const) {
    const ids = tasks.filter((task) => task.becomes === becomes && task.problem === undefined);
    if (ids.length > 0) parts.push(`tasks ${WORDS[becomes]}: ${count(ids.length)}`);
  }
  for (const { taskId, problem: misfit } of tasks) {
    if (misfit !== undefined) parts.push(`task ${taskId} cannot be done: ${misfit}`);
  }
  return parts.join('; ');
}

const WORDS = { waits: 'that wait', repeated: 'to be repeated', unknown: 'whose end is unknown' } as const;
