/** The options of `createAgentNode`, with every default in one place. */
import type { Logger } from 'pino';
import { z } from 'zod';
import { type Isolation, positiveDurationMs } from '../../machines/index.ts';
import { type AgentCode, agentCodeList } from '../../runtime/definition/module-binding.ts';
import type { SecretProvider } from '../../runtime/agent/agent-secrets.ts';
import type { Host } from '../../runtime/hosting/host.ts';
import type { Clock } from '../../runtime/time/clock.ts';
import { type TelemetryOptions, telemetryOptions } from '../../runtime/observability/telemetry.ts';
import { isNamedConstraint, type NamedConstraint } from '../../runtime/coordination/variables/constraints.ts';
import { isNamedScalingSignal, type NamedScalingSignal } from '../../runtime/pools/scaling-signal.ts';
import { inWords } from '../../runtime/values/errors.ts';
import { having } from '../../runtime/values/malformed.ts';
import { ENGINE_TIMEOUT_MS } from '../engine/engine-client.ts';
import { engineUrl } from '../engine/engine-url.ts';

/** A node: a program that runs agents of a fleet on its machine. */
export interface AgentNodeOptions {
  /** Its name in the fleet; no other live node has it. */
  readonly name: string;
  /** Where it listens: `http://`, an address of this machine, and a port; 0 for any that is free. */
  readonly listen: string;
  /** Where the Restate server is. */
  readonly restate: {
    readonly ingressUrl: string;
    readonly adminUrl: string;
    /** The engine's public keys: calls that none of them has signed are refused. Without them all calls are taken. */
    readonly identityKeys?: readonly string[] | undefined;
    /** The address by which the engine reaches `listen`, if it is another one. */
    readonly advertise?: string | undefined;
  };
  /** The code that it can run: definitions of this program, or `{ type, module: URL }`. */
  readonly agents?: readonly AgentCode[] | undefined;
  /**
   * Constraints that `fleet.variables.constrain` may put into force: the node that answers for the fleet checks them, so
   * every node that may do so has to have them.
   */
  readonly constraints?: readonly NamedConstraint[] | undefined;
  /**
   * Scaling signals that `scale.signal` of a pool may name: the node that answers for the fleet asks them, so every node
   * that may do so has to have them.
   */
  readonly scalingSignals?: readonly NamedScalingSignal[] | undefined;
  /** Labels that agents may require by `placement.labels`. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** What its agents may use together: agents at once, and bytes that they reserve. Default no limit. */
  readonly limits?:
    | { readonly maxAgents?: number | undefined; readonly maxMemoryBytes?: number | undefined }
    | undefined;
  /**
   * How long it may be silent before its agents run elsewhere, ms; default 2,000. It says that it is alive five times in a
   * lease, at the least every 500 ms. One whose machine refuses connections is gone sooner.
   */
  readonly leaseMs?: number | undefined;
  /**
   * How long it waits, as it starts, for an engine whose admin interface is away, ms; default 60,000, `Infinity` waits for
   * ever. An engine that refuses it is not waited for.
   */
  readonly engineTimeoutMs?: number | undefined;
  /** Whether it may answer for the fleet's own services; default true. */
  readonly control?: boolean | undefined;
  /**
   * Gives the secrets of `initArgs` that specs name, asked at each start of an agent here: the engine never has them.
   * Without it such a start fails.
   */
  readonly secrets?: SecretProvider | undefined;
  /** For the spans of what agents ask of each other; default the global tracer named `mabeam`. */
  readonly telemetry?: Pick<TelemetryOptions, 'tracer'> | undefined;
  /** A pino logger; default one that writes warnings and errors to stderr. */
  readonly logger?: Logger | undefined;
  /** The clock of its waits; default the machine's. */
  readonly clock?: Clock | undefined;
  /** Hosts in place of its own, by isolation. */
  readonly hosts?: Partial<Record<Isolation, Host>> | undefined;
}

const name = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, { error: 'expected a letter, then letters, digits, - and _' });
/** A node speaks without TLS, and picks no port by itself. */
function isListenable(listen: string): boolean {
  return /^http:\/\/[^/]+:\d{1,5}\/?$/.test(listen) && URL.canParse(listen);
}
const listenUrl = z.string().refine(isListenable, {
  error: 'expected http://<address>:<port>, without TLS; a proxy that has it is named by restate.advertise',
});
const httpUrl = z.string().regex(/^https?:\/\/[^/]+\/?$/, { error: 'expected http://<address>:<port>' });
/** 32 bytes in base58. */
const identityKey = z.string().regex(/^publickeyv1_[1-9A-HJ-NP-Za-km-z]{32,44}$/, {
  error: 'expected the public key that the engine logs, publickeyv1_ and 32 to 44 letters and digits',
});
const isFunction = z.custom<SecretProvider>((value) => typeof value === 'function', {
  error: 'expected a function',
});
const limit = z.union([z.literal(Infinity), z.int().min(0)]);
/** Code by its name: each name once. */
function namedCode<Named extends { readonly name: string }>(
  isNamed: (value: unknown) => value is Named,
  { what, from }: { readonly what: string; readonly from: string },
) {
  return z
    .array(z.custom<Named>(isNamed, { error: `expected what ${from} gives` }))
    .default([])
    .superRefine((given, issues) => {
      const names = new Set<string>();
      for (const { name: each } of given) {
        if (names.has(each)) issues.addIssue(`two ${what} of the name ${inWords(each)}`);
        names.add(each);
      }
    });
}
const host = having('refusal', 'describe', 'open', 'close').optional();
export const nodeOptions = z.strictObject({
  name,
  listen: listenUrl,
  restate: z.strictObject({
    ingressUrl: engineUrl,
    adminUrl: engineUrl,
    identityKeys: z.array(identityKey).min(1).optional(),
    advertise: httpUrl.optional(),
  }),
  agents: agentCodeList,
  constraints: namedCode(isNamedConstraint, { what: 'constraints', from: 'defineConstraint' }),
  scalingSignals: namedCode(isNamedScalingSignal, { what: 'scaling signals', from: 'defineScalingSignal' }),
  labels: z.record(z.string(), z.string()).default({}),
  limits: z
    .strictObject({ maxAgents: limit.default(Infinity), maxMemoryBytes: limit.default(Infinity) })
    .prefault({}),
  leaseMs: positiveDurationMs.default(2_000),
  engineTimeoutMs: positiveDurationMs.default(ENGINE_TIMEOUT_MS),
  secrets: isFunction.optional(),
  control: z.boolean().default(true),
  telemetry: telemetryOptions,
  logger: having('child', 'debug', 'info', 'warn', 'error').optional(),
  clock: having('now', 'setTimeout', 'clearTimeout').optional(),
  hosts: z.strictObject({ 'in-process': host, thread: host, process: host }).optional(),
});
export type ParsedNodeOptions = z.output<typeof nodeOptions>;
