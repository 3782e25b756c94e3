/** The machines of a fleet: how many agents run on each, what is reserved there, and which are gone. */
import type { ShownNode } from '../../src/dashboard/protocol.ts';
import { now } from '../model/clock.ts';
import { agentsHref } from '../model/route.ts';
import { ago, bytes, duration, number } from '../words.ts';
import { Empty } from './empty.tsx';
import { Glyph } from './glyph.tsx';

/** As the states of agents are shown: the same colour says the same. */
const GLYPHS = { live: 'running', draining: 'stopping', left: 'stopped', lost: 'crashed' } as const;
/** One that was silent for longer is said to be; ms. */
const SILENT_MS = 3_000;

export function NodeList({ nodes }: { readonly nodes: readonly ShownNode[] }) {
  if (nodes.length === 0) {
    return (
      <Empty title="No node">
        Agents run as soon as one joins.
        <br />
        <code>await createAgentNode({'{ name, listen, restate, agents }'})</code>
      </Empty>
    );
  }
  return (
    <table class="table nodes">
      <thead>
        <tr>
          <th>node</th>
          <th>state</th>
          <th class="number">agents</th>
          <th class="number wide">memory reserved</th>
        </tr>
      </thead>
      <tbody>
        {nodes.map((node) => (
          <tr key={node.name}>
            <td>
              <a class="mono" href={agentsHref({ node: node.name })}>
                {node.name}
              </a>{' '}
              <span class="quiet wide">{labelsOf(node)}</span>
            </td>
            <td>
              <Glyph status={GLYPHS[node.status]} /> {stateOf(node)}
            </td>
            <td class="number">
              {'agents' in node ? (
                <>
                  {number(node.agents)}
                  {node.maxAgents === null ? null : <span class="quiet"> of {number(node.maxAgents)}</span>}
                </>
              ) : (
                <span class="quiet">–</span>
              )}
            </td>
            <td class="number wide">
              {'agents' in node ? (
                <>
                  {bytes(node.memoryBytes)}
                  {node.maxMemoryBytes === null ? null : (
                    <span class="quiet"> of {bytes(node.maxMemoryBytes)}</span>
                  )}
                </>
              ) : (
                <span class="quiet">–</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function stateOf(node: ShownNode): string {
  if ('goneAt' in node) return `${node.status} ${ago(node.goneAt, now.value)}`;
  const { silentMs } = node;
  return silentMs > SILENT_MS ? `${node.status}, silent for ${duration(silentMs)}` : node.status;
}

function labelsOf(node: ShownNode): string {
  if (!('labels' in node)) return '';
  return Object.entries(node.labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}
