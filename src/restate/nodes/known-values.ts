/**
 * The values of variables in one life of a node: each is read once, when the first body wants it, and told from then on.
 *
 * I1  A change is told to every node of the fleet before who made it is answered, or the node asks for all values
 *     (node.ts). So what was read in this life is in force as far as anybody knows. What was only told may be from before
 *     it joined: that is read, too.
 * I2  An older version never replaces a newer one, in whatever order they come.
 */
import type { VariableState } from '../../runtime/hosting/host.ts';

type Reading = (names: readonly string[]) => Promise<readonly VariableState[]>;

export class KnownValues {
  readonly #reading: Reading;
  readonly #values = new Map<string, VariableState>();
  /** Of each name that was read, or is being read: what to wait for. */
  readonly #reads = new Map<string, Promise<void> | undefined>();

  /** @param reading those of these that have a value, as they are in force */
  constructor(reading: Reading) {
    this.#reading = reading;
  }

  get(name: string): VariableState | undefined {
    return this.#values.get(name);
  }

  learn(variable: VariableState): void {
    const { name, version } = variable;
    const known = this.#values.get(name);
    if (known === undefined || known.version < version) this.#values.set(name, variable);
  }

  /** Those of these that have a value; a promise where one has to be read first. */
  of(names: readonly string[]): readonly VariableState[] | Promise<readonly VariableState[]> {
    const unread = names.filter((name) => !this.#reads.has(name));
    if (unread.length > 0) this.#read(unread);
    const reads = new Set(names.flatMap((name) => this.#reads.get(name) ?? []));
    return reads.size === 0 ? this.#known(names) : Promise.all(reads).then(() => this.#known(names));
  }

  #known(names: readonly string[]): readonly VariableState[] {
    return names.flatMap((name) => this.#values.get(name) ?? []);
  }

  #read(names: readonly string[]): void {
    const read = this.#reading(names).then(
      (values) => {
        for (const variable of values) this.learn(variable);
        for (const name of names) this.#reads.set(name, undefined);
      },
      (thrown: unknown) => {
        // The next one that asks has it read again.
        for (const name of names) this.#reads.delete(name);
        throw thrown;
      },
    );
    for (const name of names) this.#reads.set(name, read);
  }
}
