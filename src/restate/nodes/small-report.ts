/** What is told in place of a report that is larger than the engine takes at once: that it was, and of what. Pure. */
import type { ErrorInfo } from '../../machines/index.ts';
import type { NodeReport } from '../agent/agent-acts.ts';

/** Where nothing stands for it, the agent counts it as dropped. */
export function smallReportOf(report: NodeReport): NodeReport {
  switch (report.type) {
    case 'task.completed':
      return failed(report.taskId, tooLarge('the output of the task and the state that it left'));
    case 'task.parked':
      return failed(report.taskId, tooLarge('the input of the task, which waits,'));
    case 'task.failed':
      return failed(report.taskId, tooLarge('the error of the task'));
    case 'state.saved':
      return { type: 'state.save_failed', error: tooLarge('the state') };
    case 'request.made':
      return { type: 'request.withdrawn', requestId: report.requestId, taskId: report.taskId };
    case 'exited':
      return { type: 'exited', reason: report.reason };
    default:
      return { type: 'dropped' };
  }
}

/** What is too large, for people. */
export function tooLarge(what: string): ErrorInfo {
  return { name: 'RangeError', message: `${what} takes more bytes than the engine takes at once` };
}

function failed(taskId: string, error: ErrorInfo): NodeReport {
  return { type: 'task.failed', taskId, code: 'TASK_FAILED', error };
}
