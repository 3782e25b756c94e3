/** The words of the public API for where an agent or a task stands. Loads no chart, so that a command line begins quickly. */

export const agentStatuses = [
  'registered',
  'starting',
  'running',
  'unresponsive',
  'stopping',
  'crashed',
  'stopped',
  'completed',
] as const;
export type AgentStatus = (typeof agentStatuses)[number];

export const taskStatuses = [
  'waiting',
  'running',
  'parked',
  'waiting_for_input',
  'done',
  'failed',
  'timed_out',
  'abandoned',
  'unknown',
  'cancelled',
] as const;
export type TaskStatus = (typeof taskStatuses)[number];
