/**
 * About how many bytes an event holds in memory, from above: data that many events share is counted for each.
 *
 * Only some events hold what a user gave, and only these are looked at. Large data is estimated by a sample of it, for
 * to look at all of it would cost more than to keep it.
 */
import type { AgentLife } from '../../machines/index.ts';
import type { SystemEvent } from './system-event.ts';

/** An event of a handful of numbers and short strings. */
const PLAIN_BYTES = 256;
/** Where an agent stands, which comes with each event of its life. */
const LIFE_BYTES = 512;
/** A spec, but for what is of any size in it. */
const SPEC_BYTES = 2_048;
/** What each field, or item, takes by itself. */
const SLOT_BYTES = 16;
const OBJECT_BYTES = 64;
/** Fields, or items, of one object that are looked at: one that is large among many that are small is then seen. */
const SAMPLE = 1_024;
/** Values that are looked at in all. */
const LOOKS = 65_536;

export function eventBytes(event: SystemEvent): number {
  switch (event.type) {
    case 'task.started':
    case 'agent.state_saved':
    case 'variable.acknowledged':
    case 'agent.forgotten':
      return PLAIN_BYTES;
    case 'task.completed':
      return PLAIN_BYTES + (event.output === undefined ? 0 : dataBytes(event.output));
    case 'agent.starting':
    case 'agent.started':
    case 'agent.recovered':
    case 'agent.stopping':
    case 'agent.restart_scheduled':
      return PLAIN_BYTES + lifeBytes(event);
    case 'agent.stopped':
    case 'agent.completed':
    case 'agent.crashed':
      return PLAIN_BYTES + lifeBytes(event) + dataBytes(event.reason) + dataBytes(event.abandoned);
    case 'agent.registered':
    case 'agent.updated': {
      const { initArgs, resources } = event.spec;
      return (
        PLAIN_BYTES +
        ('changes' in event ? dataBytes(event.changes) : 0) +
        SPEC_BYTES +
        dataBytes(initArgs) +
        knownBytes(resources) +
        knownBytes(event.manifest)
      );
    }
    case 'task.accepted':
      return PLAIN_BYTES + (event.input === undefined ? 0 : dataBytes(event.input));
    default:
      return PLAIN_BYTES + dataBytes(event);
  }
}

/** The restarts in it are as many as its policy allows; what it says of who has it paused, and why it is parked, is short. */
function lifeBytes({ life }: { readonly life: AgentLife }): number {
  const isHeld = life.paused !== undefined || life.parked !== undefined;
  return LIFE_BYTES + SLOT_BYTES * life.history.recent.length + (isHeld ? LIFE_BYTES : 0);
}

const known = new WeakMap<object, number>();

/** Of frozen data that many events share. */
function knownBytes(value: unknown): number {
  if (typeof value !== 'object' || value === null) return SLOT_BYTES;
  let bytes = known.get(value);
  if (bytes === undefined) {
    bytes = dataBytes(value);
    known.set(value, bytes);
  }
  return bytes;
}

/**
 * The size of any data, however deep; something else, like a function, counts as a field.
 *
 * A chain of objects, each with one other in it, is gone through in the loop: a stack would not hold as many as are
 * looked at. Where there are several, they share the looks, so calls within calls are few.
 */
export function dataBytes(value: unknown, looks = LOOKS): number {
  if (!isObject(value)) return leafBytes(value);
  let around = 0;
  for (let within = value, left = looks; ; ) {
    const keys = Array.isArray(within) ? undefined : Object.keys(within);
    const fields = within as Readonly<Record<string | number, unknown>>;
    const count = keys === undefined ? (within as readonly unknown[]).length : keys.length;
    const sample = Math.min(count, SAMPLE, left);
    if (sample === 0) return around + OBJECT_BYTES + SLOT_BYTES * count;
    left -= sample;
    // A list of several is made where there are: one that grows takes room for sixteen.
    let only: object | undefined;
    let objects: object[] | undefined;
    let bytes = SLOT_BYTES * sample;
    for (let at = 0; at < sample; at++) {
      const place = Math.floor((at * count) / sample);
      const key = keys?.[place];
      const field = fields[key ?? place];
      if (key !== undefined) bytes += 2 * key.length;
      if (!isObject(field)) bytes += leafBytes(field);
      else if (only === undefined) only = field;
      else (objects ??= [only]).push(field);
    }
    if (only !== undefined && objects === undefined && sample === count) {
      around += OBJECT_BYTES + bytes;
      within = only;
      continue;
    }
    if (only !== undefined) {
      objects ??= [only];
      for (const object of objects) bytes += dataBytes(object, Math.floor(left / objects.length));
    }
    return around + OBJECT_BYTES + Math.ceil((bytes * count) / sample);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
}

function leafBytes(value: unknown): number {
  if (typeof value === 'string') return SLOT_BYTES + 2 * value.length;
  return ArrayBuffer.isView(value) ? OBJECT_BYTES + value.byteLength : SLOT_BYTES;
}
