/** The versions of a variable as a store keeps them: as many of the newest as fit. */
import { frozenData } from '../../values/data-copy.ts';
import type { VariableVersion } from './topic.ts';

/** Versions kept of each variable. */
export const HISTORY_LIMIT = 100;
/** Of these, as many of the newest as fit in so many characters outlive the program; the newest in any case. */
const STORED_HISTORY_LIMIT = 65_536;

export function storedHistory(history: readonly VariableVersion[]): string {
  const kept: string[] = [];
  let length = 0;
  for (let i = history.length - 1; i >= 0 && kept.length < HISTORY_LIMIT; i--) {
    const json = JSON.stringify(history[i]);
    length += json.length;
    if (length > STORED_HISTORY_LIMIT && kept.length > 0) break;
    kept.push(json);
  }
  return `[${kept.toReversed().join(',')}]`;
}

/** The history as it was kept; where that does not end with the last version there was, this alone. */
export function historyFrom(json: string | undefined, last: VariableVersion): VariableVersion[] {
  const history = json === undefined ? [] : (JSON.parse(json) as VariableVersion[]).map(frozenData);
  return history.at(-1)?.version === last.version ? history : [last];
}
