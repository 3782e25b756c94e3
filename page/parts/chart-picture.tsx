/**
 * A chart as it was laid out when the package was built, with the state that it is in lit up, and the last
 * transitions running through it. It follows the state by itself until the user moves or zooms it.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { isWithin, wayOf } from '../model/chart-paths.ts';
import { Icon } from './icons.tsx';
import { isCalm } from './theme.ts';

interface Picture {
  /** Dotted path of the state that it is in. */
  readonly state: string;
  readonly svg: string;
  readonly label: string;
  /** Another state of another time: nothing runs there. */
  readonly isPast?: boolean;
}

interface Sight {
  x: number;
  y: number;
  width: number;
  height: number;
}

const TRAIL = 4;
const MIN_SCALE = 0.12;
const MAX_SCALE = 3;
/** Scale at which the text is read well. */
const READABLE = 0.92;

export function ChartPicture({ state, svg, label, isPast = false }: Picture) {
  const frame = useRef<HTMLDivElement>(null);
  const sheet = useRef<Sheet | undefined>(undefined);
  const [isFollowing, setFollowing] = useState(true);

  useEffect(() => {
    const opened = new Sheet(frame.current!, svg, () => setFollowing(false));
    sheet.current = opened;
    setFollowing(true);
    return () => opened.close();
  }, [svg]);

  useEffect(() => {
    sheet.current?.light(state, { isPast, isFollowing });
  }, [svg, state, isPast, isFollowing]);

  const follow = () => {
    setFollowing(true);
    sheet.current?.show(state);
  };
  return (
    <div class="chart">
      <div
        ref={frame}
        class="chart-frame"
        role="img"
        tabIndex={0}
        aria-label={`${label}: it is in ${state.replaceAll('.', ', ')}. Arrows move the picture, plus and minus zoom.`}
      />
      <div class="chart-tools buttons">
        <button
          type="button"
          class="button icon"
          aria-label="Zoom in"
          onClick={() => sheet.current?.zoom(1.3)}
        >
          <Icon name="plus" />
        </button>
        <button
          type="button"
          class="button icon"
          aria-label="Zoom out"
          onClick={() => sheet.current?.zoom(1 / 1.3)}
        >
          <Icon name="minus" />
        </button>
        <button
          type="button"
          class="button icon"
          aria-label="Show all of it"
          onClick={() => sheet.current?.fit()}
        >
          <Icon name="fit" />
        </button>
        <button
          type="button"
          class="button icon"
          aria-label="Follow the state"
          aria-pressed={isFollowing}
          onClick={follow}
        >
          <Icon name="target" />
        </button>
      </div>
    </div>
  );
}

/** The picture in its frame, outside of what is rendered: it has a thousand parts that never change. */
class Sheet {
  readonly #frame: HTMLElement;
  readonly #svg: SVGSVGElement;
  readonly #size: { readonly width: number; readonly height: number };
  readonly #touched: () => void;
  readonly #edges: { readonly source: string; readonly target: string; readonly element: SVGGElement }[] = [];
  readonly #stop = new AbortController();
  readonly #observer: ResizeObserver;
  #sight: Sight = { x: 0, y: 0, width: 100, height: 100 };
  #scale = READABLE;
  #state: string | undefined;
  #trail: SVGGElement[] = [];
  #moving = 0;

