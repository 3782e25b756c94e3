/** Things that happened, one line each. */
import type { Mark } from '../../src/dashboard/protocol.ts';
import { now } from '../model/clock.ts';
import { ago, duration, markTone, markWords, time } from '../words.ts';
import { AgentLink } from './agent-link.tsx';
import { Empty } from './empty.tsx';

export function MarkList({
  marks,
  isExact = false,
}: {
  readonly marks: readonly Mark[];
  readonly isExact?: boolean;
}) {
  if (marks.length === 0) {
    return (
      <Empty title="Nothing yet">Crashes, restarts, alerts, rounds and changes of size show up here.</Empty>
    );
  }
  return (
    <ol class="marks">
      {marks.map((mark) => (
        <li key={mark.order}>
          <time>{isExact ? time(mark.at) : ago(mark.at, now.value)}</time>
          <i class={`dot tone-${markTone(mark)}`} />
          <p>
            <Subject mark={mark} /> <b class={`tone-${markTone(mark)}`}>{markWords(mark)}</b>{' '}
            <span class="quiet cut">{detailOf(mark)}</span>
          </p>
        </li>
      ))}
    </ol>
  );
}

function Subject({ mark: { agentId, pool, variable, by, type } }: { readonly mark: Mark }) {
  const name =
    agentId === undefined ? <span class="mono">{pool ?? variable ?? ''}</span> : <AgentLink id={agentId} />;
  return type === 'operator.act' ? (
    <>
      <span>{by} →</span> {name}
    </>
  ) : (
    name
  );
}

function detailOf({ type, text = '', restartAt, at, attempt, by }: Mark): string {
  if (type === 'agent.restart_scheduled')
    return `in ${duration((restartAt ?? at) - at)}, restart ${attempt ?? ''}`;
  if (type === 'variable.changed' || type === 'round.opened') return `${text} by ${by ?? ''}`;
  return text;
}
