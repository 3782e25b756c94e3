/** Which chart a snapshot is of: objects take new code at their next event, and have to know a chart that is not theirs. */
import { chartIdentities } from '../runtime/engine/chart-identity.ts';

export function agentChartHash(): string {
  return chartIdentities().find(({ name }) => name === 'chart:agent')!.hash;
}
