/**
 * Reports of a body without its secrets.
 *
 * I1  Outputs of tasks are not changed.
 */
import type { BodyReport } from '../hosting/host.ts';
import type { AgentSecrets } from './agent-secrets.ts';

export function withoutSecrets(report: BodyReport, secrets: AgentSecrets): BodyReport {
  switch (report.type) {
    case 'task.failed': {
      const { cause: _, ...rest } = report;
      const shown = secrets.hide(rest);
      return shown === rest ? report : shown;
    }
    case 'task.parked':
    case 'health.answered':
    case 'health.failed':
    case 'state.save_failed':
    case 'vote.cast':
    case 'log':
      return secrets.hide(report);
    default:
      return report;
  }
}
