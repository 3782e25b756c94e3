/** Draws the timeline: above, how much happened when; below, one lane for each agent. Knows nothing but what it is given. */
import type { Mark } from '../../src/dashboard/protocol.ts';
import { alertSpans, bucketsOf, type Lane, type Span, spansBetween, ticksOf } from '../model/timeline.ts';
import { time } from '../words.ts';
import { colour } from './theme.ts';

export const LANE = 18;
export const HEAD = 148;
/** Of the names: px, and the share of a wide page. */
const NAMES = { narrow: 98, least: 156, most: 300, share: 0.16 };
const MARGIN = 12;
const HISTOGRAM = { top: 22, bottom: 92 };
const FLEET = { rounds: 102, marks: 118, away: 132 };

export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly span: Span;
  readonly now: number;
  readonly lanes: readonly Lane[];
  readonly marks: readonly Mark[];
  /** How far down the lanes are scrolled, px. */
  readonly scroll: number;
  readonly hovered: number | undefined;
}

interface Inks {
  readonly [name: string]: string;
}

export function namesWidth(width: number): number {
  const { narrow, least, most, share } = NAMES;
  return width < 560 ? narrow : Math.min(most, Math.max(least, Math.round(width * share)));
}

/** Where a time is, px. */
export function xOf(at: number, { width, span }: Pick<Scene, 'width' | 'span'>): number {
  const left = namesWidth(width);
  return left + ((at - span.from) / (span.to - span.from)) * (width - left);
}

/** Which time is at a place. */
export function timeAt(x: number, { width, span }: Pick<Scene, 'width' | 'span'>): number {
  const left = namesWidth(width);
  return span.from + ((x - left) / (width - left)) * (span.to - span.from);
}

export function draw(
  context: CanvasRenderingContext2D,
  scene: Scene,
  fonts: { readonly sans: string; readonly mono: string },
): void {
  const { width, height } = scene;
  const inks: Inks = Object.fromEntries(
    [
      'ink',
      'ink-2',
      'ink-3',
      'line',
      'line-strong',
      'surface',
      'hover',
      'running',
      'crashed',
      'stopped',
      'completed',
      'unresponsive',
      'starting',
      'accent',
      'stopping',
      'bad-soft',
      'warn-soft',
    ].map((name) => [name, colour(name)]),
  );
  context.clearRect(0, 0, width, height);
  context.textBaseline = 'middle';
  context.font = `11px ${fonts.sans}`;
  drawShades(context, scene, inks);
  drawTicks(context, scene, inks);
  context.save();
  context.beginPath();
  context.rect(0, HEAD, width, height - HEAD);
  context.clip();
  drawLanes(context, scene, inks, fonts);
  context.restore();
  drawHead(context, scene, inks);
}

/** Restart storms, and times without coordination, over the whole height. */
function drawShades(context: CanvasRenderingContext2D, scene: Scene, inks: Inks): void {
  const { marks, now, height } = scene;
  const left = namesWidth(scene.width);
  const shade = (spans: readonly Span[], ink: string) => {
    context.fillStyle = ink;
    for (const { from, to } of spans) {
      const [start, end] = [Math.max(left, xOf(from, scene)), Math.max(left, xOf(to, scene))];
      if (end > start) context.fillRect(start, HISTOGRAM.top, Math.max(2, end - start), height);
    }
  };
  shade(alertSpans(marks, 'restart_storm', now), inks['bad-soft']!);
  shade(spansBetween(marks, 'coordination.lost', 'coordination.restored', now), inks['warn-soft']!);
}

function drawTicks(context: CanvasRenderingContext2D, scene: Scene, inks: Inks): void {
  const { width, height, span } = scene;
  const left = namesWidth(width);
  context.textAlign = 'center';
  for (const at of ticksOf(span, Math.max(2, Math.floor((width - left) / 84)))) {
    const x = Math.round(xOf(at, scene)) + 0.5;
    context.strokeStyle = inks['line']!;
    context.beginPath();
    context.moveTo(x, HISTOGRAM.top);
    context.lineTo(x, height);
    context.stroke();
    context.fillStyle = inks['ink-3']!;
    if (x > left + 20 && x < width - 20)
      context.fillText(time(at).slice(0, span.to - span.from < 600_000 ? 8 : 5), x, 11);
  }
}

