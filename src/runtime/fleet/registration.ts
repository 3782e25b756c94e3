/**
 * How an agent becomes known: its spec is checked against its code and its host, and its registration made durable.
 *
 * I1  A refused registration has changed nothing.
 * I2  What was registered is what every life begins with: data of the spec is a frozen copy.
 */
import type { Isolation, ParsedAgentSpec } from '../../machines/index.ts';
import { Agent } from '../agent/agent.ts';
import type { AgentServices, KeptSpec } from '../agent/agent-services.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import { type AgentManifest, manifestOf } from '../definition/manifest.ts';
import type { Host } from '../hosting/host.ts';
import { dataCopy } from '../values/data-copy.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { judge, type Verdict } from '../values/schema.ts';
import { DescriptionTime } from './description-time.ts';
import type { Registry } from './registry.ts';
import { changedFields } from './spec-difference.ts';
import { invalidSpec, isolationOf, policyOf, readSpec, specToKeep } from './spec-reading.ts';

export interface RegistrationOptions {
  readonly services: AgentServices;
  readonly registry: Registry;
  readonly hosts: ReadonlyMap<Isolation, Host>;
  /** Throws `SYSTEM_CLOSED` once the system closes. */
  readonly assertOpen: () => void;
}

/** What a spec would register. */
export interface Described {
  readonly spec: ParsedAgentSpec;
  readonly manifest: AgentManifest;
}

export class Registration {
  readonly #services: AgentServices;
  readonly #registry: Registry;
  readonly #hosts: ReadonlyMap<Isolation, Host>;
  readonly #assertOpen: () => void;
  readonly #descriptionTime: DescriptionTime;
  /** The last `ensure` of an id that is under way, until it is over. */
  readonly #ensuring = new Map<string, Promise<void>>();

  constructor({ services, registry, hosts, assertOpen }: RegistrationOptions) {
    this.#services = services;
    this.#registry = registry;
    this.#hosts = hosts;
    this.#assertOpen = assertOpen;
    this.#descriptionTime = new DescriptionTime(services.clock);
  }

  /** What a spec would register, and its defaults. Changes nothing. */
  async describe(given: unknown): Promise<Described> {
    const spec = readSpec(given);
    const isolation = isolationOf(spec);
    const manifest = await this.#manifestOf(spec, this.#hostFor(isolation, spec));
    return { spec: { ...spec, isolation, initArgs: dataCopy(spec.initArgs) }, manifest };
  }

  /** @param known the manifest, where that is known already */
  register(spec: ParsedAgentSpec, known?: AgentManifest): Promise<string> {
    const host = this.#hostFor(isolationOf(spec), spec);
    // A later program has to start it with the very same.
    const problem = this.#services.store.isDurable ? jsonProblemOf(spec.initArgs) : undefined;
    if (problem !== undefined) {
      throw invalidSpec(`initArgs: ${problem}, expected data that a durable store can keep as JSON`, spec.id);
    }
    if (spec.id !== undefined) this.#registry.assertFree(spec.id);
    const manifest = known ?? this.#manifestOf(spec, host);
    return manifest instanceof Promise
      ? this.#registerOnce(manifest, spec, host)
      : this.#enter(spec, manifest, host);
  }

  /** Whether the agent of a spec was there; registers it if not. One at a time for each id. */
  ensure(spec: ParsedAgentSpec & { readonly id: string }): Promise<'registered' | 'none'> {
    const { id } = spec;
    const before = this.#ensuring.get(id);
    const ensured = before === undefined ? this.#ensure(spec) : before.then(() => this.#ensure(spec));
    const over: Promise<void> = ensured
      .then(ignore, ignore)
      .then(() => void (this.#ensuring.get(id) === over && this.#ensuring.delete(id)));
    this.#ensuring.set(id, over);
    return ensured;
  }

  /** An agent of an earlier program: known again, and not resumed yet. */
  adopt(
    spec: ParsedAgentSpec & { readonly id: string },
    manifest: AgentManifest,
    host: Host,
    missing?: string,
  ): Agent {
    return this.#create(specToKeep(spec, spec.id, manifest.type), spec.module, manifest, host, missing);
  }

  /** Whoever waits for a description is refused with `why`. */
  giveUp(why: AgentSystemError): void {
    this.#descriptionTime.giveUpAll(why);
  }

  async #ensure(spec: ParsedAgentSpec & { readonly id: string }): Promise<'registered' | 'none'> {
    this.#assertOpen();
    const { id } = spec;
    const known = this.#registry.get(id);
    if (known === undefined) {
      await this.register(spec);
      return 'registered';
    }
    const changed = changedFields(known.fullSpec, spec);
    if (changed.length > 0) {
      const message = `agent ${inWords(id)} is registered with another spec: expected the same ${changed.join(', ')}`;
      throw new AgentSystemError('AGENT_EXISTS', message, { agentId: id, details: { changed } });
    }
    // It may be on its way into the store, and not get there.
    await this.#services.journal.settled();
    return this.#registry.get(id) === known ? 'none' : this.#ensure(spec);
  }

  async #registerOnce(described: Promise<AgentManifest>, spec: ParsedAgentSpec, host: Host): Promise<string> {
    const { id } = spec;
    if (id !== undefined) this.#registry.reserve(id);
    let manifest: AgentManifest;
    try {
      manifest = await described;
    } finally {
      if (id !== undefined) this.#registry.release(id);
    }
    this.#assertOpen();
    return this.#enter(spec, manifest, host);
  }

