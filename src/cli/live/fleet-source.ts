/** Where a live table gets its data: from this program's own system or from a remote one, through one interface. */
import type { AgentCommand } from '../../machines/index.ts';
import type { AgentRow, Needs, Sample, StreamMessages } from '../../dashboard/protocol.ts';

/** The acts on an agent that a table offers. */
export type TableAct = 'start' | 'stop' | 'restart' | 'kill';

/** A fleet as it is known now. */
export interface FleetPicture {
  readonly agents: ReadonlyMap<string, AgentRow>;
  readonly report: StreamMessages['fleet'] | undefined;
  readonly needs: Needs | undefined;
  /** One a second, oldest first; the newest minutes. */
  readonly samples: readonly Sample[];
  /** Grows with every change of the above. */
  readonly version: number;
  /** Why it may be out of date. */
  readonly trouble: string | undefined;
}

export interface FleetSource extends AsyncDisposable {
  /** What is watched, in a few words; safe for a terminal. */
  readonly title: string;
  picture(): FleetPicture;
  /** Resolves when there is something to show; rejects if there never will be. */
  readonly ready: Promise<void>;
  /** Rejects when it is over for good. */
  readonly lost: Promise<never>;
  /** Whether anything may be changed from here. */
  readonly canControl: boolean;
  /** What may be asked of an agent now. */
  legal(agentId: string): Promise<readonly AgentCommand[]>;
  /** @throws Error with why it was refused */
  act(agentId: string, act: TableAct): Promise<void>;
}

/** Samples that a table has use for. */
export const KEPT_SAMPLES = 300;

/** Acts on an agent. `restart` stops a running agent first. */
export async function performAct(source: FleetSource, agentId: string, act: TableAct): Promise<void> {
  if (act === 'restart') {
    const legal = await source.legal(agentId);
    if (!legal.includes('restart') && legal.includes('stop')) await source.act(agentId, 'stop');
  }
  await source.act(agentId, act);
}
