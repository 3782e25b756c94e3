/**
 * A host of children, threads or processes: which agent runs in which child, and the end of all of them.
 *
 * Owns the children and the describers. Its options say what kind of child it makes, and which limits that cannot keep.
 *
 * I1  Members of a group share one child while it takes more; a member that comes later, or comes back, opens
 *     the next. Members that do not agree on what they share are refused, by the field.
 * I2  `close` resolves in bounded time, and leaves nothing that keeps the program alive.
 */
import type { ParsedAgentSpec } from '../../../machines/index.ts';
import type { SteadyClock } from '../../time/clock.ts';
import { within } from '../../time/deadline.ts';
import type { AgentManifest } from '../../definition/manifest.ts';
import { errorInfoOf, inWords } from '../../values/errors.ts';
import { urlInWords } from '../../values/url-in-words.ts';
import type { Body, BodyListener, BodyStart, DescriptionTurn, Host } from '../host.ts';
import type { Child, ChildListener } from './child.ts';
import { ChildBodies } from './child-bodies.ts';
import { ModuleDescriber } from './module-describer.ts';
import { Watch } from './watch.ts';

type Resources = ParsedAgentSpec['resources'];
type SharedResources = Omit<Resources, 'maxRuntimeMs'>;

/** What a child is made for. */
interface ChildPlan {
  readonly name: string;
  readonly module: URL;
  readonly resources: SharedResources;
  /** It describes modules and runs no agent; it must be able to wait without keeping the program alive. */
  readonly isDescriber: boolean;
}

export interface ChildHostTerms {
  readonly clock: SteadyClock;
  readonly kind: 'thread' | 'process';
  readonly killTimeoutMs: number;
  readonly killGraceMs: number;
  readonly leaveTimeoutMs: number;
  readonly watchEveryMs: number;
  readonly describeTimeoutMs: number;
  readonly describerIdleMs: number;
  refusal(spec: ParsedAgentSpec): string | undefined;
  readonly start: (plan: ChildPlan, listener: ChildListener) => Child;
  /** Every child is gone, or given up. */
  closed?(): void;
}

interface Group {
  readonly bodies: ChildBodies;
  readonly resources: SharedResources;
}

const NO_LIMITS: SharedResources = { cpuPriority: 'normal' };
/** Beyond the time that a kill may take: for what has to be told of it. */
const CLOSE_MARGIN_MS = 500;

export function childHost(terms: ChildHostTerms): Host {
  return new ChildHost(terms);
}

