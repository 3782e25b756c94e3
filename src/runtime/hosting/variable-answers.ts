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
class Answer implements StateUser {
  state: unknown = undefined;
  base: StateUser['base'] = undefined;
  name = '';
  version = 0;
  /** The newest version that has come meanwhile. */
  newer: VariableState | undefined = undefined;
  other: Answer | undefined = undefined;
}

export class VariableAnswers {
  private readonly owner: WorkOwner;
  /** Variables whose change is being answered: nearly always none, or one. */
  private open: Answer | undefined = undefined;
  /** One that is not open, to be used again: one that is young would be noted by the collector each time. */
  private spare: Answer | undefined = undefined;

  constructor(owner: WorkOwner) {
    this.owner = owner;
  }

  take(variable: VariableState): void {
    for (let answer = this.open; answer !== undefined; answer = answer.other) {
      if (answer.name !== variable.name) continue;
      answer.newer = variable;
      return;
    }
    this.begin(variable);
  }

  private begin({ name, value, version }: VariableState): void {
    const { owner } = this;
    const answer = this.spare ?? new Answer();
    this.spare = undefined;
    answer.name = name;
    answer.version = version;
    answer.other = this.open;
    owner.state.begin(answer);
    this.open = answer;
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
    if (isPromised) this.await(answer, answered);
    else this.ended(answer);
  }

  /** Apart, for what is written here costs every answer that comes through it. */
  private await(answer: Answer, work: unknown): void {
    Promise.resolve(work).then(
      () => this.ended(answer),
      (thrown: unknown) => this.owner.crash(thrown),
    );
  }

  private ended(answer: Answer): void {
    const { owner } = this;
    const { name, version, newer, other } = answer;
    owner.state.commit(answer);
    if (this.open === answer) this.open = other;
    else {
      for (let before = this.open; before?.other !== undefined; before = before.other) {
        if (before.other === answer) before.other = other;
      }
    }
    answer.state = undefined;
    answer.base = undefined;
    answer.newer = undefined;
    answer.other = undefined;
    this.spare = answer;
    owner.tell({ type: 'variable.acknowledged', name, version });
    if (newer && !owner.isGone) this.begin(newer);
  }
}
