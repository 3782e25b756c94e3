/** Laws of what is kept of the modules of agents for later programs. */
import { describe, expect, it } from 'vitest';
import { LastManifests } from '../../src/runtime/agent/last-manifests.ts';

const module = new URL('file:///agents/worker.ts');
const manifest = (hash: string, type = 'worker') => ({ type, hash }) as never;
const registered = (sequence: number, own: unknown, agentType = 'worker') =>
  ({ agentType, sequence, manifest: own }) as never;

function rig(facts = new Map<string, string>()) {
  const journal = {
    lastSequence: 10,
    writes: 0,
    keepFact: (name: string, fact: string) => {
      journal.writes += 1;
      facts.set(name, fact);
    },
  };
  return { manifests: new LastManifests({ facts }, journal as never), journal, facts };
}

describe('what was loaded last', () => {
  it('is what agents of that module had, up to then; later registrations have their own', () => {
    const { manifests } = rig();
    manifests.keep(module, manifest('new'));
    const own = manifest('old');
    expect(manifests.of(registered(9, own), module)).toEqual(manifest('new'));
    expect(manifests.of(registered(10, own), module)).toEqual(manifest('new'));
    expect(manifests.of(registered(11, own), module)).toBe(own);
    expect(manifests.of(registered(9, own, 'other'), module)).toBe(own);
    expect(manifests.of(registered(9, own), new URL('file:///agents/other.ts'))).toBe(own);
  });

  it('is kept once, however often the same module is loaded, in a later program too', () => {
    const { manifests, journal, facts } = rig();
    for (let load = 0; load < 3; load++) manifests.keep(module, manifest('new'));
    expect(journal.writes).toBe(1);
    const later = rig(facts);
    later.journal.lastSequence = 20;
    later.manifests.keep(module, manifest('new'));
    expect(later.journal.writes).toBe(0);
    expect(later.manifests.of(registered(11, manifest('old')), module)).toEqual(manifest('old'));
    later.manifests.keep(module, manifest('newer'));
    expect(later.journal.writes).toBe(1);
    expect(later.manifests.of(registered(20, manifest('old')), module)).toEqual(manifest('newer'));
  });

  it('is kept anew from another URL, and of each type apart', () => {
    const { manifests, journal } = rig();
    const moved = new URL('file:///release/worker.ts');
    manifests.keep(module, manifest('new'));
    manifests.keep(moved, manifest('new'));
    manifests.keep(module, manifest('new', 'other'));
    expect(journal.writes).toBe(3);
    const own = manifest('old');
    expect(manifests.of(registered(1, own), module)).toBe(own);
    expect(manifests.of(registered(1, own), moved)).toEqual(manifest('new'));
    expect(manifests.of(registered(1, own, 'other'), module)).toEqual(manifest('new', 'other'));
  });
});
