import { describe, expect, it } from 'vitest';
import { type Findings, reportOf } from '../../examples/cluster/report.ts';
import type { SystemEvent } from '../../src/index.ts';

const FROZEN_AT = 10_000;

function crashed(agentId: string, at: number): SystemEvent {
  return { type: 'agent.crashed', agentId, at, reason: 'host_lost' } as SystemEvent;
}

function started(agentId: string, at: number): SystemEvent {
  return { type: 'agent.started', agentId, at } as SystemEvent;
}

/** What the report says of node n1, frozen ten seconds after the start. */
function lineOf({
  on = {},
  next = {},
  events = [],
}: {
  on?: Record<string, string>;
  next?: Record<string, string>;
  events?: SystemEvent[];
}): string {
  const ids = Object.keys(on);
  const findings: Findings = {
    searched: {
      ids,
      told: new Map(),
      known: new Map(),
      cutShort: 0,
      decision: { outcome: 'accepted', accuracy: 0.8, electorate: ids.length },
    },
    accidents: [{ node: 'n1', what: 'frozen', at: FROZEN_AT }],
    startedAt: 0,
    stations: new Map(
      ids.map((id) => [
        id,
        [{ node: on[id]!, at: 1 }, ...(id in next ? [{ node: next[id]!, at: FROZEN_AT + 1_500 }] : [])],
      ]),
    ),
    events,
    tookMs: 20_000,
  };
  return reportOf(findings).lines.find((line) => line.startsWith('n1'))!;
}

describe('the report of an accident', () => {
  it('says that a node had no agent only where it had none', () => {
    expect(lineOf({ on: { ada: 'n2' } })).toBe('n1 was frozen, 10.0 s after the start; it had no agent');
    expect(lineOf({ on: { ada: 'n1', alan: 'n1' } })).toBe(
      'n1 was frozen, 10.0 s after the start; nobody took it for lost, and its 2 agents went on',
    );
    expect(lineOf({ on: { ada: 'n1', alan: 'n2' } })).toMatch(/lost, and its agent went on$/);
  });

  it('says that all ran again only if each of them did', () => {
    const on = { ada: 'n1', alan: 'n1' };
    const noticed = [crashed('ada', FROZEN_AT + 900), crashed('alan', FROZEN_AT + 1_000)];
    const events = [...noticed, started('ada', FROZEN_AT + 2_000)];
    expect(lineOf({ on, events: noticed })).toMatch(
      /: 2 agents lost a body, noticed after 0.9 s, none ran again$/,
    );
    expect(lineOf({ on, events })).toMatch(/0.9 s, 1 of 2 ran again 2.0 s after it at the latest$/);
    expect(
      lineOf({ on, next: { alan: 'n2' }, events: [...events, crashed('alan', FROZEN_AT + 5_000)] }),
    ).toMatch(/1 of 2 ran again 2.0 s after it at the latest; lost again before that: 1$/);
    expect(lineOf({ on, events: [...events, started('alan', FROZEN_AT + 2_500)] })).toMatch(
      /0.9 s, all ran again 2.5 s after it at the latest$/,
    );
  });
});
