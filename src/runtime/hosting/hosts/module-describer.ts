/**
 * Describes modules in a child made for that: their code is loaded where it would run, never here.
 *
 * Owns at most one child, which is kept for a while for the next question, and keeps no program alive meanwhile.
 *
 * I1  One question is asked at a time, and an answer carries its number: whatever hangs, dies or speaks out of turn
 *     takes nobody else's answer with it, and gives none. One that nobody waits for any more is given up.
 * I2  A child in which a module failed describes no other: once it is mended, a module is loaded anew. A failure or
 *     crash in a child that had loaded others is nobody's: the question is asked again, in a child of its own.
 * I3  A module that holds something open when it is loaded, a port say, has let go of it before the answer is given.
 */
import { describeExit, type ExitReason } from '../../../machines/index.ts';
import type { SteadyClock } from '../../time/clock.ts';
import type { AgentManifest } from '../../definition/manifest.ts';
import { cloneProblemOf } from '../../values/clone-survey.ts';
import { errorFrom, errorInfoOf, inWords } from '../../values/errors.ts';
import { urlInWords } from '../../values/url-in-words.ts';
import type { DescriptionTurn } from '../host.ts';
import type { Child, ChildListener } from './child.ts';
import { withErrors } from './errors-within.ts';
import { CHILD, childMessage, cloneError, type ChildReport } from './protocol.ts';
import { eachReport, endOf, isManifest } from './message-check.ts';

export interface ModuleDescriberOptions {
  readonly clock: SteadyClock;
  /** How long one module may take to load and answer. */
  readonly timeoutMs: number;
  /** What its child is called in texts. */
  readonly kind: 'thread' | 'process';
  /** How long the child is kept when nobody asks. */
  readonly idleMs: number;
  start(listener: ChildListener): Child;
  /** It has no child, and nobody asks. */
  idle(): void;
}

interface Question {
  readonly number: number;
  readonly module: URL;
  readonly initArgs: unknown;
  readonly turn: DescriptionTurn | undefined;
  readonly resolve: (manifest: AgentManifest) => void;
  readonly reject: (error: Error) => void;
}

export class ModuleDescriber {
  readonly #options: ModuleDescriberOptions;
  #waiting: Question[] = [];
  #asked: Question | undefined;
  #child: Child | undefined;
  #received = 0;
  #questions = 0;
  #timer: unknown;
  #printed: string[] = [];
  #isClosed = false;
  #childGone: Promise<void> = Promise.resolve();
  /** How many questions its child has answered. */
  #answered = 0;
  /** What is answered as soon as its child is gone. */
  #held: AgentManifest | Error | undefined;

  constructor(options: ModuleDescriberOptions) {
    this.#options = options;
  }

