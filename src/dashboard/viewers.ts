/**
 * The dashboard's viewers, and what each of them has yet to get.
 *
 * Owns a round every 250 ms in which viewers are sent what is new, while there are viewers.
 *
 * I1  A viewer gets the newest, never all that was between: of a viewer only its position is kept, which takes no
 *     memory.
 * I2  A slow viewer is sent nothing until it has read; then it goes on from its position, as does one that reconnects
 *     with its position.
 * I3  What several viewers get is serialized once.
 */
import type { ServerResponse } from 'node:http';
import type { SystemEvent } from '../index.ts';
import type { Chronicle } from './chronicle.ts';
import { tailOf } from './event-tail.ts';
import { OwnChart } from './own-chart.ts';
import type { StreamMessages, Topic } from './protocol.ts';
import type { Redaction } from './redaction.ts';
import type { Reports } from './reports.ts';
import type { WorkReports } from './work-reports.ts';
import type { Vitals } from './vitals.ts';
import type { Watch, Watched } from './watch.ts';
import { settled, type WatchedSystem } from './watched-system.ts';

const TICK_MS = 250;
/** What may wait in a viewer's socket before it is sent nothing more; bytes. */
const MAX_WAITING_BYTES = 256_000;
const ROWS = 500;
const MARKS = 2_000;
/** Events of one agent that are held for its viewers. */
const MAX_EVENTS = 400;
/** Ticks between two reports that walk over something long. */
const REPORT_TICKS = 2;
const LIST_TICKS = 4;

export interface ViewerOptions {
  readonly topics: ReadonlySet<Topic>;
  /** Its last position, from its `Last-Event-ID`. */
  readonly position: string | undefined;
}

export interface ViewersOptions {
  readonly system: WatchedSystem;
  readonly watch: Watch;
  readonly chronicle: Chronicle;
  readonly vitals: Vitals;
  readonly reports: Reports;
  readonly work: WorkReports;
  readonly redaction: Redaction;
  readonly hello: () => StreamMessages['hello'];
  readonly onFault: (thrown: unknown) => void;
}

interface Position {
  rows: number;
  samples: number;
  marks: number;
  events: number;
}

/** The newest events of an agent that has viewers. */
interface Followed {
  viewers: number;
  readonly chart: OwnChart;
  events: SystemEvent[];
  /** Sequence of the newest event that was dropped. */
  droppedTo: number;
}

interface Viewer {
  readonly response: ServerResponse;
  readonly topics: ReadonlySet<Topic>;
  readonly agentId: string | undefined;
  readonly at: Position;
  /** The last text of each report that it got, by topic. */
  readonly told: Map<string, string>;
  isTelling: boolean;
  isGone: boolean;
}

export class Viewers {
  readonly #options: ViewersOptions;
  readonly #viewers = new Set<Viewer>();
  readonly #followed = new Map<string, Followed>();
  /** Reports as text, each with the tick it was made in. */
  readonly #texts = new Map<string, { readonly tick: number; readonly text: Promise<string> }>();
  #watched: Watched | undefined;
  #unsubscribe: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tick = 0;
  #isTicking = false;
  #alertsChanged = false;

  constructor(options: ViewersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#viewers.size;
  }

