/** What people and programs ask for: who did, as the event of their act says. */
import { z } from 'zod';

/** Options of an act. */
export interface ActOptions {
  /** The person or program that asks for it, as its event says: 1 to 256 characters. */
  readonly by?: string | undefined;
}

const expected = { error: 'expected who asks for it, 1 to 256 characters' };
export const actor = z.string(expected).min(1, expected).max(256, expected);
/** Options of an act that has no others. */
export const actSchema = z.strictObject({ by: actor.optional() });

/** Who has asked for it, as events say; no field if nobody is named. */
export interface SaidBy {
  readonly by?: string;
}

/** The field `by` of an event; no field if it was not given. */
export function saidBy(by: string | undefined): SaidBy {
  return by === undefined ? NOBODY : { by };
}

const NOBODY: SaidBy = Object.freeze({});