function drawHead(context: CanvasRenderingContext2D, scene: Scene, inks: Inks): void {
  const { width, marks, span, now } = scene;
  const left = namesWidth(width);
  const room = width - left;
  const count = Math.max(10, Math.floor(room / 5));
  const buckets = bucketsOf(marks, span, count);
  const highest = Math.max(1, ...buckets.map(({ crashed, restarted }) => Math.max(crashed, restarted)));
  const tall = HISTOGRAM.bottom - HISTOGRAM.top - 10;
  const each = room / count;
  context.textAlign = 'left';
  context.fillStyle = inks['ink-2']!;
  context.fillText('crashes', MARGIN, HISTOGRAM.bottom - 40);
  context.fillText('restarts', MARGIN, HISTOGRAM.bottom - 24);
  context.fillStyle = inks['crashed']!;
  context.fillRect(left - 16, HISTOGRAM.bottom - 44, 8, 8);
  context.fillStyle = inks['unresponsive']!;
  context.fillRect(left - 16, HISTOGRAM.bottom - 28, 8, 8);
  context.fillStyle = inks['ink-3']!;
  context.fillText(highest > 1 ? `${highest} at most` : '', MARGIN, HISTOGRAM.top + 10);
  for (const [place, { crashed, restarted, alerts }] of buckets.entries()) {
    const x = left + place * each;
    const bar = (of: number, ink: string, from: number, wide: number) => {
      if (of === 0) return;
      const high = Math.max(2, (of / highest) * tall);
      context.fillStyle = ink;
      context.fillRect(x + from, HISTOGRAM.bottom - high, wide, high);
    };
    bar(restarted, inks['unresponsive']!, each * 0.5, Math.max(1, each * 0.38));
    bar(crashed, inks['crashed']!, each * 0.08, Math.max(1, each * 0.42));
    if (alerts > 0) triangle(context, x + each / 2, HISTOGRAM.top + 2, 4, inks['crashed']!);
  }
  line(context, left, width, HISTOGRAM.bottom + 0.5, inks['line-strong']!);
  context.fillStyle = inks['ink-2']!;
  context.fillText('rounds', MARGIN, FLEET.rounds);
  context.fillText('changes', MARGIN, FLEET.marks);
  for (const { from, to, mark } of spansBetween(marks, 'round.opened', 'round.closed', now)) {
    const [start, end] = [xOf(from, scene), xOf(to, scene)];
    if (end < left || start > width) continue;
    context.fillStyle =
      mark.type !== 'round.closed'
        ? inks['starting']!
        : mark.text === 'accepted'
          ? inks['running']!
          : inks['stopped']!;
    context.fillRect(Math.max(left, start), FLEET.rounds - 3, Math.max(3, end - Math.max(left, start)), 6);
  }
  for (const mark of marks) {
    const x = xOf(mark.at, scene);
    if (x < left || x > width) continue;
    if (mark.type === 'variable.changed' || mark.type === 'pool.scaled')
      square(context, x, FLEET.marks, 3, inks[mark.type === 'pool.scaled' ? 'stopping' : 'starting']!);
    else if (mark.type === 'leader.elected') triangle(context, x, FLEET.marks - 4, 4, inks['completed']!);
    else if (mark.type === 'operator.act') diamond(context, x, FLEET.away + 3, 4, inks['accent']!);
  }
  context.fillStyle = inks['ink-2']!;
  context.fillText('operator', MARGIN, FLEET.away + 3);
  line(context, 0, width, HEAD - 0.5, inks['line-strong']!);
  const end = xOf(now, scene);
  if (end > left && end < width) line2(context, end, HISTOGRAM.top, scene.height, inks['accent']!);
}

