/**
 * A fleet as a live table in a terminal, until the user quits.
 *
 * I1  It is drawn four times a second at the most, and not at all while nothing has changed.
 * I2  However it ends, the terminal is restored.
 */
import type { Console } from '../console.ts';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { type FleetSource, performAct, type TableAct } from './fleet-source.ts';
import { frameOf, tableHeight } from './frame.ts';
import { type Key, Screen } from './screen.ts';
import { extended, liveColumns, noExtent } from './table-columns.ts';
import { arranged, initialState, pressed, scrolled, type ViewState } from './view-state.ts';

const LOOK_EVERY_MS = 250;
/** Times that count down move each second. */
const LOOKS_A_SECOND = 1_000 / LOOK_EVERY_MS;

export interface LiveTableOptions {
  readonly console: Console;
  readonly source: FleetSource;
  /** The newest lines that were logged, if anything is. */
  readonly logged?: () => readonly string[];
  /** What is shown with the help. */
  readonly notes?: () => readonly string[];
}

export class LiveTable implements Disposable {
  readonly #options: LiveTableOptions;
  readonly #screen: Screen;
  readonly #timer: NodeJS.Timeout;
  readonly #over = Promise.withResolvers<'quit' | 'interrupt'>();
  #state: ViewState = initialState;
  #extent = noExtent;
  #drawn = '';
  #looks = 0;

  constructor(options: LiveTableOptions) {
    this.#options = options;
    const { stdin, stdout } = options.console;
    this.#screen = new Screen({
      stdin,
      stdout,
      onKey: (key) => this.#pressed(key),
      onResize: () => this.#draw(),
    });
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#draw();
  }

  /** Resolves when the user quits, or wants the program to end. */
  get over(): Promise<'quit' | 'interrupt'> {
    return this.#over.promise;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#screen[Symbol.dispose]();
  }

  #look(): void {
    this.#looks += 1;
    const { source, logged } = this.#options;
    const seen = `${source.picture().version} ${source.picture().trouble} ${logged?.().at(-1)}`;
    if (seen !== this.#drawn || this.#looks % LOOKS_A_SECOND === 0) this.#draw();
    this.#drawn = seen;
  }

  #draw(): void {
    const { source, console, logged, notes } = this.#options;
    const picture = source.picture();
    const { rows, columns } = this.#arranged();
    const { size } = this.#screen;
    const lines = logged?.() ?? [];
    const top = scrolled(this.#state, rows, tableHeight(size, this.#state, lines.length));
    this.#state = { ...this.#state, top };
    this.#screen.show(
      frameOf({
        title: source.title,
        picture,
        state: this.#state,
        rows,
        columns,
        logged: lines,
        notes: notes?.() ?? [],
        size,
        now: Date.now(),
        paint: console.paint,
      }),
    );
  }

  /** Columns only grow: nothing jumps. */
  #arranged() {
    const { agents } = this.#options.source.picture();
    this.#extent = extended(this.#extent, agents.values());
    const columns = liveColumns(this.#extent);
    return { columns, rows: arranged(agents.values(), this.#state, columns) };
  }

  #pressed(key: Key): void {
    const { source, logged } = this.#options;
    const height = tableHeight(this.#screen.size, this.#state, logged?.().length ?? 0);
    const step = pressed(this.#state, key, { ...this.#arranged(), height, canControl: source.canControl });
    this.#state = step.state;
    if (step.over !== undefined) this.#over.resolve(step.over);
    if (step.act !== undefined) void this.#act(step.act.agentId, step.act.act);
    this.#draw();
  }

  async #act(agentId: string, act: TableAct): Promise<void> {
    const say = (message: string) => {
      this.#state = { ...this.#state, message };
      this.#draw();
    };
    say(`${act} ${agentId} …`);
    try {
      await performAct(this.#options.source, agentId, act);
      say(`${act} ${agentId}: done`);
    } catch (thrown) {
      say(errorInfoOf(thrown).message);
    }
  }
}
