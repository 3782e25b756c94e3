/**
 * What the tasks of one agent have reserved of budgets, kept with the agent.
 *
 * The rules of runtime/limits/budgets.ts for what is open, over data. The accounts are in budgets-object.ts: changes of
 * them come as acts.
 *
 * I1  A reservation is settled once. One that is open when an attempt of its task ends is settled as it was reserved: the
 *     call may have been made. So it is when its node is lost.
 * I2  A request that is told twice reserves once.
 */
import { type BudgetAmount, plus } from '../../machines/index.ts';
import { wholeOf } from '../../runtime/limits/budget-amount.ts';
import { type Spender, unknownReservation, usedOf } from '../../runtime/limits/budget-rules.ts';
import type { Act } from '../agent/agent-acts.ts';
import type { AgentState } from '../agent/agent-state.ts';
import type { AccountRef, Closing, KeptReservation, Settling } from './budget-messages.ts';

export interface AgentBudgetsOwner {
  readonly state: AgentState;
  readonly now: number;
  readonly acts: Act[];
}

export class AgentBudgets {
  readonly #owner: AgentBudgetsOwner;

  constructor(owner: AgentBudgetsOwner) {
    this.#owner = owner;
  }

  get #open(): readonly KeptReservation[] {
    return this.#owner.state.reservations ?? [];
  }

  /** Has an amount reserved; it is answered once that is done (`granted`). */
  reserve(taskId: string, requestId: number, asked: BudgetAmount): number | undefined {
    const spender = this.#spenderOf(taskId);
    const known = this.#open.find(
      (other) => other.requestId === requestId && other.incarnation === spender.incarnation,
    );
    if (known !== undefined) return known.id;
    this.#owner.acts.push({ do: 'reserve', requestId, spender, asked });
    return undefined;
  }

  /** @returns its number; 0 where its task works under no budget */
  granted(
    requestId: number,
    { agentId, taskId, incarnation }: Spender,
    asked: BudgetAmount,
    accounts: readonly AccountRef[],
  ): number {
    if (accounts.length === 0) return 0;
    const { state, now: at } = this.#owner;
    const id = (state.lastReservation ?? 0) + 1;
    const amount = wholeOf(asked, Math.ceil);
    state.lastReservation = id;
    state.reservations = [...this.#open, { id, taskId, requestId, incarnation, amount, accounts, at }];
    for (const owner of [taskId, agentId]) {
      const own = accounts.filter(([, of]) => of === owner);
      if (own.length > 0) state.spentOf = { ...state.spentOf, [owner]: own };
    }
    return id;
  }

  /**
   * Says what was used of a reservation.
   *
   * @param isAgain whether it was told before
   * @throws AgentSystemError `REQUEST_INVALID` for one that is not the task's, or was settled
   */
  settle(taskId: string, id: number, given: BudgetAmount | 'released', isAgain: boolean): void {
    if (id === 0) return;
    const reservation = this.#open.find((other) => other.id === id && other.taskId === taskId);
    if (reservation === undefined) {
      if (isAgain) return;
      throw unknownReservation(taskId, id);
    }
    if (given === 'released') return this.#settle(reservation, {}, 'released');
    const { amount, at } = reservation;
    this.#settle(reservation, usedOf(amount, given, this.#owner.now - at), 'settled');
  }

  /** Settles the open reservations of a task's attempt in full. */
  attemptEnded(taskId: string): void {
    for (const reservation of this.#open) {
      if (reservation.taskId === taskId) this.#settle(reservation, reservation.amount, 'left');
    }
  }

  /** Settles what is open, and drops the task's own accounts. */
  taskEnded(taskId: string): void {
    this.attemptEnded(taskId);
    this.#closeAccounts(taskId);
  }

  /** Drops the agent's own accounts. */
  agentForgotten(): void {
    const { id: agentId, life } = this.#owner.state;
    const { incarnation } = life.context;
    this.#closeAccounts(agentId, { agentId, incarnation });
  }

  #closeAccounts(of: string, forgotten?: Closing['forgotten']): void {
    const { state } = this.#owner;
    const accounts = state.spentOf?.[of];
    if (accounts === undefined) return;
    const { [of]: _, ...others } = state.spentOf!;
    state.spentOf = others;
    this.#owner.acts.push({ do: 'closeAccounts', accounts, forgotten });
  }

  #settle(reservation: KeptReservation, actual: BudgetAmount, how: Settling['how']): void {
    const { state, now: at, acts } = this.#owner;
    const { taskId, incarnation, amount: reserved, accounts } = reservation;
    state.reservations = this.#open.filter((other) => other !== reservation);
    if (how !== 'released') state.counts.spent = plus(state.counts.spent ?? {}, actual);
    const spender = { ...this.#spenderOf(taskId), incarnation };
    acts.push({ do: 'settle', settling: { accounts, spender, reserved, actual, how, at } });
  }

  #spenderOf(taskId: string): Spender {
    const { id: agentId, spec, manifest, life } = this.#owner.state;
    const quota = spec.quota ?? manifest.quota;
    return { agentId, incarnation: life.context.incarnation, type: manifest.type, quota, taskId };
  }
}
