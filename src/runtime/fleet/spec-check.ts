/**
 * Checks specs against their code and their host: the host can keep the limits, the store the data, and the module
 * accepts `initArgs`.
 *
 * Owns the time that a description may take. It registers nothing.
 *
 * I1  An error of a refused spec quotes no secret.
 */
import type { Isolation, ParsedAgentSpec } from '../../machines/index.ts';
import type { Agent } from '../agent/agent.ts';
import { missingSecret, SECRET_GIVERS } from '../agent/agent-secrets.ts';
import type { AgentServices } from '../agent/agent-services.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import { type AgentManifest, manifestOf } from '../definition/manifest.ts';
import type { Host } from '../hosting/host.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { machineLackIn } from '../values/machine-lack.ts';
import { readInput } from '../values/malformed.ts';
import { meantBy } from '../values/near-name.ts';
import { judge, type Verdict } from '../values/schema.ts';
import {
  endOfPath,
  joinSecrets,
  noSecrets,
  outermostPaths,
  type SecretValues,
  secretTexts,
  splitSecrets,
  withoutSecretsIn,
  withoutTexts,
} from '../values/secret-paths.ts';
import { urlInWords } from '../values/url-in-words.ts';
import { DescriptionTime } from './description-time.ts';
import { invalidSpec } from './spec-reading.ts';

export interface SpecCheckOptions {
  readonly services: AgentServices;
  readonly hosts: ReadonlyMap<Isolation, Host>;
  /** Throws `SYSTEM_CLOSED` once the system closes. */
  readonly assertOpen: () => void;
}

/** A spec with its secrets in it. */
export interface SpecSecrets {
  readonly spec: ParsedAgentSpec;
  /** The secrets that the caller gave. */
  readonly given: SecretValues;
  readonly texts: readonly string[];
}

export class SpecCheck {
  private readonly services: AgentServices;
  private readonly hosts: ReadonlyMap<Isolation, Host>;
  private readonly assertOpen: () => void;
  private readonly descriptionTime: DescriptionTime;

  constructor({ services, hosts, assertOpen }: SpecCheckOptions) {
    this.services = services;
    this.hosts = hosts;
    this.assertOpen = assertOpen;
    this.descriptionTime = new DescriptionTime(services.clock);
  }

  /** Refuses callers that wait for a description with `why`. */
  giveUp(why: AgentSystemError): void {
    this.descriptionTime.giveUpAll(why);
  }

  /**
   * A spec with its secrets in it, given or asked of the provider: only for the check by its module.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` for a missing secret, and for one that is not given within
   * `startTimeoutMs`
   */
  async secretsOf(spec: ParsedAgentSpec, agent: Agent | undefined): Promise<SpecSecrets> {
    const { secrets } = this.services;
    const asked = () => withSecrets(spec, secrets, agent?.secrets?.given, agent?.manifest.type);
    const { startTimeoutMs: timeoutMs } = spec;
    const late = () => lateSecrets(spec);
    const whole = await (spec.secrets === undefined
      ? asked()
      : this.descriptionTime.within({ timeoutMs, late }, asked));
    this.assertOpen();
    return whole;
  }

  assertKeepable({ initArgs, id }: ParsedAgentSpec): void {
    // A later program has to start it with the same `initArgs`.
    const problem = this.services.store.isDurable ? jsonProblemOf(initArgs) : undefined;
    if (problem === undefined) return;
    throw invalidSpec(`initArgs: ${problem}, expected data that a durable store can keep as JSON`, id);
  }

