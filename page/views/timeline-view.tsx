/** The fleet over time: lives as bars, crashes, restarts, alerts and rounds. A restart storm is seen at a glance. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Mark } from '../../src/dashboard/protocol.ts';
import { now, serverTime } from '../model/clock.ts';
import { agents, agentsVersion, marks } from '../model/fleet.ts';
import { agentHref, go } from '../model/route.ts';
import { byTrouble, type Lane, lanesOf, type Span, troubleIn } from '../model/timeline.ts';
import { Empty } from '../parts/empty.tsx';
import { MarkList } from '../parts/mark-list.tsx';
import { palette } from '../parts/theme.ts';
import { draw, HEAD, LANE, namesWidth, type Scene, timeAt, xOf } from '../parts/timeline-canvas.ts';
import { duration, markWords, number, time } from '../words.ts';

const MIN_SPAN_MS = 5_000;
const SPANS = [
  ['1 min', 60_000],
  ['5 min', 300_000],
  ['15 min', 900_000],
  ['1 h', 3_600_000],
] as const;
/** The newest is a little away from the edge. */
const AHEAD = 0.03;

interface Sight {
  readonly lengthMs: number;
  /** Where it ends; `undefined`: now, and goes on with it. */
  readonly to: number | undefined;
}

export function TimelineView() {
  const [chosen, setSight] = useState<Sight | undefined>(undefined);
  const [search, setSearch] = useState('');
  const [isTroubled, setTroubled] = useState(false);
  const all = useMemo(() => lanesOf(agents.values(), marks.value), [agentsVersion.value, marks.value]);
  const sight = chosen ?? { lengthMs: lengthFor(all, now.value), to: undefined };
  const span = spanOf(sight, now.value);
  const lanes = useMemo(() => {
    const text = search.trim().toLowerCase();
    const fitting = all.filter(
      (lane) =>
        (text === '' || lane.id.toLowerCase().includes(text)) && (!isTroubled || troubleIn(lane, span) > 0),
    );
    return byTrouble(fitting, span);
  }, [all, search, isTroubled, Math.round(span.from / 1_000), Math.round(span.to / 1_000)]);
  const seen = useMemo(
    () => marks.value.filter(({ at }) => at >= span.from && at <= span.to),
    [marks.value, span.from, span.to],
  );
  const crashes = seen.filter(({ type }) => type === 'agent.crashed').length;

  const zoom = (by: number, at = span.to) => {
    const lengthMs = Math.max(MIN_SPAN_MS, sight.lengthMs * by);
    const share = (at - span.from) / (span.to - span.from);
    const to = at + (1 - share) * lengthMs;
    setSight({ lengthMs, to: sight.to === undefined && at >= now.value ? undefined : to });
  };
  const move = (byMs: number) => {
    const to = Math.min(span.to + byMs, serverTime() + sight.lengthMs * AHEAD);
    setSight({ ...sight, to: to >= serverTime() ? undefined : to });
  };
  const showAll = () => {
    const starts = lanes.flatMap(({ bars }) => bars.map(({ from }) => from));
    const first = starts.reduce((least, from) => Math.min(least, from), seen[0]?.at ?? now.value - 60_000);
    setSight({ lengthMs: Math.max(MIN_SPAN_MS, (now.value - first) * 1.06), to: undefined });
  };

  return (
    <main class="view whole timeline">
      <header>
        <h1>Timeline</h1>
        <p aria-live="off">
          {number(lanes.length)} {lanes.length === 1 ? 'agent' : 'agents'},{' '}
          {crashes === 0 ? 'no crash' : `${number(crashes)} ${crashes === 1 ? 'crash' : 'crashes'}`} in{' '}
          {duration(span.to - span.from)}
        </p>
      </header>
      <div class="filters">
        <input
          class="field search"
          type="search"
          placeholder="Search id"
          aria-label="Search agents"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <button type="button" class="chip" aria-pressed={isTroubled} onClick={() => setTroubled(!isTroubled)}>
          only with trouble
        </button>
        <div class="segments" role="group" aria-label="How much time">
          {SPANS.map(([name, lengthMs]) => (
            <button
              key={name}
              type="button"
              aria-pressed={sight.lengthMs === lengthMs}
              onClick={() => setSight({ lengthMs, to: sight.to })}
            >
              {name}
            </button>
          ))}
          <button type="button" aria-pressed={false} onClick={showAll}>
            All
          </button>
        </div>
        <button
          type="button"
          class="chip"
          aria-pressed={sight.to === undefined}
          onClick={() => setSight({ ...sight, to: sight.to === undefined ? now.value : undefined })}
        >
          {sight.to === undefined ? 'live' : 'back to now'}
        </button>
      </div>
      {lanes.length === 0 ? (
        <div class="card">
          <Empty title={all.length === 0 ? 'Nothing has lived yet' : 'No agent fits'}>
            {all.length === 0 ? 'Lives show up here as bars.' : ''}
          </Empty>
        </div>
      ) : (
        <Canvas
          lanes={lanes}
          seen={marks.value}
          span={span}
          zoom={zoom}
          move={move}
          says={`${number(lanes.length)} ${lanes.length === 1 ? 'agent' : 'agents'} over ${duration(span.to - span.from)}, crashes: ${crashes}`}
        />
      )}
      <section class="card in-sight" aria-label="What happened in this time">
        <details>
          <summary>
            What happened in this time <span class="quiet">{number(seen.length)}</span>
          </summary>
          <div class="body" tabIndex={0} role="region" aria-label="What happened">
            <MarkList marks={seen.slice(-150).toReversed()} isExact />
          </div>
        </details>
      </section>
    </main>
  );
}

