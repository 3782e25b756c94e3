/** One agent's life for the scrubber: loaded when its view opens, and again after new events. */
import { batch, effect, signal } from '@preact/signals';
import type { LifeReport } from '../../src/dashboard/protocol.ts';
import { ask, part } from '../connection/api.ts';
import { agentEvents } from './fleet.ts';

/** A busy agent makes many steps, which are loaded together; ms. */
const AGAIN_MS = 1_000;
/** Steps that can be gone back through without asking for more. */
const WINDOW = 1_000;

export const life = signal<LifeReport | undefined>(undefined);
/** The step that is shown; `undefined`: the present. */
export const place = signal<number | undefined>(undefined);

/** Keeps the life of an agent up to date. Returns how to stop. */
export function followLife(id: string): () => void {
  let timer = 0;
  let isStopped = false;
  let newest = -1;
  let isDue = false;
  // One request at a time, also if the store is slow.
  let isLoading = false;
  const loadSoon = () => {
    isDue = true;
    if (!isLoading) timer ||= window.setTimeout(() => void load(), life.peek() === undefined ? 0 : AGAIN_MS);
  };
  const load = async () => {
    timer = 0;
    isDue = false;
    isLoading = true;
    try {
      const report = await ask<LifeReport>(`agents/${part(id)}/life?limit=${WINDOW}`);
      if (isStopped) return;
      batch(() => {
        keepPlace(report);
        life.value = report;
      });
    } catch {
      // The banner says that the server is gone; the steps stay.
    }
    isLoading = false;
    if (isDue && !isStopped) loadSoon();
  };
  const stop = effect(() => {
    const last = agentEvents.value.at(-1)?.sequence ?? 0;
    if (last === newest) return;
    newest = last;
    loadSoon();
  });
  return () => {
    isStopped = true;
    stop();
    clearTimeout(timer);
    batch(() => {
      life.value = undefined;
      place.value = undefined;
    });
  };
}

/** The step that was looked at is the same one, though others have come. */
function keepPlace(report: LifeReport): void {
  const looked = place.peek();
  const before = life.peek();
  if (looked === undefined || before === undefined) return;
  const sequence = before.steps[looked]?.sequence;
  const found = report.steps.findIndex((step) => step.sequence === sequence);
  place.value = found === -1 ? 0 : found;
}