  hostFor(isolation: Isolation, spec: ParsedAgentSpec): Host {
    const host = this.hosts.get(isolation);
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
   * Loads the module and lets it check `initArgs`, within `startTimeoutMs`, in every host. Returns no promise
   * if nothing has to be waited for.
   */
  manifestOf(
    spec: ParsedAgentSpec,
    host: Host,
    secrets?: SpecSecrets,
  ): AgentManifest | Promise<AgentManifest> {
    return secrets === undefined || secrets.texts.length === 0
      ? this.described(spec, host)
      : withoutTextsIn(() => this.described(spec, host), secrets.texts);
  }

  private described(spec: ParsedAgentSpec, host: Host): AgentManifest | Promise<AgentManifest> {
    const { module, initArgs } = spec;
    if (module instanceof URL) return this.load(module, spec, host);
    const definition = module as AnyAgentDefinition;
    const verdict = judge(definition.initArgs, initArgs);
    return verdict instanceof Promise
      ? this.judged(verdict, definition, spec)
      : manifestIf(verdict, definition, spec);
  }

  private async load(module: URL, spec: ParsedAgentSpec, host: Host): Promise<AgentManifest> {
    const { initArgs, id, resources, startTimeoutMs: timeoutMs } = spec;
    const late = () => lateModule(module, spec);
    try {
      return await this.descriptionTime.within({ timeoutMs, late }, (turn) =>
        host.describe(module, initArgs, resources, turn),
      );
    } catch (thrown) {
      if (thrown instanceof AgentSystemError) throw thrown;
      throw undescribed(thrown, id);
    }
  }

  private async judged(
    verdict: Promise<Verdict>,
    definition: AnyAgentDefinition,
    spec: ParsedAgentSpec,
  ): Promise<AgentManifest> {
    const { startTimeoutMs: timeoutMs } = spec;
    const late = () => lateSchema(spec);
    return manifestIf(
      await this.descriptionTime.within({ timeoutMs, late }, () => verdict),
      definition,
      spec,
    );
  }
}

/**
 * A spec with its secrets in it: given with it, known already, or asked of the provider.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for a missing secret
 */
export async function withSecrets(
  spec: ParsedAgentSpec,
  { provider, givers }: Pick<AgentServices['secrets'], 'provider' | 'givers'>,
  known: SecretValues = noSecrets,
  knownType?: string,
): Promise<SpecSecrets> {
  const paths = outermostPaths(spec.secrets ?? []);
  if (paths.length === 0) return { spec, given: noSecrets, texts: [] };
  const { shown, values: given } = secretsIn(spec, paths);
  const { id, module } = spec;
  const type = module instanceof URL ? knownType : (module as AnyAgentDefinition).type;
  const whose = { ...(id === undefined ? {} : { agentId: id }), ...(type === undefined ? {} : { type }) };
  const lost = (path: string) => lostSecret(spec.initArgs, path, givers);
  const ask = async (path: string): Promise<unknown> => {
    let cause: unknown;
    try {
      const value = await provider?.({ ...whose, path });
      if (value !== undefined) return value;
    } catch (thrown) {
      cause = thrown;
    }
    const why = cause === undefined ? '' : `: ${errorInfoOf(cause).message}`;
    throw invalidSpec(`secrets: ${lost(path) ?? missingSecret(id, path, givers)}${why}`, id, cause);
  };
  const values = new Map(given);
  for (const path of paths) {
    if (!values.has(path)) values.set(path, known.get(path) ?? (await ask(path)));
  }
  const initArgs = joinSecrets(shown, values);
  return { spec: { ...spec, secrets: [...paths], initArgs }, given, texts: secretTexts(values) };
}

/** What is refused where a module could not be described: the spec, or nothing of it where the machine lacks something. */
export function undescribed(thrown: unknown, agentId: string | undefined): AgentSystemError {
  const { message } = errorInfoOf(thrown);
  const lack = machineLackIn(thrown);
  if (lack === undefined) return invalidSpec(`module: ${message}`, agentId, thrown);
  const why = `the module could not be loaded now, as the machine lacks what that takes (${lack}): ${message}`;
  return new AgentSystemError('RESOURCES_EXHAUSTED', why, { agentId, cause: thrown });
}

function lateModule(module: URL, spec: ParsedAgentSpec): AgentSystemError {
  return tooLate(`module: module ${urlInWords(module)}: expected it to load`, spec);
}

export function lateSchema(spec: ParsedAgentSpec): AgentSystemError {
  return tooLate('initArgs: expected their schema to answer', spec);
}

export function lateSecrets(spec: ParsedAgentSpec): AgentSystemError {
  return tooLate('secrets: expected them to be given', spec);
}

function tooLate(expected: string, { id, startTimeoutMs }: ParsedAgentSpec): AgentSystemError {
  return invalidSpec(`${expected} within startTimeoutMs, ${startTimeoutMs} ms`, id);
}

/** Of a secret that was not given, why its path is to blame; `undefined` where it leads to its place. */
function lostSecret(initArgs: unknown, path: string, givers = SECRET_GIVERS): string | undefined {
  const end = endOfPath(initArgs, path);
  if (end === undefined) return undefined;
  const { within, key, known } = end;
  const place = within === '' ? 'initArgs' : `initArgs.${within}`;
  const which = `${place} has no ${inWords(key)} (${meantBy(key, known)})`;
  return `initArgs.${path} leads nowhere: ${which}; expected the path of a value that is given, or the value of ${givers}`;
}

/** What a check gives; the error of a refused spec may quote a secret, and is thrown without it. */
export async function withoutTextsIn<Value>(
  check: () => Value | Promise<Value>,
  texts: readonly string[],
): Promise<Value> {
  try {
    return await check();
  } catch (thrown) {
    throw withoutTextsOf(thrown, texts);
  }
}

/** The same refusal, without secrets; without its cause, which may hold one. */
function withoutTextsOf(thrown: unknown, texts: readonly string[]): unknown {
  if (!(thrown instanceof AgentSystemError)) return thrown;
  const { code, agentId, details } = thrown;
  return new AgentSystemError(code, withoutTexts(thrown.message, texts), {
    agentId,
    details: withoutSecretsIn(details, texts),
  });
}

/** What is given at these paths within `initArgs`, and what is shown of them. */
export function secretsIn(
  { id, initArgs }: ParsedAgentSpec,
  paths: readonly string[],
): ReturnType<typeof splitSecrets> {
  return readInput(() => splitSecrets(initArgs, paths), { what: 'spec: initArgs', agentId: id });
}

function manifestIf(
  verdict: Verdict,
  definition: AnyAgentDefinition,
  { id }: ParsedAgentSpec,
): AgentManifest {
  if ('problem' in verdict) throw invalidSpec(`initArgs: ${verdict.problem}`, id);
  return manifestOf(definition);
}
