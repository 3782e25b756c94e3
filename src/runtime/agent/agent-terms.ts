/** What one agent is made of: its spec, its code and its host. */
import type { LifePolicy, ParsedAgentSpec } from '../../machines/index.ts';
import type { AnyAgentDefinition } from '../definition/define-agent.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { Host } from '../hosting/host.ts';
import type { StoredSpec } from '../journal/system-event.ts';
import type { SecretValues } from '../values/secret-paths.ts';

/** A spec as the store has it: with its defaults, and with the URL or the type of its module in place of the module. */
export type KeptSpec = Omit<ParsedAgentSpec, 'id' | 'module'> & StoredSpec & { readonly id: string };

/** An agent's spec, with the code and the host of its bodies. */
export interface AgentTerms {
  readonly spec: KeptSpec;
  readonly policy: LifePolicy;
  readonly manifest: AgentManifest;
  readonly module: AnyAgentDefinition | URL;
  readonly host: Host;
  /** The secrets of `initArgs` that this program gave. */
  readonly given?: SecretValues | undefined;
}

export interface AgentOptions extends AgentTerms {
  readonly id: string;
  /** Position in the order of registration. */
  readonly order: number;
  /** Why its code is missing, if it is. */
  readonly missing?: string | undefined;
}