function drawLanes(
  context: CanvasRenderingContext2D,
  scene: Scene,
  inks: Inks,
  fonts: { readonly mono: string },
): void {
  const { width, height, lanes, scroll, now, hovered } = scene;
  const left = namesWidth(width);
  const first = Math.floor(scroll / LANE);
  const last = Math.min(lanes.length, Math.ceil((scroll + height - HEAD) / LANE));
  context.font = `11px ${fonts.mono}`;
  for (let place = first; place < last; place++) {
    const { id, bars, marks } = lanes[place]!;
    const y = HEAD + place * LANE - scroll;
    if (place === hovered) {
      context.fillStyle = inks['hover']!;
      context.fillRect(0, y, width, LANE);
    }
    for (const { from, to, end } of bars) {
      const [start, stop] = [xOf(from, scene), xOf(to ?? now, scene)];
      if (stop < left || start > width) continue;
      const x = Math.max(left, start);
      context.fillStyle = to === undefined ? inks['running']! : inks['stopped']!;
      context.globalAlpha = to === undefined ? 0.75 : 0.45;
      context.fillRect(x, y + 5, Math.max(1.5, Math.min(width, stop) - x), LANE - 10);
      context.globalAlpha = 1;
      if (to === undefined || stop > width || stop < left) continue;
      if (end === 'agent.crashed' || end === 'agent.start_failed')
        cross(context, stop, y + LANE / 2, 3.5, inks['crashed']!);
      else
        square(context, stop, y + LANE / 2, 2.5, inks[end === 'agent.completed' ? 'completed' : 'stopped']!);
    }
    for (const { type, at, restartAt } of marks) {
      const x = xOf(at, scene);
      if (type === 'agent.restart_scheduled' && restartAt !== undefined) {
        const [start, stop] = [Math.max(left, x), Math.min(width, xOf(restartAt, scene))];
        if (stop <= start) continue;
        context.strokeStyle = inks['unresponsive']!;
        context.setLineDash([2, 2]);
        context.beginPath();
        context.moveTo(start + 4, y + LANE / 2 + 0.5);
        context.lineTo(stop, y + LANE / 2 + 0.5);
        context.stroke();
        context.setLineDash([]);
      } else if (x < left || x > width) continue;
      else if (type === 'agent.gave_up') {
        cross(context, x, y + LANE / 2, 5, inks['crashed']!);
        context.strokeStyle = inks['crashed']!;
        context.strokeRect(x - 5.5, y + LANE / 2 - 5.5, 11, 11);
      } else if (type === 'agent.unresponsive') triangle(context, x, y + 5, 4, inks['unresponsive']!);
    }
    context.fillStyle = inks['surface']!;
    context.fillRect(0, y, left - 4, LANE);
    context.fillStyle = place === hovered ? inks['ink']! : inks['ink-2']!;
    context.textAlign = 'left';
    context.fillText(fitted(context, id, left - MARGIN - 12), MARGIN, y + LANE / 2 + 0.5);
  }
}

/** Cut in the middle where it is too long: ids often differ at their ends alone. Letters are of one width. */
function fitted(context: CanvasRenderingContext2D, text: string, room: number): string {
  const { width } = context.measureText(text);
  if (width <= room) return text;
  const letters = Math.max(2, Math.floor((room * text.length) / width) - 1);
  const end = Math.min(8, Math.floor(letters / 2));
  return `${text.slice(0, letters - end)}…${text.slice(-end)}`;
}

function line(context: CanvasRenderingContext2D, from: number, to: number, y: number, ink: string): void {
  context.strokeStyle = ink;
  context.beginPath();
  context.moveTo(from, y);
  context.lineTo(to, y);
  context.stroke();
}

function line2(context: CanvasRenderingContext2D, x: number, from: number, to: number, ink: string): void {
  context.strokeStyle = ink;
  context.globalAlpha = 0.7;
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, from);
  context.lineTo(Math.round(x) + 0.5, to);
  context.stroke();
  context.globalAlpha = 1;
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, size: number, ink: string): void {
  context.strokeStyle = ink;
  context.lineWidth = 1.8;
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x + size, y - size);
  context.lineTo(x - size, y + size);
  context.stroke();
  context.lineWidth = 1;
}

function square(context: CanvasRenderingContext2D, x: number, y: number, size: number, ink: string): void {
  context.fillStyle = ink;
  context.fillRect(x - size, y - size, size * 2, size * 2);
}

function triangle(
  context: CanvasRenderingContext2D,
  x: number,
  top: number,
  size: number,
  ink: string,
): void {
  context.fillStyle = ink;
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x + size, top + size * 1.8);
  context.lineTo(x - size, top + size * 1.8);
  context.fill();
}

function diamond(context: CanvasRenderingContext2D, x: number, y: number, size: number, ink: string): void {
  context.fillStyle = ink;
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.fill();
}
