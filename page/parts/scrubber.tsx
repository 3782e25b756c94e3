/** Goes back through a life, step by step: what its record said after each event. */
import type { LifeReport } from '../../src/dashboard/protocol.ts';
import { now } from '../model/clock.ts';
import { place } from '../model/life.ts';
import { ago, moment, number } from '../words.ts';
import { Icon } from './icons.tsx';

export function Scrubber({ report: { steps, earlier } }: { readonly report: LifeReport }) {
  const last = steps.length - 1;
  const at = place.value ?? last;
  const step = steps[at];
  if (step === undefined) {
    return (
      <div class="scrubber">
        <p class="quiet">
          The store has dropped the events of its life: there is nothing to go back through. How many it keeps
          is said where it is made.
        </p>
      </div>
    );
  }
  const isLive = place.value === undefined;
  const go = (to: number) => {
    place.value = Math.min(last, Math.max(0, to));
  };
  return (
    <div class="scrubber" data-sequence={step.sequence}>
      <div class="scrubber-bar">
        <button
          type="button"
          class="button icon"
          aria-label="One step back"
          disabled={at === 0}
          onClick={() => go(at - 1)}
        >
          <Icon name="back" />
        </button>
        <input
          type="range"
          min={0}
          max={last}
          value={at}
          aria-label="Step of the life"
          aria-valuetext={`step ${earlier + at + 1}, ${step.type}, ${step.status}`}
          onInput={(event) => go(Number(event.currentTarget.value))}
        />
        <button
          type="button"
          class="button icon"
          aria-label="One step on"
          disabled={at === last}
          onClick={() => go(at + 1)}
        >
          <Icon name="forward" />
        </button>
        <button
          type="button"
          class="button"
          aria-pressed={isLive}
          onClick={() => (place.value = isLive ? last : undefined)}
        >
          {isLive ? 'Live' : 'Back to now'}
        </button>
      </div>
      <dl class="step">
        <div>
          <dt>step</dt>
          <dd>
            {number(earlier + at + 1)} <small>of {number(earlier + steps.length)}</small>
          </dd>
        </div>
        <div>
          <dt>event</dt>
          <dd class="mono">{step.type}</dd>
        </div>
        <div>
          <dt>when</dt>
          <dd>
            {moment(step.at)} <small>{ago(step.at, now.value)}</small>
          </dd>
        </div>
        <div>
          <dt>status</dt>
          <dd data-status={step.status}>{step.status}</dd>
        </div>
        <div>
          <dt>life</dt>
          <dd>{step.incarnation}</dd>
        </div>
        <div>
          <dt>restarts</dt>
          <dd>{step.restarts}</dd>
        </div>
        <div>
          <dt>tasks</dt>
          <dd>
            {number(step.tasks.done)} <small>done</small>{' '}
            {number(step.tasks.failed + step.tasks.timedOut + step.tasks.abandoned)} <small>failed</small>
          </dd>
        </div>
      </dl>
    </div>
  );
}
