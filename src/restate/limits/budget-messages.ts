/** Messages about reservations between an agent and its fleet's budgets, and what the agent keeps of them. */
import type { BudgetAmount } from '../../machines/index.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import type { Spender } from '../../runtime/limits/budget-rules.ts';

/** Names an account: its budget, and the agent or task that it belongs to. */
export type AccountRef = readonly [name: string, of: string];

/** What was granted. */
export interface Granted {
  readonly accounts: readonly AccountRef[];
  readonly events: readonly EventBody[];
}

/** Settles a reservation. Amounts are whole numbers. */
export interface Settling {
  readonly accounts: readonly AccountRef[];
  readonly spender: Spender;
  readonly reserved: BudgetAmount;
  readonly actual: BudgetAmount;
  readonly how: 'settled' | 'released' | 'left';
  /** Epoch ms. */
  readonly at: number;
}

/** Accounts whose task has ended, or whose agent was forgotten: these end with an event. */
export interface Closing {
  readonly accounts: readonly AccountRef[];
  readonly forgotten?: { readonly agentId: string; readonly incarnation: number } | undefined;
}

/** A reservation that was granted and is not settled. */
export interface KeptReservation {
  readonly id: number;
  readonly taskId: string;
  /** The request that it was granted to, numbered within its incarnation. */
  readonly requestId: number;
  readonly incarnation: number;
  /** In whole numbers. */
  readonly amount: BudgetAmount;
  readonly accounts: readonly AccountRef[];
  /** Epoch ms. */
  readonly at: number;
}

/** For each task, and for the agent, the accounts of its own that it has spent from, by its id. */
export type SpentOf = Readonly<Record<string, readonly AccountRef[]>>;
