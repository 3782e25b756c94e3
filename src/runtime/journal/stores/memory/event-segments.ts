/**
 * Events in order, in segments of equal room: adding one at the end, and dropping the oldest, cost the same however
 * many there are.
 *
 * A segment whose events were dropped is filled again. One that was left to the collector would, once it is old, keep
 * its events, and those of every segment that its list holds, through all collections of young memory.
 */
import type { SystemEvent } from '../../system-event.ts';

export const SEGMENT_ROOM = 512;

/** Some events that follow each other. */
class Segment {
  readonly events: SystemEvent[] = [];
  /** What each holds. */
  readonly bytes = new Float64Array(SEGMENT_ROOM);
  /** Those before this place were dropped. */
  first = 0;
  /** Places in use, the dropped ones included. */
  count = 0;

  get last(): SystemEvent {
    return this.events[this.count - 1]!;
  }

  add(event: SystemEvent, bytes: number): void {
    this.events[this.count] = event;
    this.bytes[this.count] = bytes;
    this.count += 1;
  }

  clear(): void {
    this.events.fill(undefined as never);
    this.first = 0;
    this.count = 0;
  }
}

export class EventSegments {
  private segments: Segment[] = [];
  /** How many of the segments, from the first, were dropped. */
  private dropped = 0;
  /** The one that was dropped last: it is the next one that is needed. */
  private spare: Segment | undefined = undefined;
  private heldEvents = 0;
  private heldBytes = 0;

  get size(): number {
    return this.heldEvents;
  }

  /** What all of them hold. */
  get bytes(): number {
    return this.heldBytes;
  }

  push(event: SystemEvent, bytes: number): void {
    let segment = this.segments[this.segments.length - 1];
    if (segment === undefined || segment.count === SEGMENT_ROOM) {
      segment = this.spare ?? new Segment();
      this.spare = undefined;
      this.segments.push(segment);
    }
    segment.add(event, bytes);
    this.heldEvents += 1;
    this.heldBytes += bytes;
  }

  /** Drops the oldest event; what it held. */
  shift(): number {
    const segment = this.segments[this.dropped]!;
    const place = segment.first;
    const bytes = segment.bytes[place]!;
    this.heldBytes -= bytes;
    this.heldEvents -= 1;
    segment.first += 1;
    if (segment.first === segment.count) this.dropFirst();
    else segment.events[place] = undefined as never;
    return bytes;
  }

  /** Drops the oldest events as long as whole segments of them are beyond `size`. */
  shrinkTo(size: number): void {
    for (let segment = this.segments[this.dropped]; segment; segment = this.segments[this.dropped]) {
      const { first, count, bytes } = segment;
      if (this.heldEvents - (count - first) < size) return;
      for (let place = first; place < count; place++) this.heldBytes -= bytes[place]!;
      this.heldEvents -= count - first;
      this.dropFirst();
    }
  }

  /** Drops what does not pass. */
  filter(passes: (event: SystemEvent, bytes: number) => boolean): void {
    const segments = this.segments.slice(this.dropped);
    this.segments = [];
    this.dropped = 0;
    this.heldEvents = 0;
    this.heldBytes = 0;
    for (const { events, bytes, first, count } of segments) {
      for (let place = first; place < count; place++) {
        if (passes(events[place]!, bytes[place]!)) this.push(events[place]!, bytes[place]!);
      }
    }
  }

  /** Events beyond a sequence, but for the first `skipped` of all, in order. */
  *after(sequence: number, skipped = 0): Generator<SystemEvent, void, undefined> {
    let left = skipped;
    for (let at = this.dropped; at < this.segments.length; at++) {
      const { events, first, count, last } = this.segments[at]!;
      const start = first + left;
      left = Math.max(0, start - count);
      if (last.sequence <= sequence) continue;
      for (let place = start; place < count; place++) {
        if (events[place]!.sequence > sequence) yield events[place]!;
      }
    }
  }

  /** Visits events beyond a sequence, in order. */
  forEach(sequence: number, visit: (event: SystemEvent) => void): void {
    for (let at = this.dropped; at < this.segments.length; at++) {
      const { events, first, count, last } = this.segments[at]!;
      if (last.sequence <= sequence) continue;
      for (let place = placeBeyond(sequence, events, first, count); place < count; place++) {
        visit(events[place]!);
      }
    }
  }

  private dropFirst(): void {
    const dropped = this.segments[this.dropped]!;
    dropped.clear();
    this.spare = dropped;
    this.segments[this.dropped] = undefined as never;
    this.dropped += 1;
    if (this.dropped <= this.segments.length / 2) return;
    this.segments.splice(0, this.dropped);
    this.dropped = 0;
  }
}

/** The first place, from `first` on, whose event is beyond a sequence; sequences grow. */
function placeBeyond(sequence: number, events: readonly SystemEvent[], first: number, count: number): number {
  let place = first;
  for (let end = count; place < end; ) {
    const middle = (place + end) >> 1;
    if (events[middle]!.sequence > sequence) end = middle;
    else place = middle + 1;
  }
  return place;
}
