/**
 * How an agent answers that a variable has changed.
 *
 * I1  It answers one version of a variable at a time: of those that come meanwhile the newest is next.
 */
import { isThenable } from '../values/thenable.ts';
import type { StateUser } from './body-state.ts';
import type { WorkOwner } from './body-work.ts';
import type { VariableState } from './host.ts';

/** One variable whose change is being answered. */
interface Answer extends StateUser {
  readonly name: string;
  readonly version: number;
  /** The newest version that has come meanwhile. */
  newer: VariableState | undefined;
  other: Answer | undefined;
}

export class VariableAnswers {
  readonly #owner: WorkOwner;
  /** Variables whose change is being answered: nearly always none, or one. */
  #open: Answer | undefined = undefined;

  constructor(owner: WorkOwner) {
    this.#owner = owner;
  }

  take(variable: VariableState): void {
    for (let answer = this.#open; answer !== undefined; answer = answer.other) {
      if (answer.name !== variable.name) continue;
      answer.newer = variable;
      return;
    }
    this.#begin(variable);
  }

  #begin({ name, value, version }: VariableState): void {
    const owner = this.#owner;
    const answer: Answer = {
      name,
      version,
      newer: undefined,
      other: this.#open,
      state: undefined,
      base: undefined,
    };
    owner.state.begin(answer);
    this.#open = answer;
    let answered: unknown;
    let isPromised: boolean;
    try {
      answered = owner.definition.onVariable?.({
        name,
        value,
        version,
        state: answer.state,
        variables: owner.variables,
        resources: owner.resources,
        log: owner.log,
      });
      isPromised = isThenable(answered);
    } catch (thrown) {
      return owner.crash(thrown);
    }
    if (!isPromised) return this.#ended(answer);
    Promise.resolve(answered).then(
      () => this.#ended(answer),
      (thrown: unknown) => owner.crash(thrown),
    );
  }

  #ended(answer: Answer): void {
    const { name, version, newer, other } = answer;
    this.#owner.state.commit(answer);
    if (this.#open?.name === name) this.#open = other;
    else {
      for (let before = this.#open; before?.other !== undefined; before = before.other) {
        if (before.other.name === name) before.other = other;
      }
    }
    this.#owner.tell({ type: 'variable.acknowledged', name, version });
    if (newer && !this.#owner.isGone) this.#begin(newer);
  }
}
