/**
 * Programs that live one after the other on what one disk keeps.
 *
 * A program dies without a word: from then on its store hears nothing, and its clock stands still.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  type AgentSystemOptions,
  type AnyAgentDefinition,
  memoryStore,
  type Store,
} from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { settled, type SimulatedClock, simulatedClock } from '../../src/testing/index.ts';
import { type MortalStore, mortalStore } from '../kit/mortal-store.ts';
import { type Rig, rig } from '../kit/rig.ts';

export interface Program extends Rig {
  readonly clock: SimulatedClock;
}

export interface Disk {
  /** Starts a program on what is kept; the one before it dies. `afterMs`: how long nothing ran. */
  boot(options?: Omit<AgentSystemOptions, 'clock' | 'store'>, afterMs?: number): Promise<Program>;
}

export const disks = ['memoryStore', 'sqliteStore'] as const;

export async function diskOf(kind: (typeof disks)[number]): Promise<Disk> {
  const open = kind === 'memoryStore' ? inMemory() : await onFile();
  let previous: { readonly store: MortalStore; readonly clock: SimulatedClock } | undefined;
  return {
    async boot(options = {}, afterMs = 0) {
      await settled();
      await previous?.store.die().close();
      const clock = simulatedClock(previous ? { startAt: previous.clock.now() + afterMs } : {});
      const store = mortalStore(await open());
      previous = { store, clock };
      return rig({ store, clock, ...options });
    },
  };
}

/** An agent `ada` of this module, running in a first program, and how to boot the next ones. */
export async function livesOf<Subject extends { readonly module: AnyAgentDefinition }>(
  kind: (typeof disks)[number],
  subject: Subject,
) {
  const disk = await diskOf(kind);
  const boot = (afterMs = 0) => disk.boot({ agents: [subject.module] }, afterMs);
  const first = await boot();
  await first.agents.register({ id: 'ada', module: subject.module });
  await first.agents.start('ada');
  return { ...subject, boot, first };
}

type Open = () => Store | Promise<Store>;

function inMemory(): Open {
  const kept = memoryStore();
  return () => kept;
}

async function onFile(): Promise<Open> {
  const directory = await mkdtemp(join(tmpdir(), 'mabeam-recovery-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return () => sqliteStore(join(directory, 'fleet.db'));
}
