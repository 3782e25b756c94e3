/**
 * Events in order, in segments of equal room: adding one at the end, and dropping the oldest, cost the same however
 * many there are.
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

  get last(): SystemEvent {
    return this.events[this.events.length - 1]!;
  }
}

export class EventSegments {
  #segments: Segment[] = [];
  /** How many of the segments, from the first, were dropped. */
  #dropped = 0;
  #size = 0;
  #bytes = 0;

  get size(): number {
    return this.#size;
  }

  /** What all of them hold. */
  get bytes(): number {
    return this.#bytes;
  }

  push(event: SystemEvent, bytes: number): void {
    let segment = this.#segments[this.#segments.length - 1];
    if (segment === undefined || segment.events.length === SEGMENT_ROOM) {
      segment = new Segment();
      this.#segments.push(segment);
    }
    segment.bytes[segment.events.length] = bytes;
    segment.events.push(event);
    this.#size += 1;
    this.#bytes += bytes;
  }

  /** Drops the oldest event; what it held. */
  shift(): number {
    const segment = this.#segments[this.#dropped]!;
    const place = segment.first;
    const bytes = segment.bytes[place]!;
    this.#bytes -= bytes;
    this.#size -= 1;
    segment.first += 1;
    if (segment.first === segment.events.length) this.#dropFirst();
    else segment.events[place] = undefined as never;
    return bytes;
  }

  /** Drops the oldest events as long as whole segments of them are beyond `size`. */
  shrinkTo(size: number): void {
    for (let segment = this.#segments[this.#dropped]; segment; segment = this.#segments[this.#dropped]) {
      const { first, events, bytes } = segment;
      if (this.#size - (events.length - first) < size) return;
      for (let place = first; place < events.length; place++) this.#bytes -= bytes[place]!;
      this.#size -= events.length - first;
      this.#dropFirst();
    }
  }

  /** Drops what does not pass. */
  filter(passes: (event: SystemEvent, bytes: number) => boolean): void {
    const segments = this.#segments.slice(this.#dropped);
    this.#segments = [];
    this.#dropped = 0;
    this.#size = 0;
    this.#bytes = 0;
    for (const { events, bytes, first } of segments) {
      for (let place = first; place < events.length; place++) {
        if (passes(events[place]!, bytes[place]!)) this.push(events[place]!, bytes[place]!);
      }
    }
  }

  /** Events beyond a sequence, but for the first `skipped` of all, in order. */
  *after(sequence: number, skipped = 0): Generator<SystemEvent, void, undefined> {
    let left = skipped;
    for (let at = this.#dropped; at < this.#segments.length; at++) {
      const { events, first, last } = this.#segments[at]!;
      const start = first + left;
      left = Math.max(0, start - events.length);
      if (last.sequence <= sequence) continue;
      for (let place = start; place < events.length; place++) {
        if (events[place]!.sequence > sequence) yield events[place]!;
      }
    }
  }

  /** Visits events beyond a sequence, in order. */
  forEach(sequence: number, visit: (event: SystemEvent) => void): void {
    for (let at = this.#dropped; at < this.#segments.length; at++) {
      const { events, first, last } = this.#segments[at]!;
      if (last.sequence <= sequence) continue;
      for (let place = first; place < events.length; place++) {
        if (events[place]!.sequence > sequence) visit(events[place]!);
      }
    }
  }

  #dropFirst(): void {
    this.#segments[this.#dropped] = undefined as never;
    this.#dropped += 1;
    if (this.#dropped > this.#segments.length / 2) {
      this.#segments = this.#segments.slice(this.#dropped);
      this.#dropped = 0;
    }
  }
}