/** The shortest span to choose that covers all data. */
function lengthFor(lanes: readonly Lane[], at: number): number {
  let first = at;
  for (const { bars } of lanes) for (const { from } of bars) first = Math.min(first, from);
  return SPANS.find(([, lengthMs]) => at - first < lengthMs * 0.95)?.[1] ?? 900_000;
}

function spanOf({ lengthMs, to }: Sight, at: number): Span {
  const end = to ?? at + lengthMs * AHEAD;
  return { from: end - lengthMs, to: end };
}

interface CanvasParts {
  readonly lanes: readonly Lane[];
  readonly seen: readonly Mark[];
  readonly span: Span;
  readonly zoom: (by: number, at?: number) => void;
  readonly move: (byMs: number) => void;
  readonly says: string;
}

function Canvas({ lanes, seen, span, zoom, move, says }: CanvasParts) {
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [scroll, setScroll] = useState(0);
  const [hovered, setHovered] = useState<number | undefined>(undefined);
  const colours = palette.value;
  const scene: Scene = { ...size, span, now: now.value, lanes, marks: seen, scroll, hovered };
  const newest = useRef({ scene, zoom, move });
  newest.current = { scene, zoom, move };

  useEffect(() => {
    const element = scroller.current!;
    const observer = new ResizeObserver(() =>
      setSize({ width: element.clientWidth, height: element.clientHeight }),
    );
    observer.observe(element);
    const wheel = (event: WheelEvent) => {
      const { scene, zoom, move } = newest.current;
      const edge = element.getBoundingClientRect();
      const isOverHead = event.clientY - edge.top < HEAD;
      if (event.ctrlKey || event.metaKey || isOverHead) {
        event.preventDefault();
        zoom(Math.exp(event.deltaY / 300), timeAt(event.clientX - edge.left, scene));
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
        event.preventDefault();
        move(
          ((event.deltaX || event.deltaY) / (scene.width - namesWidth(scene.width))) *
            (scene.span.to - scene.span.from),
        );
      }
    };
    element.addEventListener('wheel', wheel, { passive: false });
    return () => {
      observer.disconnect();
      element.removeEventListener('wheel', wheel);
    };
  }, []);

  useEffect(() => {
    const element = canvas.current!;
    const { width, height } = size;
    if (width === 0) return;
    const ratio = devicePixelRatio;
    if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
      element.width = Math.round(width * ratio);
      element.height = Math.round(height * ratio);
      element.style.width = `${width}px`;
      element.style.height = `${height}px`;
    }
    const context = element.getContext('2d')!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(document.documentElement);
    draw(context, scene, { sans: style.getPropertyValue('--sans'), mono: style.getPropertyValue('--mono') });
  }, [size, scroll, hovered, lanes, seen, span.from, span.to, now.value, colours]);

  const point = (event: PointerEvent) => {
    const edge = scroller.current!.getBoundingClientRect();
    const [x, y] = [event.clientX - edge.left, event.clientY - edge.top];
    const place = y < HEAD ? undefined : Math.floor((y - HEAD + scroll) / LANE);
    setHovered(place !== undefined && place < lanes.length ? place : undefined);
    tell(tip.current, x, y, scene, place === undefined ? undefined : lanes[place]);
  };
  const leave = () => {
    setHovered(undefined);
    if (tip.current) tip.current.style.visibility = 'hidden';
  };
  const press = (event: KeyboardEvent) => {
    const length = span.to - span.from;
    if (event.key === 'ArrowLeft') move(-length / 5);
    else if (event.key === 'ArrowRight') move(length / 5);
    else if (event.key === '+' || event.key === '=') zoom(0.6);
    else if (event.key === '-') zoom(1 / 0.6);
    else return;
    event.preventDefault();
  };
  const held = useRef<{ readonly x: number; readonly moved: boolean } | undefined>(undefined);
  return (
    <div class="card timeline-frame">
      <div
        ref={scroller}
        class="timeline-scroll"
        tabIndex={0}
        role="group"
        aria-label={`${says}. Arrows move in time, plus and minus zoom.`}
        onScroll={(event) => setScroll(event.currentTarget.scrollTop)}
        onPointerMove={(event) => {
          const from = held.current;
          if (from && Math.abs(event.clientX - from.x) > 3) {
            move(((from.x - event.clientX) / (size.width - namesWidth(size.width))) * (span.to - span.from));
            held.current = { x: event.clientX, moved: true };
          }
          point(event);
        }}
        onPointerDown={(event) => (held.current = { x: event.clientX, moved: false })}
        onPointerUp={() => {
          const wasMoved = held.current?.moved;
          held.current = undefined;
          const lane = hovered === undefined ? undefined : lanes[hovered];
          if (!wasMoved && lane) go(agentHref(lane.id));
        }}
        onPointerLeave={() => {
          held.current = undefined;
          leave();
        }}
        onKeyDown={press}
      >
        <canvas ref={canvas} role="img" aria-label={says} />
        <div
          class="timeline-room"
          style={{ height: `${Math.max(0, lanes.length * LANE + HEAD - size.height)}px` }}
        />
      </div>
      <div ref={tip} class="plot-tip" />
    </div>
  );
}

