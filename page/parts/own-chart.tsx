/** An agent's own chart: its states as boxes within each other, the ways out of each, and where it stands lit up. */
import type { AgentChart, OutlinedState, OutlinedTransition } from '../../src/index.ts';
import { now } from '../model/clock.ts';
import type { SeenStep } from '../../src/dashboard/protocol.ts';
import { leaves, ownChart, seenSteps } from '../model/own-chart.ts';
import { ago, duration } from '../words.ts';

export function OwnChart() {
  const chart = ownChart.value;
  if (chart === undefined) return null;
  const steps = seenSteps.value;
  return (
    <section class="card own-chart" aria-labelledby="own-chart-title">
      <header class="chart-head">
        <h2 id="own-chart-title">Its behaviour</h2>
        <span class="mono quiet cut" data-active={leaves(chart.active).join(' ')}>
          {leaves(chart.active).join(', ')}
        </span>
      </header>
      <div class="own-states" tabIndex={0} role="group" aria-label={`The states of ${chart.id}`}>
        <Ways ways={chart.transitions} step={steps[0]} isActive />
        <Within chart={chart} path="" step={steps[0]} />
      </div>
      {steps.length === 0 ? null : (
        <ol class="own-steps" aria-label="Last transitions">
          {steps.map(({ at, left, entered }) => (
            <li key={`${at} ${entered.join()}`}>
              <span class="mono">
                {leaves(left).join(', ')} → {leaves(entered).join(', ')}
              </span>{' '}
              <small class="quiet">{ago(at, now.value)}</small>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

interface WithinProps {
  readonly chart: AgentChart;
  readonly path: string;
  readonly step: SeenStep | undefined;
}

function Within({ chart, path, step }: WithinProps) {
  const inner = chart.states.filter((state) => parentOf(state.path) === path);
  if (inner.length === 0) return null;
  return (
    <ul class="own-within">
      {inner.map((state) => (
        <State key={state.path} chart={chart} state={state} step={step} />
      ))}
    </ul>
  );
}

function State({
  chart,
  state,
  step,
}: {
  readonly chart: AgentChart;
  readonly state: OutlinedState;
  readonly step: SeenStep | undefined;
}) {
  const isActive = chart.active.includes(state.path);
  const wasLeft = step?.left.includes(state.path) ?? false;
  const kind = state.type === 'atomic' || state.type === 'compound' ? '' : state.type;
  return (
    <li
      class={`own-state${isActive ? ' is-active' : ''}${wasLeft ? ' was-left' : ''}`}
      aria-current={isActive ? 'step' : undefined}
      data-state={state.path}
    >
      <p class="own-name">
        {state.isInitial ? (
          <span class="quiet" title="it begins here">
            ●{' '}
          </span>
        ) : null}
        <b>{state.path.slice(parentOf(state.path).length).replace(/^\./, '')}</b>
        {kind === '' ? null : <small class="quiet"> {kind}</small>}
      </p>
      {state.description === undefined ? null : <p class="quiet small">{state.description}</p>}
      <Ways ways={state.transitions} step={wasLeft ? step : undefined} isActive={isActive} />
      <Within chart={chart} path={state.path} step={step} />
    </li>
  );
}

function Ways({
  ways,
  step,
  isActive,
}: {
  readonly ways: readonly OutlinedTransition[];
  readonly step: SeenStep | undefined;
  readonly isActive: boolean;
}) {
  if (ways.length === 0) return null;
  return (
    <ul class={isActive ? 'own-ways is-open' : 'own-ways'}>
      {ways.map(({ on, to, isGuarded }, place) => (
        <li key={place} class={isTaken(to, step) ? 'was-taken' : ''}>
          {eventWords(on)}
          {isGuarded ? <small class="quiet"> guarded</small> : null}
          {to.length === 0 ? null : <span class="quiet"> → {to.join(', ')}</span>}
        </li>
      ))}
    </ul>
  );
}

/** A delay in numbers, as people say it. */
function eventWords(on: string): string {
  return on.replace(/^after (\d+) ms$/, (_, ms: string) => `after ${duration(Number(ms))}`);
}

/** Whether the last step may have gone this way. */
function isTaken(to: readonly string[], step: SeenStep | undefined): boolean {
  return to.some((path) => step?.entered.some((one) => one === path || one.startsWith(`${path}.`)));
}

function parentOf(path: string): string {
  const end = path.lastIndexOf('.');
  return end === -1 ? '' : path.slice(0, end);
}
