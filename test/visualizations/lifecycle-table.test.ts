import { describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { chartGraphOf, triggerName } from '../../visualizations/chart-graph.ts';
import { lifecycleTables } from '../../visualizations/lifecycle-table.ts';
import { withGenerated } from '../../visualizations/outputs.ts';
import { eventsOf, responsesOf } from '../../visualizations/state-event.ts';
import { smallMachine } from './small-machine.ts';

const graph = chartGraphOf(smallMachine as AnyStateMachine);

function responses(path: string, event: string): string[] {
  const state = graph.states.find((candidate) => candidate.path === path);
  if (!state) throw new Error(`no state ${path}`);
  return responsesOf(graph, state, event).map(
    ({ source, trigger, targets }) => `${source} ${triggerName(trigger)} ${targets.join()}`,
  );
}

describe('what a state does with an event', () => {
  it('is asked of the states around it, once no alternative of its own is certain', () => {
    expect(responses('working.trying', 'back')).toEqual(['working.trying back over', 'working back resting']);
  });

  it('ends with the inner state when that handles the event for certain, even without effect', () => {
    expect(responses('working.trying', 'poke')).toEqual(['working.trying poke ']);
  });

  it('is nothing when no state around it handles the event', () => {
    expect(responses('resting', 'back')).toEqual([]);
    expect(responses('resting', 'done.job')).toEqual([]);
  });

  it('finds wildcards', () => {
    expect(responses('resting', 'give.up')).toEqual([' give.* over']);
  });
});

describe('the tables of a chart', () => {
  it('have a column for every event it knows, deadlines and ends of actors included', () => {
    const names = eventsOf(graph, () => true).map(({ name, kind }) => `${name}: ${kind}`);
    expect(names).toEqual([
      'log: command',
      'go: command',
      'poke: command',
      'back: command',
      'split: command',
      'done working: always',
      'done.job: report',
      'error.job: report',
      'after 500 ms: deadline',
      'after patience: deadline',
    ]);
  });

  it('say where each state goes, with guards in order', () => {
    const text = lifecycleTables(graph, () => true);
    expect(text).toContain('| **trying** | over if `isLast`<br>resting else | over |');
    expect(text).toContain('| `poke` |  | *no effect* |  |');
    expect(text).toContain('| `back` | if `isFirst` | over | `tell(bye)` |');
  });

  it('go between the markers and leave the words around them alone', () => {
    const page = 'words\n<!-- generated:begin -->\nold\n<!-- generated:end -->\nmore\n';
    expect(withGenerated(page, 'new')).toBe(
      'words\n<!-- generated:begin -->\n\nnew\n\n<!-- generated:end -->\nmore\n',
    );
    expect(() => withGenerated('words', 'new')).toThrow('expected <!-- generated:begin -->');
  });
});
