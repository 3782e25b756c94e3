/** A long list of which only the visible rows are rendered. */
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface RowsProps {
  readonly count: number;
  /** Of every row, px. */
  readonly rowHeight: number;
  readonly render: (place: number) => ComponentChildren;
  /** The row that has to be seen, when it changes. */
  readonly reveal?: number | undefined;
  readonly scroller: { readonly current: HTMLElement | null };
  /** What stands above the rows in the scroller and stays there, px. */
  readonly head?: number;
}

/** Rows beyond the edges that are rendered, too. */
const SPARE = 8;

export function Rows({ count, rowHeight, render, reveal, scroller, head = 0 }: RowsProps) {
  const [seen, setSeen] = useState({ from: 0, to: 40 });
  const frame = useRef(0);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const look = () => {
      frame.current = 0;
      const from = Math.max(0, Math.floor(element.scrollTop / rowHeight) - SPARE);
      const to = Math.ceil((element.scrollTop + element.clientHeight) / rowHeight) + SPARE;
      setSeen((before) => (before.from === from && before.to === to ? before : { from, to }));
    };
    const later = () => (frame.current ||= requestAnimationFrame(look));
    look();
    element.addEventListener('scroll', later, { passive: true });
    const observer = new ResizeObserver(later);
    observer.observe(element);
    return () => {
      cancelAnimationFrame(frame.current);
      element.removeEventListener('scroll', later);
      observer.disconnect();
    };
  }, [rowHeight]);

  useEffect(() => {
    const element = scroller.current;
    if (element === null || reveal === undefined || reveal < 0) return;
    const [top, bottom] = [reveal * rowHeight, (reveal + 1) * rowHeight + head];
    if (top < element.scrollTop) element.scrollTop = top;
    else if (bottom > element.scrollTop + element.clientHeight)
      element.scrollTop = bottom - element.clientHeight;
  }, [reveal]);

  const from = Math.min(seen.from, Math.max(0, count - 1));
  const to = Math.min(seen.to, count);
  const rows: ComponentChildren[] = [];
  for (let place = from; place < to; place++) rows.push(render(place));
  return (
    <div class="rows" role="presentation" style={{ height: `${count * rowHeight}px` }}>
      <div role="presentation" style={{ transform: `translateY(${from * rowHeight}px)` }}>
        {rows}
      </div>
    </div>
  );
}
