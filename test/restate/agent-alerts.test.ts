/** Laws of the alerts of one agent of a fleet. */
import { expect, it } from 'vitest';
import { AgentAlerts } from '../../src/restate/agent/agent-alerts.ts';

function rig() {
  const told: unknown[] = [];
  const state = { id: 'ada', alerts: [] as unknown[] };
  const alerts = new AgentAlerts({ state: state as never, now: 7, emit: (event) => told.push(event) });
  return { alerts, state, told: () => told.splice(0) };
}
const raised = (alert: string, message: string) => ({ type: 'alert.raised', alert, message, agentId: 'ada' });
const cleared = (alert: string) => ({ type: 'alert.cleared', alert, agentId: 'ada' });

it('each is raised once, with when and why, until it is cleared', () => {
  const { alerts, state, told } = rig();
  expect(alerts.raise('body_not_ending', 'too often')).toBe(true);
  expect(alerts.raise('body_not_ending', 'again')).toBe(false);
  expect(state.alerts).toEqual([
    { alert: 'body_not_ending', message: 'too often', agentId: 'ada', raisedAt: 7 },
  ]);
  expect(told()).toEqual([raised('body_not_ending', 'too often')]);
  alerts.clear('body_not_ending');
  expect(alerts.raise('body_not_ending', 'once more')).toBe(true);
  expect(told()).toEqual([cleared('body_not_ending'), raised('body_not_ending', 'once more')]);
});

it('one that is in the stream already is kept, and not told', () => {
  const { alerts, state, told } = rig();
  expect(alerts.raise('definition_missing', 'silent', true)).toBe(true);
  expect(state.alerts).toHaveLength(1);
  expect(told()).toEqual([]);
});

it('clearing one leaves the others, and one that is not raised is not told', () => {
  const { alerts, state, told } = rig();
  alerts.raise('body_not_ending', 'a');
  alerts.raise('definition_missing', 'b');
  told();
  alerts.clear('secrets_missing');
  expect(told()).toEqual([]);
  alerts.clear('body_not_ending');
  expect(state.alerts).toMatchObject([{ alert: 'definition_missing' }]);
  expect(told()).toEqual([cleared('body_not_ending')]);
});

it('all are cleared, each with its event', () => {
  const { alerts, state, told } = rig();
  for (const alert of ['body_not_ending', 'definition_missing', 'secrets_missing'] as const)
    alerts.raise(alert, alert);
  told();
  alerts.clearAll();
  expect(state.alerts).toEqual([]);
  expect(told()).toEqual(['body_not_ending', 'definition_missing', 'secrets_missing'].map(cleared));
});
