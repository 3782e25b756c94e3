/** The id of an agent, as a link to it. One that is too long is cut in the middle: ids often differ at their ends alone. */
import { agentHref } from '../model/route.ts';

/** As many as base.css leaves room for. */
const END = 10;
/** One that is no longer is shown whole wherever there is room for a word. */
const SHORT = 16;

export function AgentLink({ id, isReached = true }: { readonly id: string; readonly isReached?: boolean }) {
  const cut = id.length <= SHORT ? 0 : id.length - END;
  return (
    <a class="mono id" href={agentHref(id)} title={id} aria-label={id} tabIndex={isReached ? undefined : -1}>
      {cut === 0 ? null : <span class="cut">{id.slice(0, cut)}</span>}
      <span class="nowrap">{id.slice(cut)}</span>
    </a>
  );
}
