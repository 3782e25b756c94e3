/**
 * Agents in this thread: no overhead, and no containment except for what they throw.
 *
 * A blocked loop, an exit or a late throw of such an agent hits the whole program.
 */
import type { ParsedAgentSpec } from '../../../machines/index.ts';
import { AgentBody, type Surroundings } from '../agent-body.ts';
import type { AnyAgentDefinition } from '../../definition/define-agent.ts';
import { type AgentManifest, manifestOf } from '../../definition/manifest.ts';
import { errorInfoOf } from '../../values/errors.ts';
import type { Body, BodyListener, BodyStart, Host } from '../host.ts';
import { loadAgentModule } from '../../definition/load-agent-module.ts';
import { judge } from '../../values/schema.ts';

export function inProcessHost(surroundings: Surroundings = {}): Host {
  return {
    isolation: 'in-process',
    refusal,
    describe,
    open: (start, listener) => open(start, listener, surroundings),
    close: () => Promise.resolve(),
  };
}

function refusal({ resources }: ParsedAgentSpec): string | undefined {
  if (resources.maxMemoryBytes !== undefined) {
    return 'resources.maxMemoryBytes: an in-process agent has no memory of its own to limit; use isolation "process"';
  }
  if (resources.cpuPriority !== 'normal') {
    return `resources.cpuPriority: an in-process agent has the priority of its program, expected "normal", got "${resources.cpuPriority}"`;
  }
  if (resources.sandbox !== undefined) {
    return 'resources.sandbox: an in-process agent has the permissions of its program; use isolation "process"';
  }
  if (resources.group !== undefined) {
    return 'resources.group: in-process agents share their program already; use isolation "process"';
  }
  if (resources.env !== undefined && resources.env !== 'all') {
    return 'resources.env: an in-process agent has the environment of its program; use isolation "process"';
  }
  return undefined;
}

async function describe(module: URL, initArgs: unknown): Promise<AgentManifest> {
  return describeDefinition(await loadAgentModule(module), initArgs);
}

/** The manifest of a definition whose `initArgs` are as it expects them; shared with hosts that live elsewhere. */
export async function describeDefinition(
  definition: AnyAgentDefinition,
  initArgs: unknown,
): Promise<AgentManifest> {
  const verdict = await judge(definition.initArgs, initArgs);
  if ('problem' in verdict) throw new TypeError(`initArgs: ${verdict.problem}`);
  return manifestOf(definition);
}

function open(start: BodyStart, listener: BodyListener, surroundings: Surroundings): Body {
  const body = new AgentBody(start, listener, surroundings);
  const { module } = start;
  if (module instanceof URL) {
    loadAgentModule(module, start.agentType).then(
      (definition) => body.run(definition),
      (thrown: unknown) => body.fail({ error: errorInfoOf(thrown) }),
    );
  } else {
    body.run(module);
  }
  return body;
}
