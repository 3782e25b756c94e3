/**
 * About how many bytes an event holds in memory, from above: data that many events share is counted for each.
 *
 * Only some events hold what a user gave, and only these are looked at. Large data is estimated by a sample of it, for
 * to look at all of it would cost more than to keep it.
 */
import type { SystemEvent } from './system-event.ts';

/** An event of a handful of numbers and short strings. */
const PLAIN_BYTES = 256;
/** Where an agent stands, which comes with each event of its life. */
const LIFE_BYTES = 512;
/** What each field, or item, takes by itself. */
const SLOT_BYTES = 16;
const OBJECT_BYTES = 64;
/** Fields, or items, of one object that are looked at. */
const SAMPLE = 64;
/** Values that are looked at in all. */
const LOOKS = 4_096;

export function eventBytes(event: SystemEvent): number {
  switch (event.type) {
    case 'task.started':
    case 'task.completed':
    case 'agent.state_saved':
    case 'variable.acknowledged':
      return PLAIN_BYTES;
    case 'agent.starting':
    case 'agent.started':
    case 'agent.recovered':
    case 'agent.stopping':
      return PLAIN_BYTES + LIFE_BYTES;
    case 'task.accepted':
      return PLAIN_BYTES + (event.input === undefined ? 0 : dataBytes(event.input, LOOKS));
    default:
      return PLAIN_BYTES + dataBytes(event, LOOKS);
  }
}

/** Any data; what is no data, a function say, counts as a field. */
function dataBytes(value: unknown, looks: number): number {
  if (typeof value === 'string') return SLOT_BYTES + 2 * value.length;
  if (typeof value !== 'object' || value === null) return SLOT_BYTES;
  if (ArrayBuffer.isView(value)) return OBJECT_BYTES + value.byteLength;
  const isArray = Array.isArray(value);
  const keys = isArray ? undefined : Object.keys(value);
  const count = isArray ? value.length : keys!.length;
  const sample = Math.min(count, SAMPLE, looks);
  if (sample === 0) return OBJECT_BYTES + SLOT_BYTES * count;
  const each = Math.floor(looks / sample) - 1;
  let bytes = 0;
  for (let at = 0; at < sample; at++) {
    const place = Math.floor((at * count) / sample);
    const key = keys?.[place];
    if (key !== undefined) bytes += 2 * key.length;
    bytes += SLOT_BYTES + dataBytes((value as Record<string | number, unknown>)[key ?? place], each);
  }
  return OBJECT_BYTES + Math.ceil((bytes * count) / sample);
}