  #enter(given: ParsedAgentSpec, manifest: AgentManifest, host: Host): Promise<string> {
    const { journal } = this.#services;
    const id = given.id ?? this.#registry.newId(manifest.type, journal.nextSequence);
    const spec = specToKeep(given, id, manifest.type);
    const agent = this.#create(spec, given.module, manifest, host);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    journal.emit(
      {
        sequence: 0,
        at: 0,
        type: 'agent.registered',
        agentId: id,
        incarnation: 0,
        agentType: manifest.type,
        spec,
        manifest,
      },
      (error) => {
        if (error === undefined) return resolve(id);
        this.#registry.remove(agent);
        agent.discard(error);
        const { incarnation } = agent;
        // The stream says that it is gone again, or a later program would find it.
        journal.emit({ type: 'agent.forgotten', agentId: id, incarnation }, undefined, null);
        reject(error);
      },
    );
    return promise;
  }

  #create(
    spec: KeptSpec,
    code: ParsedAgentSpec['module'],
    manifest: AgentManifest,
    host: Host,
    missing?: string,
  ): Agent {
    const { id } = spec;
    const order = this.#registry.nextOrder();
    const module = code as AnyAgentDefinition | URL;
    const agent = new Agent(
      { id, order, spec, policy: policyOf(spec), manifest, module, host, missing },
      this.#services,
    );
    this.#registry.add(agent);
    return agent;
  }

  #hostFor(isolation: Isolation, spec: ParsedAgentSpec): Host {
    const host = this.#hosts.get(isolation);
    if (host === undefined) throw invalidSpec(`isolation: there is no host for "${isolation}"`, spec.id);
    if (!(spec.module instanceof URL) && isolation !== 'in-process') {
      throw invalidSpec(
        `isolation: "${isolation}" needs the URL of a module, the definition of this agent lives in this program`,
        spec.id,
      );
    }
    const refusal = host.refusal(spec);
    if (refusal !== undefined) throw invalidSpec(refusal, spec.id);
    return host;
  }

  /**
   * Loads what has to be loaded, and has it judge its `initArgs`: within `startTimeoutMs`, in every host. At once
   * where nothing has to be waited for.
   */
  #manifestOf(spec: ParsedAgentSpec, host: Host): AgentManifest | Promise<AgentManifest> {
    const { module, initArgs } = spec;
    if (module instanceof URL) return this.#load(module, spec, host);
    const definition = module as AnyAgentDefinition;
    const verdict = judge(definition.initArgs, initArgs);
    return verdict instanceof Promise
      ? this.#judged(verdict, definition, spec)
      : manifestIf(verdict, definition, spec);
  }

  async #load(
    module: URL,
    { initArgs, id, resources, startTimeoutMs: timeoutMs }: ParsedAgentSpec,
    host: Host,
  ): Promise<AgentManifest> {
    const late = () =>
      invalidSpec(
        `module: module ${module.href}: expected it to load within startTimeoutMs, ${timeoutMs} ms`,
        id,
      );
    try {
      return await this.#descriptionTime.within({ timeoutMs, late }, (turn) =>
        host.describe(module, initArgs, resources, turn),
      );
    } catch (thrown) {
      if (thrown instanceof AgentSystemError) throw thrown;
      throw invalidSpec(`module: ${errorInfoOf(thrown).message}`, id, thrown);
    }
  }

  async #judged(
    verdict: Promise<Verdict>,
    definition: AnyAgentDefinition,
    spec: ParsedAgentSpec,
  ): Promise<AgentManifest> {
    const { id, startTimeoutMs: timeoutMs } = spec;
    const late = () =>
      invalidSpec(`initArgs: expected their schema to answer within startTimeoutMs, ${timeoutMs} ms`, id);
    return manifestIf(
      await this.#descriptionTime.within({ timeoutMs, late }, () => verdict),
      definition,
      spec,
    );
  }
}

const ignore = (): void => undefined;

function manifestIf(
  verdict: Verdict,
  definition: AnyAgentDefinition,
  { id }: ParsedAgentSpec,
): AgentManifest {
  if ('problem' in verdict) throw invalidSpec(`initArgs: ${verdict.problem}`, id);
  return manifestOf(definition);
}