/** What the pointer is over, in words. */
function tell(tip: HTMLDivElement | null, x: number, y: number, scene: Scene, lane: Lane | undefined): void {
  if (tip === null) return;
  if (x < namesWidth(scene.width)) {
    tip.style.visibility = 'hidden';
    return;
  }
  const at = timeAt(x, scene);
  const isNear = (mark: Mark) => Math.abs(xOf(mark.at, scene) - x) < 6;
  const near = (
    lane
      ? lane.marks
      : y < HEAD
        ? scene.marks.filter(({ agentId, type }) => agentId === undefined || type === 'leader.elected')
        : []
  ).filter(isNear);
  const bar = lane?.bars.find(({ from, to }) => at >= from && at <= (to ?? scene.now));
  const lines = [
    `${lane ? `${lane.id}  ` : ''}${time(at)}`,
    ...(bar
      ? [
          bar.to === undefined
            ? `alive for ${duration(scene.now - bar.from)}`
            : `lived ${duration(bar.to - bar.from)}`,
        ]
      : []),
    ...near
      .slice(0, 6)
      .map((mark) => `${markWords(mark)}  ${mark.text ?? mark.variable ?? mark.pool ?? ''}`.trimEnd()),
  ];
  tip.textContent = lines.join('\n');
  tip.style.transform = `translate(${Math.min(scene.width - tip.offsetWidth - 8, x + 14)}px, ${Math.min(scene.height - tip.offsetHeight - 4, y + 12)}px)`;
  tip.style.visibility = 'visible';
}
