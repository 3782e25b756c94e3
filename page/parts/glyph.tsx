/** A status by shape and colour: the shape alone is enough where colours cannot be told apart. */
import type { AgentStatus } from '../../src/machines/index.ts';

const SHAPES: Readonly<Record<AgentStatus | 'forgotten', string>> = {
  running: 'M6 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Z',
  starting: 'M6 1a5 5 0 1 0 5 5H9.2A3.2 3.2 0 1 1 6 2.8Z',
  unresponsive: 'M6 .9 11.4 10.8H.6ZM5.3 4.4v3.2h1.4V4.4Zm0 3.9v1.3h1.4V8.3Z',
  stopping: 'M1.2 3.2h9.6L6 10.4Z',
  crashed: 'm2.6 1.2 3.4 3.4 3.4-3.4 1.4 1.4L7.4 6l3.4 3.4-1.4 1.4L6 7.4l-3.4 3.4-1.4-1.4L4.6 6 1.2 2.6Z',
  completed: 'm4.4 10.2-3.6-3.6 1.5-1.5 2.1 2.1 5.3-5.4 1.5 1.5Z',
  stopped: 'M2 2h8v8H2Z',
  registered:
    'M6 1.3a4.7 4.7 0 1 0 0 9.4 4.7 4.7 0 0 0 0-9.4Zm0 1.6a3.1 3.1 0 1 1 0 6.2 3.1 3.1 0 0 1 0-6.2Z',
  forgotten: 'M2 5.2h8v1.6H2Z',
};

export function Glyph({ status }: { readonly status: AgentStatus | 'forgotten' }) {
  return (
    <svg class={`glyph of-${status}`} viewBox="0 0 12 12" aria-hidden="true">
      <path d={SHAPES[status]} fill="currentColor" fill-rule="evenodd" />
    </svg>
  );
}

export function Status({ status }: { readonly status: AgentStatus | 'forgotten' }) {
  return (
    <span class={`status of-${status}`}>
      <Glyph status={status} />
      <b>{status}</b>
    </span>
  );
}
