/**
 * Registers agents and changes their specs: a spec is checked against its code and its host, and made
 * durable.
 *
 * I1  A refused registration has changed nothing.
 * I2  Every life begins with the registered or last changed spec: its data is a frozen copy.
 * I3  A change is in force only once it is durable; changes of one agent are made one after the other.
 */
import type { Isolation, ParsedAgentSpec } from '../../machines/index.ts';
import { Agent } from '../agent/agent.ts';
import type { AgentServices } from '../agent/agent-services.ts';
import type { AgentTerms, KeptSpec } from '../agent/agent-terms.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { Host } from '../hosting/host.ts';
import { isOfBody } from '../agent/pending-fields.ts';
import type { CommitObserver } from '../journal/journal.ts';
import type { StoredAgent } from '../journal/store.ts';
import type { EventDraft, SpecChange } from '../journal/system-event.ts';
import { saidBy } from '../values/act.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { noSecrets, outermostPaths, type SecretValues, splitSecrets } from '../values/secret-paths.ts';
import { REDACTED } from '../values/secrets.ts';
import type { Registry } from './registry.ts';
import { secretsIn, SpecCheck, type SpecSecrets } from './spec-check.ts';
import { changedSpec } from './spec-change.ts';
import { specChanges } from './spec-difference.ts';
import {
  argsCopy,
  invalidSpec,
  isolationOf,
  policyOf,
  readSpec,
  specToKeep,
  storedSpec,
} from './spec-reading.ts';

export interface RegistrationOptions {
  readonly services: AgentServices;
  readonly registry: Registry;
  readonly hosts: ReadonlyMap<Isolation, Host>;
  /** Throws `SYSTEM_CLOSED` once the system closes. */
  readonly assertOpen: () => void;
}

/** How an agent is to be changed. */
export interface ChangeOptions {
  /** Whether a running body is ended and started again, if the change needs that. */
  readonly restart: boolean;
  readonly by?: string | undefined;
}

/** A program is not held up for longer by a module that does not load; ms. */
const MOVED_TIMEOUT_MS = 5_000;

/** An agent of an earlier program. */
export interface Adopted {
  readonly manifest: AgentManifest;
  readonly host: Host;
  /** Why its code is missing, if it is. */
  readonly missing?: string | undefined;
  /** Sequence of its `agent.registered`. */
  readonly registered: number;
}

/** The agent that a spec would register. */
export interface Described {
  readonly spec: ParsedAgentSpec;
  readonly manifest: AgentManifest;
}

export class Registration {
  private readonly services: AgentServices;
  private readonly registry: Registry;
  private readonly assertOpen: () => void;
  private readonly check: SpecCheck;
  /** The last open `ensure` or `update` of each id. */
  private readonly changing = new Map<string, Promise<void>>();

  constructor({ services, registry, hosts, assertOpen }: RegistrationOptions) {
    this.services = services;
    this.registry = registry;
    this.assertOpen = assertOpen;
    this.check = new SpecCheck({ services, hosts, assertOpen });
  }

  /** The agent that a spec would register, with its defaults. Changes nothing. */
  async describe(given: unknown): Promise<Described> {
    const read = readSpec(given);
    const isolation = isolationOf(read);
    const secrets = await this.check.secretsOf(read, undefined);
    const manifest = await this.check.manifestOf(secrets.spec, this.check.hostFor(isolation, read), secrets);
    return { spec: { ...read, isolation, initArgs: argsCopy(read.initArgs, read.id) }, manifest };
  }

  /** @param known the manifest, if it is known already */
  register(given: ParsedAgentSpec, known?: AgentManifest, by?: string): Promise<string> {
    return given.secrets === undefined
      ? this.registerKnown(given, known, by)
      : this.registerSecret(given, known, by);
  }

  private async registerSecret(
    given: ParsedAgentSpec,
    known: AgentManifest | undefined,
    by: string | undefined,
  ): Promise<string> {
    const { id } = given;
    if (id !== undefined) this.registry.assertFree(id);
    const secrets = await this.check.secretsOf(given, undefined);
    return this.registerKnown(secrets.spec, known, by, secrets);
  }

