/** Limits: budgets and what is spent of them, quotas and when they are reset, reservations. */
import type { ComponentChildren } from 'preact';
import type { ShownQuota } from '../../src/dashboard/protocol.ts';
import type { BudgetRecord } from '../../src/index.ts';
import { part } from '../connection/api.ts';
import { controlToken } from '../connection/session.ts';
import { now } from '../model/clock.ts';
import { limits } from '../model/fleet.ts';
import { agentHref } from '../model/route.ts';
import { performed } from '../parts/performed.ts';
import { askFirst } from '../parts/dialogs.tsx';
import { Empty } from '../parts/empty.tsx';
import { Glyph } from '../parts/glyph.tsx';
import { bytes, duration, moment, number, percent } from '../words.ts';

const NAMED = 12;

export function LimitsView() {
  const report = limits.value;
  if (report === undefined) return <main class="view" aria-busy="true" />;
  const { budgets, budgetCount, quotas, quotaCount, resources } = report;
  const reached = quotas.filter(({ status }) => status !== 'open');
  return (
    <main class="view">
      <header>
        <h1>Limits</h1>
        <p class={reached.length === 0 ? '' : 'tone-warn'}>
          {reached.length === 0 ? 'none is reached' : `${number(reached.length)} reached`}
        </p>
      </header>
      <div class="columns">
        <Section id="quotas" title="Limits of others" aside={countOf(quotas.length, quotaCount)}>
          {quotas.length === 0 ? (
            <Empty title="Nobody waits for a provider">
              An agent that runs into a limit is parked until that is reset, and goes on by itself.
            </Empty>
          ) : (
            <ul class="limit-list">
              {quotas.map((quota) => (
                <Quota key={`${quota.isShared} ${quota.name}`} quota={quota} />
              ))}
            </ul>
          )}
        </Section>
        <Section id="budgets" title="Budgets" aside={countOf(budgets.length, budgetCount)}>
          {budgets.length === 0 ? (
            <Empty title="No budgets">
              What may be spent, of tokens, money, calls and time.
              <br />
              <code>system.budgets.define({'{ name, limits, everyMs }'})</code>
            </Empty>
          ) : (
            <ul class="limit-list">
              {budgets.map((budget) => (
                <Budget key={`${budget.name} ${budget.of ?? ''}`} budget={budget} />
              ))}
            </ul>
          )}
        </Section>
        <Section id="reserved" title="Reserved by running agents" aside="">
          <dl class="facts">
            <dt>agents</dt>
            <dd>
              {number(resources.agents)}
              <Of all={resources.agentsLeft} used={resources.agents} format={number} />
            </dd>
            <dt>memory</dt>
            <dd>
              {bytes(resources.memoryBytes)}
              <Of all={resources.memoryBytesLeft} used={resources.memoryBytes} format={bytes} />
            </dd>
          </dl>
        </Section>
      </div>
    </main>
  );
}

function Section({
  id,
  title,
  aside,
  children,
}: {
  readonly id: string;
  readonly title: string;
  readonly aside: string;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="card" aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        <span class="aside">{aside}</span>
      </header>
      <div class="body">{children}</div>
    </section>
  );
}

function countOf(shown: number, all: number): string {
  if (all === 0) return 'none';
  return shown === all ? number(all) : `${number(shown)} of ${number(all)}`;
}

/** JSON has no Infinity: what is left without a limit is null. */
function Of({
  all: left,
  used,
  format,
}: {
  readonly all: number | null;
  readonly used: number;
  readonly format: (value: number) => string;
}) {
  if (left === null || !Number.isFinite(left)) return <span class="quiet">, without a limit</span>;
  return <span class="quiet"> of {format(used + left)}</span>;
}

const QUOTA_GLYPHS = { parked: 'stopping', releasing: 'starting', open: 'running' } as const;