  describe(module: URL, initArgs: unknown, turn?: DescriptionTurn): Promise<AgentManifest> {
    const { promise, resolve, reject } = Promise.withResolvers<AgentManifest>();
    if (this.#isClosed) reject(new Error(`module ${urlInWords(module)} was not loaded: the host is closed`));
    else {
      this.#questions += 1;
      const question = { number: this.#questions, module, initArgs, turn, resolve, reject };
      turn?.signal.addEventListener('abort', () => this.#withdraw(question), { once: true });
      this.#waiting.push(question);
      if (this.#asked === undefined) this.#next();
      else turn?.waits();
    }
    return promise;
  }

  /** Resolves when its child is gone. */
  close(): Promise<void> {
    this.#isClosed = true;
    for (const { module, reject } of this.#waiting.splice(0)) {
      reject(new Error(`module ${urlInWords(module)} was not loaded: the host is closed`));
    }
    this.#drop('killed');
    return this.#childGone;
  }

  #next(): void {
    if (this.#asked !== undefined) return;
    const question = this.#waiting.shift();
    if (question === undefined) return this.#rest();
    const { clock, timeoutMs } = this.#options;
    const { module, initArgs, turn } = question;
    this.#asked = question;
    turn?.begins();
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => this.#drop('start_timed_out'), timeoutMs);
    try {
      this.#child ??= this.#start();
      this.#child.ref(true);
    } catch (thrown) {
      const { message } = errorInfoOf(thrown);
      return this.#answer(
        new Error(`module ${urlInWords(module)} was not loaded: ${message}`, { cause: thrown }),
      );
    }
    try {
      const errors: Error[] = [];
      const problem = cloneProblemOf(initArgs, this.#options.kind, errors);
      if (problem !== undefined) throw new TypeError(problem);
      const request = { type: 'describe', question: question.number, module: module.href, initArgs } as const;
      this.#child.send(withErrors(childMessage(this.#received, [{ body: CHILD, request }]), errors), []);
    } catch (thrown) {
      this.#answer(new TypeError(`module ${urlInWords(module)}: ${cloneError('initArgs', thrown).message}`));
    }
  }

  #start(): Child {
    this.#received = 0;
    this.#answered = 0;
    this.#printed = [];
    const gone = Promise.withResolvers<void>();
    const child: Child = this.#options.start({
      message: (message) => {
        if (this.#child === child) this.#hear(message);
      },
      printed: (stream, line) => {
        if (stream === 'stderr') this.#printed = [...this.#printed.slice(-4), line];
      },
      ended: (reason) => {
        gone.resolve();
        if (this.#child === child) this.#ended(reason, this.#answered > 0);
      },
    });
    this.#childGone = gone.promise;
    return child;
  }

  #hear(message: unknown): void {
    const isChildReport = eachReport(message, (_, report) => {
      if (report.type === 'described') this.#described(report);
      // The modules that it loaded cannot be trusted any more.
      else if (report.type === 'crashed') this.#child?.kill(endOf(report));
    });
    if (isChildReport) this.#received += 1;
  }

  /** Nobody waits for it any more. Only the end of its child ends the loading of a module. */
  #withdraw(question: Question): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting !== question);
    if (this.#asked === question) this.#drop('killed');
    else
      question.reject(new Error(`module ${urlInWords(question.module)} was not loaded: nobody waits for it`));
  }

  #described({ question, error, manifest, isHolding }: Extract<ChildReport, { type: 'described' }>): void {
    if (question !== this.#asked?.number || this.#held !== undefined) return;
    if (error !== undefined) return this.#failed(errorFrom(error));
    if (isManifest(manifest)) {
      return isHolding === true ? this.#answerWithoutChild(manifest) : this.#answer(manifest);
    }
    const module = urlInWords(this.#asked.module);
    this.#failed(
      new TypeError(`module ${module}: expected it to say what its agent is, got ${inWords(manifest)}`),
    );
  }

  /** Where others were loaded before, they may have changed what it needs: it is asked for again when that child is gone. */
  #failed(error: Error): void {
    if (this.#answered === 0) this.#answerWithoutChild(error);
    else this.#child?.kill('shutdown');
  }

  /** A child keeps what it has loaded, a failure too, and what that holds: it has to be gone first. */
  #answerWithoutChild(answer: AgentManifest | Error): void {
    this.#held = answer;
    this.#child?.kill('shutdown');
  }

  #answer(answer: AgentManifest | Error): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    this.#asked = undefined;
    this.#held = undefined;
    this.#answered += 1;
    this.#options.clock.clearTimeout(this.#timer);
    if (answer instanceof Error) asked.reject(answer);
    else asked.resolve(answer);
    this.#next();
  }

  /** Nobody asks: the child is kept for a while. */
  #rest(): void {
    const child = this.#child;
    if (child === undefined) return this.#options.idle();
    const { clock, idleMs } = this.#options;
    child.ref(false);
    this.#timer = clock.setTimeout(() => this.#drop('shutdown'), idleMs);
    (this.#timer as { unref?(): void } | undefined)?.unref?.();
  }

  #drop(reason: ExitReason): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#child?.kill(reason);
    this.#ended(reason, false);
  }

  /** @param isShared it had loaded other modules before: what ended it may be their doing */
  #ended(reason: ExitReason, isShared: boolean): void {
    this.#child = undefined;
    this.#options.clock.clearTimeout(this.#timer);
    const asked = this.#asked;
    if (asked === undefined) return this.#next();
    if (this.#held !== undefined) return this.#answer(this.#held);
    if (isShared) {
      this.#asked = undefined;
      this.#waiting.unshift(asked);
      return this.#next();
    }
    const { kind } = this.#options;
    const how =
      reason === 'start_timed_out'
        ? `expected it to load within ${this.#options.timeoutMs} ms`
        : `expected it to load, its ${kind} ended: ${describeExit(reason)}`;
    const printed = this.#printed.length === 0 ? '' : ` (${this.#printed.join(' | ')})`;
    this.#answer(new Error(`module ${urlInWords(asked.module)}: ${how}${printed}`, causeIn(reason)));
  }
}

function causeIn(reason: ExitReason): ErrorOptions {
  return typeof reason === 'object' && 'error' in reason ? { cause: errorFrom(reason.error) } : {};
}