  constructor(frame: HTMLElement, source: string, touched: () => void) {
    this.#frame = frame;
    this.#touched = touched;
    // Its own style sheet is for showing it alone; here the page's colours and policy apply.
    frame.innerHTML = source.replace(/<style>.*?<\/style>/s, '');
    this.#svg = frame.querySelector('svg')!;
    const { width, height } = this.#svg.viewBox.baseVal;
    this.#size = { width, height };
    this.#svg.removeAttribute('width');
    this.#svg.removeAttribute('height');
    this.#svg.setAttribute('aria-hidden', 'true');
    this.#svg.setAttribute('preserveAspectRatio', 'xMidYMid slice');
    for (const element of this.#svg.querySelectorAll<SVGGElement>('.edge')) {
      this.#edges.push({
        source: element.dataset['source'] ?? '',
        target: element.dataset['target'] ?? '',
        element,
      });
    }
    this.#listen();
    this.#observer = new ResizeObserver(() => this.#resized());
    this.#observer.observe(frame);
    this.#resized();
  }

  close(): void {
    this.#stop.abort();
    this.#observer.disconnect();
    cancelAnimationFrame(this.#moving);
    this.#frame.replaceChildren();
  }

  light(
    state: string,
    { isPast, isFollowing }: { readonly isPast: boolean; readonly isFollowing: boolean },
  ): void {
    const before = this.#state;
    this.#state = state;
    for (const element of this.#svg.querySelectorAll<SVGGElement>('[data-state]')) {
      const path = element.dataset['state'] ?? '';
      const isIn = path !== '' && isWithin(state, path);
      element.classList.toggle('lit', isIn && this.#deepest(state) === path);
      element.classList.toggle('around', isIn && this.#deepest(state) !== path);
    }
    this.#svg.classList.toggle('past', isPast);
    if (before !== undefined && before !== state) this.#run(before, state, isPast);
    if (isFollowing) this.show(state, before === undefined);
  }

  /** Brings a state into sight, at a size at which it is read. */
  show(state: string, isAtOnce = false): void {
    const element = this.#svg.querySelector<SVGGElement>(
      `.state[data-state="${CSS.escape(this.#deepest(state))}"], .frame[data-state="${CSS.escape(this.#deepest(state))}"]`,
    );
    if (element === null) return this.fit();
    const box = element.getBBox();
    const shift = this.#shiftOf(element);
    // A state around others is seen as a whole where it can be.
    const fitting = Math.min(
      this.#frame.clientWidth / (box.width + 60),
      this.#frame.clientHeight / (box.height + 60),
    );
    this.#scale = clamp(Math.min(Math.max(this.#scale, READABLE), Math.max(fitting, READABLE * 0.62)));
    const [width, height] = [this.#frame.clientWidth / this.#scale, this.#frame.clientHeight / this.#scale];
    const middle = {
      x: box.x + shift.x + box.width / 2,
      y: box.y + shift.y + Math.min(box.height, height) / 2,
    };
    this.#go({ x: middle.x - width / 2, y: middle.y - height / 2, width, height }, isAtOnce);
  }

  zoom(by: number, at?: { readonly x: number; readonly y: number }): void {
    this.#touched();
    const scale = clamp(this.#scale * by);
    const { x, y, width, height } = this.#sight;
    const point = at ?? { x: x + width / 2, y: y + height / 2 };
    const share = this.#scale / scale;
    this.#scale = scale;
    this.#go(
      {
        x: point.x - (point.x - x) * share,
        y: point.y - (point.y - y) * share,
        width: width * share,
        height: height * share,
      },
      true,
    );
  }

  fit(): void {
    this.#touched();
    const { clientWidth, clientHeight } = this.#frame;
    const { width, height } = this.#size;
    this.#scale = clamp(Math.min(clientWidth / width, clientHeight / height));
    const [seenWidth, seenHeight] = [clientWidth / this.#scale, clientHeight / this.#scale];
    this.#go({
      x: (width - seenWidth) / 2,
      y: (height - seenHeight) / 2,
      width: seenWidth,
      height: seenHeight,
    });
  }

  /** The picture may know a state only by what is around it. */
  #deepest(state: string): string {
    for (let path = state; path !== ''; path = path.split('.').slice(0, -1).join('.')) {
      if (this.#svg.querySelector(`[data-state="${CSS.escape(path)}"]`)) return path;
    }
    return '';
  }

  #run(from: string, to: string, isPast: boolean): void {
    for (const element of this.#trail)
      element.classList.remove('run', 'trail-1', 'trail-2', 'trail-3', 'trail-4');
    // Where the picture does not tell the two apart, nothing has moved in it.
    const way = isPast ? [] : wayOf(this.#edges, this.#deepest(from), this.#deepest(to));
    const taken = way.map(({ element }) => element);
    this.#trail = [...taken.toReversed(), ...this.#trail.filter((element) => !taken.includes(element))].slice(
      0,
      TRAIL,
    );
    for (const [age, element] of this.#trail.entries()) element.classList.add(`trail-${age + 1}`);
    for (const element of taken) {
      // Begins anew where it has run before.
      void element.getBoundingClientRect();
      element.classList.add('run');
    }
  }

  #shiftOf(element: SVGGElement): { x: number; y: number } {
    const group = element.parentElement as unknown as SVGGElement;
    const moved = group.transform?.baseVal.consolidate()?.matrix;
    return { x: moved?.e ?? 0, y: moved?.f ?? 0 };
  }

  #resized(): void {
    const { x, y, width, height } = this.#sight;
    const [newWidth, newHeight] = [
      this.#frame.clientWidth / this.#scale,
      this.#frame.clientHeight / this.#scale,
    ];
    this.#go(
      { x: x + (width - newWidth) / 2, y: y + (height - newHeight) / 2, width: newWidth, height: newHeight },
      true,
    );
  }

  #go(to: Sight, isAtOnce = false): void {
    cancelAnimationFrame(this.#moving);
    const from = this.#sight;
    const isFar = Math.abs(to.x - from.x) + Math.abs(to.y - from.y) > 6_000;
    if (isAtOnce || isFar || isCalm() || !Number.isFinite(from.width)) return this.#see(to);
    const began = performance.now();
    const step = (at: number) => {
      const done = Math.min(1, (at - began) / 420);
      const eased = 1 - (1 - done) ** 3;
      const between = (key: keyof Sight) => from[key] + (to[key] - from[key]) * eased;
      this.#see({ x: between('x'), y: between('y'), width: between('width'), height: between('height') });
      if (done < 1) this.#moving = requestAnimationFrame(step);
    };
    this.#moving = requestAnimationFrame(step);
  }

  #see(sight: Sight): void {
    this.#sight = sight;
    const { x, y, width, height } = sight;
    if (width > 0 && height > 0) this.#svg.setAttribute('viewBox', `${x} ${y} ${width} ${height}`);
  }

  #listen(): void {
    const { signal } = this.#stop;
    const frame = this.#frame;
    let held: { x: number; y: number } | undefined;
    frame.addEventListener(
      'pointerdown',
      (event) => {
        if (event.button !== 0) return;
        held = { x: event.clientX, y: event.clientY };
        frame.setPointerCapture(event.pointerId);
      },
      { signal },
    );
    frame.addEventListener(
      'pointermove',
      (event) => {
        if (held === undefined) return;
        this.#touched();
        this.#move(held.x - event.clientX, held.y - event.clientY);
        held = { x: event.clientX, y: event.clientY };
      },
      { signal },
    );
    for (const name of ['pointerup', 'pointercancel'] as const)
      frame.addEventListener(name, () => (held = undefined), { signal });
    frame.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        const edge = frame.getBoundingClientRect();
        const { x, y } = this.#sight;
        const point = {
          x: x + (event.clientX - edge.left) / this.#scale,
          y: y + (event.clientY - edge.top) / this.#scale,
        };
        if (event.ctrlKey || event.metaKey) this.zoom(Math.exp(-event.deltaY / 120), point);
        else {
          this.#touched();
          this.#move(event.deltaX, event.deltaY);
        }
      },
      { signal, passive: false },
    );
    frame.addEventListener(
      'keydown',
      (event) => {
        const moves: Readonly<Record<string, readonly [number, number]>> = {
          ArrowLeft: [-60, 0],
          ArrowRight: [60, 0],
          ArrowUp: [0, -60],
          ArrowDown: [0, 60],
        };
        const move = moves[event.key];
        if (move) {
          this.#touched();
          this.#move(...move);
        } else if (event.key === '+' || event.key === '=') this.zoom(1.3);
        else if (event.key === '-') this.zoom(1 / 1.3);
        else return;
        event.preventDefault();
      },
      { signal },
    );
  }

  #move(x: number, y: number): void {
    const { width, height } = this.#sight;
    this.#go({ x: this.#sight.x + x / this.#scale, y: this.#sight.y + y / this.#scale, width, height }, true);
  }
}

function clamp(scale: number): number {
  return Math.min(MAX_SCALE, Math.max(MIN_SCALE, scale));
}
