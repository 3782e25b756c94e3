/**
 * A host whose bodies do nothing by themselves: a test says when each is ready, reports or exits.
 *
 * Owns no code of an agent: the definition that a body was opened with is never run.
 *
 * I1  A body only tells what it is made to tell, late and repeated reports of one that has exited included.
 * I2  What the runtime asked of a body is kept, in order; `kill` is kept too, and ends nothing.
 */
import { z } from 'zod';
import { agentSpec, type ExitReason, type Isolation, type ParsedAgentSpec } from '../machines/index.ts';
import { type AgentManifest, manifestOf } from '../runtime/definition/manifest.ts';
import type { BodyListener, BodyReport, BodyRequest, BodyStart, Host } from '../runtime/hosting/host.ts';
import { parseInput } from '../runtime/values/malformed.ts';

/** What a body was asked: by a request, or to die. */
export type ScriptedRequest = BodyRequest | { readonly type: 'kill' };

export interface ScriptedBody {
  readonly start: BodyStart;
  /** Whether it has not exited yet. */
  readonly isLive: boolean;
  /** What it was asked since the last call, oldest first. */
  takeRequests(): readonly ScriptedRequest[];
  ready(): void;
  report(report: BodyReport): void;
  exit(reason: ExitReason): void;
}

/** How the bodies of a scripted host look to the system. */
export interface ScriptedHostOptions {
  /** The isolation it stands in for; default `in-process`. */
  readonly isolation?: Isolation;
  /** What the agent of a module's URL is; a definition speaks for itself. */
  readonly manifest?: Partial<AgentManifest>;
  /** What of a spec it refuses; default nothing. */
  readonly refusal?: (spec: ParsedAgentSpec) => string | undefined;
  /** Called with each body as it opens: script it here to let it act by itself. */
  readonly onOpen?: (body: ScriptedBody) => void;
}

export interface ScriptedHost extends Host {
  /** Every body that was opened and has not exited, oldest first. */
  readonly live: readonly ScriptedBody[];
  /** Every body that was ever opened for an agent, oldest first. */
  bodiesOf(agentId: string): readonly ScriptedBody[];
}

const aFunction = <Type>() =>
  z.custom<Type>((value) => typeof value === 'function', { error: 'expected a function' });
const optionsSchema = z.strictObject({
  isolation: agentSpec.shape.isolation.default('in-process'),
  manifest: z
    .custom<Partial<AgentManifest>>((value) => typeof value === 'object', { error: 'expected an object' })
    .default({}),
  refusal: aFunction<NonNullable<ScriptedHostOptions['refusal']>>().default(() => () => undefined),
  onOpen: aFunction<NonNullable<ScriptedHostOptions['onOpen']>>().default(() => () => {}),
});

/**
 * Makes a host whose bodies run no code: the test says when each is ready, reports or exits.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options
 */
export function scriptedHost(options: ScriptedHostOptions = {}): ScriptedHost {
  const {
    isolation,
    manifest: known,
    refusal,
    onOpen,
  } = parseInput(optionsSchema, options, {
    what: 'scriptedHost',
  });
  const bodies: ScriptedBody[] = [];
  const manifest: AgentManifest = {
    type: 'scripted',
    capabilities: [],
    variables: [],
    votes: false,
    stateVersion: 1,
    hash: 'scripted',
    tasks: {},
    ...known,
  };
  return {
    isolation,
    refusal: (spec) => refusal(spec),
    describe: () => Promise.resolve(manifest),
    open(start, listener) {
      const requests: ScriptedRequest[] = [];
      const body = new OpenBody(start, listener, manifest, requests);
      bodies.push(body);
      onOpen(body);
      return {
        post: (request) => void requests.push(request),
        kill: () => void requests.push({ type: 'kill' }),
      };
    },
    close: () => Promise.resolve(),
    get live() {
      return bodies.filter(({ isLive }) => isLive);
    },
    bodiesOf: (agentId) => bodies.filter(({ start }) => start.agentId === agentId),
  };
}

class OpenBody implements ScriptedBody {
  readonly start: BodyStart;
  isLive = true;
  readonly #listener: BodyListener;
  readonly #manifest: AgentManifest;
  readonly #requests: ScriptedRequest[];

  constructor(
    start: BodyStart,
    listener: BodyListener,
    manifest: AgentManifest,
    requests: ScriptedRequest[],
  ) {
    this.start = start;
    this.#listener = listener;
    this.#manifest = manifest;
    this.#requests = requests;
  }

  takeRequests(): readonly ScriptedRequest[] {
    return this.#requests.splice(0);
  }

  ready(): void {
    const { module } = this.start;
    this.report({ type: 'ready', manifest: module instanceof URL ? this.#manifest : manifestOf(module) });
  }

  report(report: BodyReport): void {
    this.#listener.report(report);
  }

  exit(reason: ExitReason): void {
    this.isLive = false;
    this.#listener.exited(reason);
  }
}