  /** Adds a viewer, until its connection ends. The head of the answer has been written. */
  join(response: ServerResponse, { topics, position }: ViewerOptions): void {
    const watched = (this.#watched ??= this.#begin());
    const agentId = [...topics].find((topic) => topic.startsWith('agent:'))?.slice('agent:'.length);
    const viewer: Viewer = {
      response,
      topics,
      agentId,
      at: this.#startOf(position, watched),
      told: new Map(),
      isTelling: false,
      isGone: false,
    };
    this.#viewers.add(viewer);
    if (agentId !== undefined) this.#follow(agentId);
    response.on('close', () => this.#leave(viewer));
    response.on('error', () => response.destroy());
    response.on('drain', () => void this.#tell(viewer));
    this.#send(viewer, 'hello', JSON.stringify(this.#options.hello()));
    void this.#tell(viewer);
  }

  /** Ends all connections. */
  close(): void {
    for (const viewer of this.#viewers) {
      viewer.response.end('event: bye\ndata: {}\n\n');
      this.#leave(viewer);
    }
  }

  #begin(): Watched {
    const { system, watch } = this.#options;
    this.#unsubscribe = system.events.subscribe((event) => this.#note(event));
    this.#timer = setInterval(() => void this.#round(), TICK_MS);
    this.#timer.unref();
    return watch.hold();
  }

  #leave(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer)) return;
    viewer.isGone = true;
    if (viewer.agentId !== undefined) this.#unfollow(viewer.agentId);
    if (this.#viewers.size > 0) return;
    clearInterval(this.#timer);
    this.#unsubscribe?.();
    this.#texts.clear();
    this.#watched = undefined;
    this.#options.watch.release();
  }

  #note(event: SystemEvent): void {
    if (event.type === 'alert.raised' || event.type === 'alert.cleared') this.#alertsChanged = true;
    const followed = event.agentId === undefined ? undefined : this.#followed.get(event.agentId);
    if (followed === undefined) return;
    followed.chart.look();
    followed.events.push(event);
    if (followed.events.length < MAX_EVENTS * 2) return;
    const dropped = followed.events.splice(0, followed.events.length - MAX_EVENTS);
    followed.droppedTo = dropped.at(-1)!.sequence;
  }

  #follow(agentId: string): void {
    const followed = this.#followed.get(agentId);
    if (followed) {
      followed.viewers += 1;
      return;
    }
    const chart = new OwnChart({
      look: () => this.#options.reports.chart(agentId),
      changed: () => {
        for (const viewer of this.#viewers) if (viewer.agentId === agentId) void this.#tell(viewer);
      },
    });
    chart.look();
    this.#followed.set(agentId, { viewers: 1, chart, events: [], droppedTo: Number.POSITIVE_INFINITY });
  }

  #unfollow(agentId: string): void {
    const followed = this.#followed.get(agentId);
    if (followed === undefined) return;
    followed.viewers -= 1;
    if (followed.viewers > 0) return;
    followed.chart.close();
    this.#followed.delete(agentId);
  }

  async #round(): Promise<void> {
    // If a round takes longer than a tick, the next one waits for it.
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#tick += 1;
    try {
      const table = this.#watched?.table;
      if (this.#alertsChanged) {
        this.#alertsChanged = false;
        const { system } = this.#options;
        table?.setAlerts(await settled(system, () => system.alerts.list()));
      }
      await table?.refresh();
      if (this.#tick % LIST_TICKS === 0) for (const { chart } of this.#followed.values()) chart.look();
      for (const viewer of this.#viewers) void this.#tell(viewer);
    } catch (thrown) {
      this.#options.onFault(thrown);
    } finally {
      this.#isTicking = false;
    }
  }

  /** Sends a viewer what it has yet to get, as fast as it reads. */
  async #tell(viewer: Viewer): Promise<void> {
    const watched = this.#watched;
    if (viewer.isTelling || viewer.isGone || watched === undefined) return;
    viewer.isTelling = true;
    try {
      await watched.filled;
      await this.#tellReports(viewer, watched);
      await this.#tellEvents(viewer);
      while (!viewer.isGone && !isFull(viewer) && this.#tellChanges(viewer, watched)) {
        await new Promise(setImmediate);
      }
    } catch (thrown) {
      this.#options.onFault(thrown);
      viewer.response.destroy();
    } finally {
      viewer.isTelling = false;
    }
  }

  /** Reports that are sent whole whenever they have changed. */
  async #tellReports(viewer: Viewer, { table }: Watched): Promise<void> {
    const { reports, work } = this.#options;
    const { topics, agentId } = viewer;
    const tell = async (
      name: keyof StreamMessages,
      ticks: number,
      report: () => unknown,
      key: string = name,
    ): Promise<void> => {
      if (viewer.isGone || isFull(viewer)) return;
      const text = await this.#textOf(key, ticks, report);
      if (viewer.told.get(key) === text) return;
      viewer.told.set(key, text);
      this.#send(viewer, name, text);
    };
    if (topics.has('fleet')) {
      await tell('fleet', 1, () => reports.fleet(table));
      await tell('needs', LIST_TICKS, () => work.needs());
    }
    if (topics.has('work')) await tell('work', REPORT_TICKS, () => work.work());
    if (topics.has('questions')) await tell('questions', 1, () => ({ questions: work.questions() }));
    if (topics.has('limits')) await tell('limits', REPORT_TICKS, () => work.limits());
    if (topics.has('coordination')) await tell('coordination', REPORT_TICKS, () => reports.coordination());
    if (topics.has('pools')) await tell('pools', LIST_TICKS, () => ({ pools: reports.pools() }));
    if (agentId === undefined) return;
    const detail = () => {
      const row = table.get(agentId)?.row;
      return { detail: row === undefined ? null : reports.agent(agentId, row, table.childrenOf(agentId)) };
    };
    await tell('agent', 1, detail, `agent:${agentId}`);
    const chart = this.#followed.get(agentId)?.chart.text;
    if (chart !== undefined && chart !== viewer.told.get('chart') && !isFull(viewer)) {
      viewer.told.set('chart', chart);
      this.#send(viewer, 'chart', chart);
    }
    await tell(
      'tasks',
      LIST_TICKS,
      () => ({ tasks: work.tasks({ agent: agentId }).tasks }),
      `tasks:${agentId}`,
    );
  }

