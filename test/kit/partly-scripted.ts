/** A host that runs bodies in the program, except those of agents that a test plays itself. */
import { onTestFinished } from 'vitest';
import { inProcessHost } from '../../src/runtime/hosting/hosts/in-process.ts';
import type { Host } from '../../src/runtime/hosting/host.ts';
import { type ScriptedBody, scriptedHost } from '../../src/testing/index.ts';

type Script = (body: ScriptedBody) => void;

export interface PartlyScripted {
  /** Makes a host, for one system or one node. */
  host(): Host;
  /** Plays the bodies of that agent from now on, on every host: `script` is run with each body that opens. */
  play(agentId: string, script: Script): void;
  /** Every body of an agent that was played, oldest first. */
  bodiesOf(agentId: string): readonly ScriptedBody[];
}

export function partlyScripted(): PartlyScripted {
  const scripts = new Map<string, Script>();
  const scripted = scriptedHost({ onOpen: (body) => scripts.get(body.start.agentId)!(body) });
  return {
    host() {
      const real = inProcessHost();
      return {
        isolation: 'in-process',
        refusal: (spec) => real.refusal(spec),
        describe: (...asked) => real.describe(...asked),
        open: (start, listener) => (scripts.has(start.agentId) ? scripted : real).open(start, listener),
        close: () => real.close(),
      };
    },
    play(agentId, script) {
      scripts.set(agentId, script);
      // Ends the played bodies with the test: nobody else does.
      onTestFinished(() => {
        scripts.set(agentId, (body) => body.exit('normal'));
        for (const body of scripted.bodiesOf(agentId)) if (body.isLive) body.exit('normal');
      });
    },
    bodiesOf: (agentId) => scripted.bodiesOf(agentId),
  };
}
