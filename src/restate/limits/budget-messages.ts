/** What an agent and its fleet's budgets tell each other of reservations, and what the agent keeps of them. */
import type { BudgetAmount } from '../../machines/index.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import type { Spender } from '../../runtime/limits/budget-rules.ts';

/** An account that something was reserved of: its budget, and whose it is. */
export type AccountRef = readonly [name: string, of: string];

/** What was granted. */
export interface Granted {
  readonly accounts: readonly AccountRef[];
  readonly events: readonly EventBody[];
}

/** What is settled, of a reservation. Amounts are whole numbers. */
export interface Settling {
  readonly accounts: readonly AccountRef[];
  readonly spender: Spender;
  readonly reserved: BudgetAmount;
  readonly actual: BudgetAmount;
  readonly how: 'settled' | 'released' | 'left';
  /** Epoch ms. */
  readonly at: number;
}

/** Granted, and not settled. */
export interface KeptReservation {
  readonly id: number;
  readonly taskId: string;
  /** The request that it was granted to, of that incarnation. */
  readonly requestId: number;
  readonly incarnation: number;
  /** In whole numbers. */
  readonly amount: BudgetAmount;
  readonly accounts: readonly AccountRef[];
  /** Epoch ms. */
  readonly at: number;
}

/** Accounts of tasks of its own that tasks have spent of, by task. */
export type SpentOf = Readonly<Record<string, readonly AccountRef[]>>;