  /** Sends one piece of each list that the viewer has a position in. Returns whether there is more. */
  #tellChanges(viewer: Viewer, { table }: Watched): boolean {
    const { vitals, chronicle } = this.#options;
    const { topics, at } = viewer;
    let isMore = false;
    if (topics.has('fleet') && at.samples !== vitals.taken) {
      const reset = at.samples < 0 ? { reset: true } : {};
      const samples = vitals.after(Math.max(0, at.samples));
      at.samples = vitals.taken;
      this.#send(viewer, 'samples', JSON.stringify({ ...reset, now: Date.now(), samples }));
    }
    if (topics.has('marks') && at.marks !== chronicle.last) {
      const isReset = !chronicle.reaches(at.marks);
      const marks = chronicle.after(isReset ? Number.NEGATIVE_INFINITY : at.marks, MARKS);
      at.marks = marks.at(-1)?.order ?? chronicle.last;
      const more = at.marks < chronicle.last;
      isMore ||= more;
      this.#send(viewer, 'marks', JSON.stringify({ ...(isReset ? { reset: true } : {}), marks, more }));
    }
    if (topics.has('agents') && at.rows !== table.version) {
      const isReset = !table.reaches(at.rows);
      const { rows, gone, version, isMore: more } = table.after(isReset ? 0 : at.rows, ROWS);
      at.rows = version;
      isMore ||= more;
      const reset = isReset ? '"reset":true,' : '';
      // Rows are text already.
      const text = `{${reset}"agents":[${rows.join(',')}],"gone":${JSON.stringify(gone)},"more":${more}}`;
      this.#send(viewer, 'agents', text);
    }
    return isMore;
  }

  async #tellEvents(viewer: Viewer): Promise<void> {
    const { agentId, at } = viewer;
    const followed = agentId === undefined ? undefined : this.#followed.get(agentId);
    if (agentId === undefined || followed === undefined || isFull(viewer)) return;
    const { system, chronicle, redaction } = this.#options;
    let events: readonly SystemEvent[];
    let isReset = false;
    if (at.events >= 0 && at.events >= followed.droppedTo) {
      events = followed.events.filter(({ sequence }) => sequence > at.events).slice(-MAX_EVENTS);
    } else {
      isReset = true;
      const until = await chronicle.newest(system.events);
      const tail = await tailOf(system.events, { agentId, until, limit: MAX_EVENTS });
      const read = tail.at(-1)?.sequence ?? 0;
      events = [...tail, ...followed.events.filter(({ sequence }) => sequence > read)].slice(-MAX_EVENTS);
      // From now on what is held here goes on from what was read.
      followed.events = [...events];
      followed.droppedTo = Math.min(followed.droppedTo, (events[0]?.sequence ?? 1) - 1);
      at.events = Math.max(0, until);
    }
    const newest = events.at(-1)?.sequence;
    if (newest !== undefined) at.events = Math.max(at.events, newest);
    if (events.length === 0 && !isReset) return;
    const shown = events.map((event) => redaction.event(event));
    this.#send(viewer, 'events', JSON.stringify({ ...(isReset ? { reset: true } : {}), events: shown }));
  }

  #textOf(key: string, ticks: number, report: () => unknown): Promise<string> {
    const made = this.#texts.get(key);
    if (made && this.#tick - made.tick < ticks) return made.text;
    const text = settled(this.#options.system, report).then((made) => JSON.stringify(made));
    this.#texts.set(key, { tick: this.#tick, text });
    return text;
  }

  #send(viewer: Viewer, event: keyof StreamMessages, text: string): void {
    if (viewer.isGone) return;
    const { rows, samples, marks, events } = viewer.at;
    const id = `${this.#watched?.epoch ?? ''}.${rows}.${samples}.${marks}.${events}`;
    viewer.response.write(`event: ${event}\nid: ${id}\ndata: ${text}\n\n`);
  }

  #startOf(position: string | undefined, { epoch }: Watched): Position {
    const [of, ...numbers] = position?.split('.') ?? [];
    const [rows, samples, marks, events] = numbers.map(Number);
    const isKnown = of === epoch && numbers.length === 4 && numbers.every((one) => /^-?\d+$/.test(one));
    if (!isKnown) return { rows: -1, samples: -1, marks: Number.MIN_SAFE_INTEGER, events: -1 };
    return { rows: rows!, samples: samples!, marks: marks!, events: events! };
  }
}

function isFull({ response }: Viewer): boolean {
  return response.writableLength > MAX_WAITING_BYTES;
}
