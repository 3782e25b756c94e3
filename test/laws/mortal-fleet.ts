/** What a mortal fleet and those who judge it have in common. */

/** Calls that its budget allows in all. */
export const LIMIT = 200;
/** Tokens that a call sets aside, and that it uses. */
export const ASKED = 10;
export const USED = 4;

/** What the last program says. */
export interface Finished {
  /** Outputs of all tasks, by id; of one that has none, the code of its error. */
  readonly outputs: readonly (readonly [id: string, output: unknown])[];
  readonly agents: readonly (readonly [id: string, status: string])[];
  readonly registered: readonly string[];
  readonly spent: { readonly calls?: number; readonly tokens?: number };
  /** Questions that are still open. */
  readonly open: number;
}