function Quota({
  quota: { name, isShared, status, parked, waiting, waitingCount },
}: {
  readonly quota: ShownQuota;
}) {
  const lift = () => void performed(`quotas/${part(name)}/lift`, {}, `lift ${name}`);
  return (
    <li>
      <p>
        <Glyph status={QUOTA_GLYPHS[status]} />{' '}
        {isShared ? (
          <b class="mono">{name}</b>
        ) : (
          <a class="mono" href={agentHref(name)}>
            {name}
          </a>
        )}{' '}
        <span class="quiet">{isShared ? 'a group' : 'one agent'}</span>
        <span class={status === 'open' ? 'aside quiet' : 'aside tone-warn'}>
          {status === 'open'
            ? 'open'
            : status === 'releasing'
              ? 'reset: they go on one by one'
              : parked === undefined
                ? 'parked'
                : `back in ${duration(parked.until - now.value)}, ${moment(parked.until)}`}
        </span>
      </p>
      {parked === undefined ? null : (
        <p>
          {parked.why}
          {parked.guessed ? <span class="quiet">, nobody said until when: this is a guess</span> : null}
        </p>
      )}
      {waitingCount === 0 ? null : (
        <p class="quiet">
          {number(waitingCount)} waiting:{' '}
          {waiting.slice(0, NAMED).map((id) => (
            <>
              <a key={id} class="mono" href={agentHref(id)}>
                {id}
              </a>{' '}
            </>
          ))}
          {waitingCount > NAMED ? `and ${number(waitingCount - NAMED)} more` : ''}
        </p>
      )}
      {controlToken.value === null || status !== 'parked' ? null : (
        <button
          type="button"
          class="button"
          onClick={() =>
            askFirst({
              title: `Have ${name} go on now?`,
              text: 'Those that wait go on one after the other, as if the limit had been reset. If it has not, they run into it again.',
              verb: 'Go on',
              yes: lift,
            })
          }
        >
          Go on now
        </button>
      )}
    </li>
  );
}

const UNITS = [
  ['tokens', 'tokens'],
  ['money', 'money'],
  ['calls', 'calls'],
  ['wallMs', 'time'],
] as const;
const BUDGET_GLYPHS = { ample: 'running', low: 'unresponsive', exhausted: 'crashed' } as const;

function Budget({ budget }: { readonly budget: BudgetRecord }) {
  const { name, of, scope, status, limits: most, spent, reserved, share, refillAt } = budget;
  const title = of === undefined ? name : `${name} of ${of}`;
  const refill = () =>
    void performed(`budgets/${part(name)}/refill`, of === undefined ? {} : { of }, `refill ${title}`);
  const tone = status === 'exhausted' ? 'tone-bad' : status === 'low' ? 'tone-warn' : 'quiet';
  return (
    <li>
      <p>
        <Glyph status={BUDGET_GLYPHS[status]} /> <b class="mono">{name}</b>{' '}
        {of === undefined ? (
          <span class="quiet">{typeof scope === 'string' ? `of the ${scope}` : 'of a group'}</span>
        ) : scope === 'agent' ? (
          <a class="mono" href={agentHref(of)}>
            {of}
          </a>
        ) : (
          <span class="mono quiet">{of}</span>
        )}
        <span class={`aside ${tone}`}>
          {status === 'exhausted' ? 'spent' : status}, {percent(share)}
        </span>
      </p>
      {UNITS.map(([unit, words]) => {
        const limit = most[unit];
        if (limit === undefined) return null;
        const [used, held] = [spent[unit] ?? 0, reserved[unit] ?? 0];
        const format = unit === 'wallMs' ? duration : number;
        const says = `${format(used)} of ${format(limit)} ${unit === 'wallMs' ? '' : words}${held > 0 ? `, ${format(held)} reserved` : ''}`;
        return (
          <div key={unit} class="meter">
            <span>{words}</span>
            <div class="meter-bar" role="img" aria-label={says}>
              <i class={`meter-spent at-${status}`} style={{ width: shareOf(used, limit) }} />
              <i class="meter-held" style={{ width: shareOf(Math.min(held, limit - used), limit) }} />
            </div>
            <span class="quiet">{says}</span>
          </div>
        );
      })}
      <p class="quiet">
        {refillAt === undefined
          ? 'is not refilled by itself'
          : `refilled in ${duration(refillAt - now.value)}, ${moment(refillAt)}`}
      </p>
      {controlToken.value === null ? null : (
        <button
          type="button"
          class="button"
          onClick={() =>
            askFirst({
              title: `Refill ${title}?`,
              text: 'What was spent of it counts no more: as much as its limit says may be spent again.',
              verb: 'Refill',
              yes: refill,
            })
          }
        >
          Refill
        </button>
      )}
    </li>
  );
}

function shareOf(part: number, whole: number): string {
  return whole <= 0 ? '100%' : `${Math.min(100, Math.max(0, (part / whole) * 100))}%`;
}