  private registerKnown(
    spec: ParsedAgentSpec,
    known: AgentManifest | undefined,
    by: string | undefined,
    secrets?: SpecSecrets,
  ): Promise<string> {
    const host = this.check.hostFor(isolationOf(spec), spec);
    this.check.assertKeepable(spec);
    if (spec.id !== undefined) this.registry.assertFree(spec.id);
    const manifest = known ?? this.check.manifestOf(spec, host, secrets);
    return manifest instanceof Promise
      ? this.enterOnceJudged(manifest, spec, host, secrets?.given, by)
      : this.enter(spec, manifest, host, secrets?.given, by);
  }

  /** Registers the agent of a spec unless it is there, and changes what differs if it is. One at a time for each id. */
  ensure(
    spec: ParsedAgentSpec & { readonly id: string },
    options: ChangeOptions,
  ): Promise<'registered' | 'updated' | 'none'> {
    return this.inTurn(spec.id, () => this.ensureInTurn(spec, options));
  }

  /**
   * Registers the agent of a spec unless it is there, with that very spec. One at a time for each id. Resolves with
   * whether it is new.
   *
   * @throws AgentSystemError `AGENT_EXISTS` with the fields that differ in `details.changed`
   */
  registerOnce(spec: ParsedAgentSpec & { readonly id: string }): Promise<boolean> {
    const { id } = spec;
    return this.inTurn(id, async () => {
      this.assertOpen();
      const known = this.registry.get(id);
      if (known === undefined) {
        await this.register(spec);
        return true;
      }
      const { shown, values } = secretsIn(spec, outermostPaths(spec.secrets ?? []));
      const kept = {
        ...specToKeep({ ...spec, initArgs: shown }, id, known.manifest.type),
        module: spec.module,
      };
      const changed = specChanges(known.fullSpec, kept).map(({ field }) => field);
      if (changed.length > 0) {
        const message = `agent ${inWords(id)} is registered with another spec: expected the same ${changed.join(', ')}`;
        throw new AgentSystemError('AGENT_EXISTS', message, { agentId: id, details: { changed } });
      }
      known.give(values);
      // Its registration may still be being written, and fail.
      await this.services.journal.settled();
      return false;
    });
  }

  /** Changes the given fields of an agent's spec. One at a time for each id. */
  update(id: string, change: unknown, options: ChangeOptions): Promise<'updated' | 'none'> {
    return this.inTurn(id, () => {
      this.assertOpen();
      const agent = this.registry.find(id);
      const wanted = changedSpec({ ...agent.fullSpec, id }, change);
      return this.changeOrRenew(agent, wanted, options);
    });
  }

  /**
   * The manifest of a module that is now the code of this agent of an earlier program.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID`
   */
  async describeMoved(
    { agentId, agentType, spec }: StoredAgent['registered'],
    module: URL,
  ): Promise<AgentManifest> {
    const stored = storedSpec(spec, agentId, module);
    const timed = { ...stored, startTimeoutMs: Math.min(stored.startTimeoutMs, MOVED_TIMEOUT_MS) };
    const manifest = await this.check.manifestOf(timed, this.check.hostFor(isolationOf(timed), timed));
    if (manifest.type === agentType) return manifest;
    throw invalidSpec(`module: expected an agent of type "${agentType}", got "${manifest.type}"`, agentId);
  }

  /** Takes an agent of an earlier program; it is not resumed yet. */
  adopt(
    spec: ParsedAgentSpec & { readonly id: string },
    { manifest, host, missing, registered }: Adopted,
  ): Agent {
    const kept = specToKeep(spec, spec.id, manifest.type);
    const agent = this.create(kept, spec.module, manifest, host, missing);
    agent.registered = registered;
    return agent;
  }

  /** Refuses callers that wait for a description with `why`. */
  giveUp(why: AgentSystemError): void {
    this.check.giveUp(why);
  }

  private inTurn<Value>(id: string, work: () => Promise<Value>): Promise<Value> {
    const before = this.changing.get(id);
    const done = (before ?? Promise.resolve()).then(work);
    const over: Promise<void> = done
      .then(ignore, ignore)
      .then(() => void (this.changing.get(id) === over && this.changing.delete(id)));
    this.changing.set(id, over);
    return done;
  }

