/**
 * The reports that a scripted body makes by the moves of the flat model: one copy for every world that plays them.
 */
import type { ScriptedBody } from '../../../src/testing/index.ts';
import { CHECK_DETAIL, CHECK_ERROR, type Move, RESET_MS, TASK_ERROR, WHY_PARKED } from './life-state.ts';

/** What a report needs of the world that it is made in. */
export interface ReportingWorld {
  /** Takes the task that has run longest out of those that run, and gives its id. */
  readonly nextTask: () => string;
  readonly nameOf: (taskId: string) => string;
  readonly nextState: () => { readonly json: string; readonly stateVersion: number };
  readonly checkId: number;
  /** Epoch ms. */
  readonly now: number;
}

export function reportMove(body: ScriptedBody, move: Move, world: ReportingWorld): void {
  switch (move) {
    case 'ready':
      return body.ready();
    case 'finished':
      return body.report({ type: 'finished' });
    case 'task completed': {
      const taskId = world.nextTask();
      const output = `done ${world.nameOf(taskId)}`;
      return body.report({ type: 'task.completed', taskId, output, state: world.nextState() });
    }
    case 'task failed':
      return body.report({
        type: 'task.failed',
        taskId: world.nextTask(),
        code: 'TASK_FAILED',
        error: TASK_ERROR,
      });
    case 'task parked':
    case 'task parked, who knows how long': {
      const known = move === 'task parked' ? { until: world.now + RESET_MS } : {};
      return body.report({
        type: 'task.parked',
        taskId: world.nextTask(),
        why: WHY_PARKED,
        ...known,
      });
    }
    case 'unknown task completed':
      return body.report({ type: 'task.completed', taskId: 'unknown', output: 0 });
    case 'health answered':
      return body.report({ type: 'health.answered', checkId: world.checkId, detail: CHECK_DETAIL });
    case 'health failed':
      return body.report({ type: 'health.failed', checkId: world.checkId, error: CHECK_ERROR });
    case 'old health answered':
      return body.report({ type: 'health.answered', checkId: 0 });
    case 'old health failed':
      return body.report({ type: 'health.failed', checkId: 0, error: CHECK_ERROR });
    case 'saved':
      return body.report({ type: 'state.saved', state: world.nextState() });
    case 'save failed':
      return body.report({ type: 'state.save_failed', error: { name: 'Error', message: 'no space' } });
    default:
      throw new Error(`no such move: ${move}`);
  }
}
