/** `mabeam quotas|budgets`, and what ends a wait for them: `lift`, `refill`. */
import type { ShownQuota } from '../../dashboard/protocol.ts';
import type { BudgetRecord, QuotaRecord } from '../../index.ts';
import { type BudgetUnit, budgetUnits } from '../../machines/index.ts';
import { apiOf, type Call, type JsonOption, outJson, type UrlOptions } from '../call.ts';
import { plainText } from '../console.ts';
import { count, duration, moment } from '../figures.ts';
import { part } from '../fleet-api.ts';
import { type Column, printTable } from '../table.ts';

export type LimitOptions = UrlOptions & JsonOption;

export interface RefillOptions extends LimitOptions {
  /** The agent or the task, where each has its own. */
  readonly of?: string;
}

export async function quotas(call: Call, options: LimitOptions): Promise<void> {
  const { quotas } = await apiOf(call, options).get<{ readonly quotas: readonly ShownQuota[] }>('quotas');
  if (options.json) return outJson(call.console, quotas);
  const now = Date.now();
  list(call, quotas, [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'OF', text: ({ isShared }) => (isShared ? 'a group' : 'one agent') },
    { title: 'STATUS', text: ({ status }) => status },
    { title: 'WAITING', text: ({ waitingCount }) => count(waitingCount), align: 'right' },
    {
      title: 'RESET',
      text: ({ parked }) =>
        parked === undefined
          ? ''
          : `in ${duration(Math.max(0, parked.until - now))}${parked.guessed ? ', a guess' : ''}`,
    },
    { title: 'WHY', text: ({ parked }) => parked?.why ?? '', isFlexible: true },
  ]);
}

export async function lift(call: Call, name: string, options: LimitOptions): Promise<void> {
  const { result } = await apiOf(call, options).act(`quotas/${part(name)}/lift`);
  if (options.json) return outJson(call.console, result);
  const { status, waiting } = result as QuotaRecord;
  call.console.out(`${plainText(name)}  ${status}, ${count(waiting.length)} still wait`);
}

export async function budgets(call: Call, options: LimitOptions): Promise<void> {
  const { budgets } = await apiOf(call, options).get<{ readonly budgets: readonly BudgetRecord[] }>(
    'budgets',
  );
  if (options.json) return outJson(call.console, budgets);
  list(call, budgets, [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'OF', text: ({ of }) => of ?? '' },
    { title: 'STATUS', text: ({ status }) => status },
    { title: 'SPENT', text: ({ spent, limits }) => spentInWords(spent, limits), isFlexible: true },
    { title: 'SHARE', text: ({ share }) => `${Math.round(share * 100)} %`, align: 'right' },
    { title: 'REFILL', text: ({ refillAt }) => (refillAt === undefined ? 'by hand' : moment(refillAt)) },
  ]);
}

export async function refill(call: Call, name: string, options: RefillOptions): Promise<void> {
  const { of } = options;
  const body = of === undefined ? {} : { of };
  const { result } = await apiOf(call, options).act(`budgets/${part(name)}/refill`, body);
  if (options.json) return outJson(call.console, result);
  call.console.out(`${plainText(name)}  ${(result as BudgetRecord).status}`);
}

function spentInWords(spent: BudgetRecord['spent'], limits: BudgetRecord['limits']): string {
  const ofUnit = (unit: BudgetUnit): string => `${spent[unit] ?? 0} of ${limits[unit]} ${unit}`;
  return budgetUnits
    .filter((unit) => limits[unit] !== undefined)
    .map(ofUnit)
    .join(', ');
}

function list<Row>({ console }: Call, rows: readonly Row[], columns: readonly Column<Row>[]): void {
  if (rows.length === 0) console.note('there are none');
  printTable(console, rows, columns);
}