  private async ensureInTurn(
    spec: ParsedAgentSpec & { readonly id: string },
    options: ChangeOptions,
  ): Promise<'registered' | 'updated' | 'none'> {
    this.assertOpen();
    const { id } = spec;
    const known = this.registry.get(id);
    if (known === undefined) {
      await this.register(spec, undefined, options.by);
      return 'registered';
    }
    const { pool, parent } = known.spec;
    // Its registration may still be being written, and fail.
    await this.services.journal.settled();
    if (this.registry.get(id) !== known) return this.ensureInTurn(spec, options);
    const wanted = { ...spec, ...(pool === undefined ? {} : { pool }) };
    return this.changeOrRenew(known, parent === undefined ? wanted : { ...wanted, parent }, options);
  }

  private async changeOrRenew(
    agent: Agent,
    wanted: ParsedAgentSpec,
    options: ChangeOptions,
  ): Promise<'updated' | 'none'> {
    const change = await this.change(agent, wanted, options.by);
    if (options.restart && agent.pending.length > 0) await this.renew(agent, options.by);
    return change;
  }

  private async change(
    agent: Agent,
    wanted: ParsedAgentSpec,
    by: string | undefined,
  ): Promise<'updated' | 'none'> {
    const { id } = agent;
    const { type } = agent.manifest;
    const { shown, values: given } = secretsIn(wanted, outermostPaths(wanted.secrets ?? []));
    const asked = { ...wanted, id, initArgs: shown };
    const spec = specToKeep(asked, id, type);
    const { module } = asked;
    const known = agent.fullSpec;
    const changes = [
      // A value that becomes a secret is hidden in the old spec too.
      ...specChanges(
        { ...known, initArgs: splitSecrets(known.initArgs, wanted.secrets ?? []).shown },
        { ...spec, module },
      ),
      ...rekeyed(agent, given),
    ];
    if (changes.length === 0) {
      agent.give(given);
      return 'none';
    }
    const { pool } = agent.spec;
    if (pool !== undefined) {
      throw invalidSpec(`pool: agent ${id} is a member of pool ${inWords(pool)}, and as that has it`, id);
    }
    if (agent.missing !== undefined && module === agent.fullSpec.module) {
      throw invalidSpec(`module: expected the code of the agent, which is missing: ${agent.missing}`, id);
    }
    const host = this.check.hostFor(isolationOf(asked), asked);
    this.check.assertKeepable(asked);
    const isOfBodies = changes.some(({ field }) => isOfBody(field));
    const whole = { ...asked, initArgs: wanted.initArgs };
    const secrets = isOfBodies ? await this.check.secretsOf(whole, agent) : undefined;
    const manifest = secrets ? await this.check.manifestOf(secrets.spec, host, secrets) : agent.nextManifest;
    this.assertOpen();
    if (this.registry.find(id) !== agent) throw goneMeanwhile(id);
    if (manifest.type !== type) {
      throw invalidSpec(`module: expected an agent of type "${type}", got "${manifest.type}"`, id);
    }
    const terms = {
      spec,
      policy: policyOf(spec),
      manifest,
      module: module as AnyAgentDefinition | URL,
      host,
      given: new Map([...(agent.secrets?.given ?? noSecrets), ...given]),
    };
    await this.keepChange(agent, terms, changes, by);
    return 'updated';
  }

  /** The change is in force once it is durable. */
  private keepChange(
    agent: Agent,
    terms: AgentTerms,
    changes: readonly SpecChange[],
    by: string | undefined,
  ): Promise<void> {
    const { journal } = this.services;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const before = { spec: agent.spec, manifest: agent.nextManifest };
    journal.emit(updatedEvent(agent, terms, changes, by), (error) => {
      const isThere = this.registry.get(agent.id) === agent;
      if (error === undefined) {
        if (isThere) agent.follow(terms);
        return resolve();
      }
      // An event takes the change back, or a later program would find it.
      if (isThere) journal.emit(updatedEvent(agent, before, changes.map(takenBack), by));
      reject(error);
    });
    return promise;
  }

  /** Restarts a body that was made from an earlier spec. A body that is ending anyway is left to end. */
  private async renew(agent: Agent, by: string | undefined): Promise<void> {
    const { status, legal } = agent.position;
    if (status === 'stopping' || !legal.has('stop')) return;
    const at = this.services.clock.now();
    await agent.end(by === undefined ? { type: 'agent.stop', at } : { type: 'agent.stop', at, by });
    this.assertOpen();
    if (this.registry.find(agent.id) !== agent) throw goneMeanwhile(agent.id);
    // Another caller may have started it by now, with the new spec too.
    if (agent.position.legal.has('start')) await agent.start('agent.start', ignore, by);
  }