class ChildHost implements Host {
  readonly isolation: 'thread' | 'process';
  readonly #terms: ChildHostTerms;
  readonly #watch: Watch<ChildBodies>;
  readonly #groups = new Map<string, Group>();
  readonly #describers = new Map<string, ModuleDescriber>();
  #isClosed = false;
  #allGone: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(terms: ChildHostTerms) {
    this.isolation = terms.kind;
    this.#terms = terms;
    this.#watch = new Watch(terms.clock, terms.watchEveryMs);
  }

  refusal(spec: ParsedAgentSpec): string | undefined {
    if (!(spec.module instanceof URL)) {
      return `module: a ${this.isolation} loads its agent from a URL, expected one, got a definition in this program`;
    }
    return this.#terms.refusal(spec) ?? this.#disagreement(spec.resources);
  }

  describe(
    module: URL,
    initArgs: unknown,
    resources: SharedResources = NO_LIMITS,
    turn?: DescriptionTurn,
  ): Promise<AgentManifest> {
    if (this.#isClosed) {
      return Promise.reject(new Error(`module ${urlInWords(module)} was not loaded: the host is closed`));
    }
    const { sandbox, env = 'all' } = resources;
    const isCommon = sandbox === undefined && env === 'all';
    const key = isCommon ? '' : JSON.stringify([module.href, sandbox ?? null, env]);
    return this.#describer(key, module, resources).describe(module, initArgs, turn);
  }

  open(start: BodyStart, listener: BodyListener): Body {
    const { module } = start;
    try {
      if (this.#isClosed) throw new Error(`the ${this.isolation} host is closed`);
      if (!(module instanceof URL)) throw new TypeError(`module: expected a URL, got ${inWords(module)}`);
      return this.#bodiesFor(start, module).open({ ...start, module }, listener);
    } catch (thrown) {
      listener.exited({ error: errorInfoOf(thrown) });
      return DEAD;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    const describers = [...this.#describers.values()].map((describer) => describer.close());
    const bodies = new Promise<void>((resolve) => {
      this.#allGone = resolve;
      for (const bodies of this.#watch.watched) bodies.killAll('killed');
      if (this.#watch.watched.size === 0) resolve();
    });
    const { clock, killTimeoutMs } = this.#terms;
    const all = Promise.all([bodies, ...describers]);
    await within(clock, killTimeoutMs + CLOSE_MARGIN_MS, all, () => undefined);
    // A child that does not end is given up.
    for (const bodies of this.#watch.watched) {
      bodies.abandon();
      this.#watch.delete(bodies);
    }
    this.#terms.closed?.();
  }

  #bodiesFor({ agentId, resources }: BodyStart, module: URL): ChildBodies {
    const { group } = resources;
    if (group === undefined) return this.#newBodies(agentId, module, resources);
    const disagreement = this.#disagreement(resources);
    if (disagreement !== undefined) throw new TypeError(disagreement);
    const shared = this.#groups.get(group);
    if (shared !== undefined) return shared.bodies;
    const bodies = this.#newBodies(group, module, resources);
    this.#groups.set(group, { bodies, resources });
    return bodies;
  }

  #newBodies(name: string, module: URL, resources: Resources): ChildBodies {
    const { clock, killGraceMs, killTimeoutMs, leaveTimeoutMs } = this.#terms;
    const { group } = resources;
    const bodies: ChildBodies = new ChildBodies({
      clock,
      killGraceMs,
      killTimeoutMs,
      leaveTimeoutMs,
      group,
      closing: () => {
        if (group !== undefined && this.#groups.get(group)?.bodies === bodies) this.#groups.delete(group);
      },
      gone: () => this.#gone(bodies),
    });
    bodies.join((listener) => this.#terms.start({ name, module, resources, isDescriber: false }, listener));
    this.#watch.add(bodies);
    return bodies;
  }

  #gone(bodies: ChildBodies): void {
    this.#watch.delete(bodies);
    if (this.#watch.watched.size === 0) this.#allGone?.();
  }

  /** What of its resources a spec wants otherwise than the group that it is to join. */
  #disagreement(resources: Resources): string | undefined {
    const { group } = resources;
    const shared = group === undefined ? undefined : this.#groups.get(group)?.resources;
    if (shared === undefined) return undefined;
    for (const field of ['maxMemoryBytes', 'cpuPriority', 'sandbox', 'env'] as const) {
      const ofNone = field === 'env' ? 'all' : undefined;
      const [expected, came] = [shared[field] ?? ofNone, resources[field] ?? ofNone].map(
        (value) => JSON.stringify(value) ?? 'none',
      );
      if (expected !== came) {
        return `resources.${field}: group "${group}" runs with ${expected}, expected the same, got ${came}`;
      }
    }
    return undefined;
  }

  #describer(key: string, module: URL, resources: SharedResources): ModuleDescriber {
    const known = this.#describers.get(key);
    if (known !== undefined) return known;
    const { clock, kind, describeTimeoutMs, describerIdleMs, start } = this.#terms;
    const plan: ChildPlan = {
      name: 'module describer',
      module,
      resources: { ...NO_LIMITS, sandbox: resources.sandbox, env: resources.env },
      isDescriber: true,
    };
    const describer = new ModuleDescriber({
      clock,
      kind,
      timeoutMs: describeTimeoutMs,
      idleMs: describerIdleMs,
      start: (listener) => start(plan, listener),
      idle: () => this.#describers.delete(key),
    });
    this.#describers.set(key, describer);
    return describer;
  }
}

/** The body of an agent that could not be opened. */
const DEAD: Body = { post: () => {}, kill: () => {} };