  private async enterOnceJudged(
    described: Promise<AgentManifest>,
    spec: ParsedAgentSpec,
    host: Host,
    secrets: SecretValues | undefined,
    by: string | undefined,
  ): Promise<string> {
    const { id } = spec;
    if (id !== undefined) this.registry.reserve(id);
    let manifest: AgentManifest;
    try {
      manifest = await described;
    } finally {
      if (id !== undefined) this.registry.release(id);
    }
    this.assertOpen();
    return this.enter(spec, manifest, host, secrets, by);
  }

  private enter(
    given: ParsedAgentSpec,
    manifest: AgentManifest,
    host: Host,
    secrets: SecretValues | undefined,
    by: string | undefined,
  ): Promise<string> {
    const { journal, agentIds } = this.services;
    const id = given.id ?? this.registry.newId(() => agentIds.nextOf(manifest.type));
    const spec = specToKeep(withoutSecrets(given), id, manifest.type);
    const agent = this.create(spec, given.module, manifest, host);
    if (secrets !== undefined) agent.give(secrets);
    const entry = new Entry(agent, this.registry);
    const registered: EventDraft = {
      sequence: 0,
      at: undefined,
      type: 'agent.registered',
      agentId: id,
      incarnation: 0,
      agentType: manifest.type,
      spec,
      manifest,
    };
    const draft = by === undefined ? registered : { ...registered, by };
    agent.registered = journal.emit(draft, entry).sequence;
    return entry.waiting.promise;
  }

  private create(
    spec: KeptSpec,
    code: ParsedAgentSpec['module'],
    manifest: AgentManifest,
    host: Host,
    missing?: string,
  ): Agent {
    const { id } = spec;
    const order = this.registry.nextOrder();
    const module = code as AnyAgentDefinition | URL;
    const agent = new Agent(
      { id, order, spec, policy: policyOf(spec), manifest, module, host, missing },
      this.services,
    );
    this.registry.add(agent);
    return agent;
  }
}

/** A registration, until its event was committed or could not be. */
class Entry implements CommitObserver {
  /** Resolves with the id. */
  readonly waiting = Promise.withResolvers<string>();
  private readonly agent: Agent;
  private readonly registry: Registry;

  constructor(agent: Agent, registry: Registry) {
    this.agent = agent;
    this.registry = registry;
  }

  committed(error?: AgentSystemError): void {
    const { agent, registry } = this;
    const { id: agentId, incarnation, journal } = agent;
    if (error === undefined) return this.waiting.resolve(agentId);
    const isThere = registry.get(agentId) === agent;
    if (isThere) agent.services.forgotten(agent);
    agent.discard(error);
    // An event takes the registration back, or a later program would find it.
    if (isThere) journal.emit({ type: 'agent.forgotten', agentId, incarnation }, undefined, null);
    this.waiting.reject(error);
  }
}

const ignore = (): void => undefined;

function withoutSecrets(spec: ParsedAgentSpec): ParsedAgentSpec {
  if (spec.secrets === undefined) return spec;
  return { ...spec, initArgs: splitSecrets(spec.initArgs, spec.secrets).shown };
}

/** Changes of secrets. */
function rekeyed(agent: Agent, given: SecretValues): readonly SpecChange[] {
  return [...given]
    .filter(([path, value]) => agent.secrets?.differs(path, value))
    .map(([path]) => ({ field: `initArgs.${path}`, from: REDACTED, to: REDACTED }));
}

function goneMeanwhile(agentId: string): AgentSystemError {
  const message = `agent ${inWords(agentId)} was forgotten while it was being changed`;
  return new AgentSystemError('AGENT_NOT_FOUND', message, { agentId });
}

function updatedEvent(
  { id: agentId, incarnation, registered }: Agent,
  { spec, manifest }: Pick<AgentTerms, 'spec' | 'manifest'>,
  changes: readonly SpecChange[],
  by: string | undefined,
): EventDraft {
  return {
    type: 'agent.updated',
    agentId,
    incarnation,
    agentType: manifest.type,
    spec,
    manifest,
    changes,
    registered,
    ...saidBy(by),
  };
}

function takenBack({ field, ...change }: SpecChange): SpecChange {
  return {
    field,
    ...('to' in change ? { from: change.to } : {}),
    ...('from' in change ? { to: change.from } : {}),
  };
}
