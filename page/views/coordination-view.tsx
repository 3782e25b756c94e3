/** What the fleet shares and decides: variables, rounds, and who leads. */
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { ShownRound, ShownVariable, VariableDetail } from '../../src/dashboard/protocol.ts';
import { ask, part } from '../connection/api.ts';
import { controlToken } from '../connection/session.ts';
import { now } from '../model/clock.ts';
import { coordination } from '../model/fleet.ts';
import { agentHref } from '../model/route.ts';
import { performed } from '../parts/performed.ts';
import { askFirst } from '../parts/dialogs.tsx';
import { Empty } from '../parts/empty.tsx';
import { Glyph } from '../parts/glyph.tsx';
import { Json } from '../parts/json.tsx';
import { Plot } from '../parts/plot.tsx';
import { ago, duration, inline, moment, number, time } from '../words.ts';

const chosen = signal<string | undefined>(undefined);

export function CoordinationView() {
  const report = coordination.value;
  if (report === undefined) return <main class="view" aria-busy="true" />;
  const { status, leader, variables, rounds } = report;
  const open = rounds.filter(({ phase }) => phase !== 'closed');
  const closed = rounds.filter(({ phase }) => phase === 'closed');
  const isAway = status !== 'available';
  return (
    <main class="view">
      <header>
        <h1>Coordination</h1>
        <p class={isAway ? 'tone-warn' : ''}>{isAway ? AWAY[status] : 'available'}</p>
        {controlToken.value === null ? null : (
          <div class="buttons controls">
            <button
              type="button"
              class="button"
              disabled={!isAway}
              onClick={() => void performed('coordination/resume', {}, 'resume coordination')}
            >
              Resume
            </button>
            <button
              type="button"
              class="button danger"
              disabled={isAway}
              onClick={() =>
                askFirst({
                  title: 'Suspend coordination?',
                  text: 'Open rounds expire, and agents work on with the last values they know until you resume it.',
                  verb: 'Suspend',
                  yes: () => void performed('coordination/suspend', {}, 'suspend coordination'),
                })
              }
            >
              Suspend
            </button>
          </div>
        )}
      </header>
      {isAway ? (
        <p class="card away">
          <Glyph status="unresponsive" /> Agents are in fallback mode: they work on with the last values they
          know, take no part in rounds, and catch up when coordination is back.
        </p>
      ) : null}
      <div class="columns">
        <section class="card span" aria-labelledby="variables-title">
          <header>
            <h2 id="variables-title">Variables</h2>
            <span class="aside">{number(variables.length)}</span>
          </header>
          <div class="body scroll-x" tabIndex={0} role="region" aria-label="Variables">
            {variables.length === 0 ? (
              <Empty title="No variables">
                <code>await system.variables.define('rate', variable.float({'{ min, max, default }'}))</code>
              </Empty>
            ) : (
              <table class="table">
                <thead>
                  <tr>
                    <th>name</th>
                    <th>value</th>
                    <th class="number">version</th>
                    <th>changed</th>
                    <th>out of date</th>
                  </tr>
                </thead>
                <tbody>
                  {variables.map((one) => (
                    <VariableRow key={one.name} variable={one} />
                  ))}
                </tbody>
              </table>
            )}
          </div>
        </section>
        {chosen.value === undefined ? null : (
          <Variable
            name={chosen.value}
            version={variables.find(({ name }) => name === chosen.value)?.version}
            isAway={isAway}
          />
        )}
        <section class="card" aria-labelledby="open-title">
          <header>
            <h2 id="open-title">Open rounds</h2>
            <span class="aside">{open.length === 0 ? 'none' : number(open.length)}</span>
          </header>
          <div class="body">
            {open.length === 0 ? (
              <Empty title="Nobody is being asked">
                A proposal shows up here with its votes as they come in.
              </Empty>
            ) : (
              open.map((round) => <Round key={round.roundId} round={round} />)
            )}
          </div>
        </section>
        <section class="card" aria-labelledby="leader-title">
          <header>
            <h2 id="leader-title">Leader</h2>
          </header>
          <div class="body">
            {leader === undefined ? (
              <Empty title="Nobody leads">
                An agent with leadershipEligible is elected as soon as one runs.
              </Empty>
            ) : (
              <dl class="facts">
                <dt>agent</dt>
                <dd>
                  <a class="mono" href={agentHref(leader.agentId)}>
                    {leader.agentId}
                  </a>
                </dd>
                <dt>term</dt>
                <dd>{number(leader.term)}</dd>
                <dt>life</dt>
                <dd>{number(leader.incarnation)}</dd>
              </dl>
            )}
          </div>
        </section>
        <section class="card span" aria-labelledby="closed-title">
          <header>
            <h2 id="closed-title">Decided</h2>
            <span class="aside">the newest {number(Math.min(30, closed.length))}</span>
          </header>
          <div class="body">
            {closed.length === 0 ? (
              <Empty title="Nothing decided yet" />
            ) : (
              closed.slice(0, 30).map((round) => <Round key={round.roundId} round={round} />)
            )}
          </div>
        </section>
      </div>
    </main>
  );
}

const AWAY: Readonly<Record<string, string>> = {
  suspended: 'suspended by an operator',
  recovering: 'failed, and is tried again',
  gave_up: 'gave up, and waits to be resumed',
  closed: 'closed with its system',
};

function VariableRow({
  variable: { name, value, version, updatedAt, outOfDate, kind },
}: {
  readonly variable: ShownVariable;
}) {
  const isChosen = chosen.value === name;
  return (
    <tr class={isChosen ? 'chosen' : ''}>
      <td>
        <button
          type="button"
          class="link mono"
          aria-expanded={isChosen}
          onClick={() => (chosen.value = isChosen ? undefined : name)}
        >
          {name}
        </button>{' '}
        <span class="quiet">{kind ?? 'not defined in this program'}</span>
      </td>
      <td class="mono">{inline(value)}</td>
      <td class="number">{number(version)}</td>
      <td class="nowrap">{ago(updatedAt, now.value)}</td>
      <td>
        {outOfDate === 0 ? (
          <span class="quiet">nobody</span>
        ) : (
          <span class="tone-warn">{number(outOfDate)}</span>
        )}
      </td>
    </tr>
  );
}

function Variable({
  name,
  version,
  isAway,
}: {
  readonly name: string;
  readonly version: number | undefined;
  readonly isAway: boolean;
}) {
  const [detail, setDetail] = useState<VariableDetail | undefined>(undefined);
  useEffect(() => {
    let isWanted = true;
    ask<VariableDetail>(`variables/${part(name)}`).then(
      (given) => isWanted && setDetail(given),
      () => undefined,
    );
    return () => {
      isWanted = false;
    };
  }, [name, version]);
  if (detail === undefined || detail.name !== name) return <section class="card span" aria-busy="true" />;
  const { history, behind, bounds } = detail;
  const isPlotted = history.length > 1 && history.every(({ value }) => typeof value === 'number');
  return (
    <section class="card span variable" aria-label={`Variable ${name}`}>
      <header>
        <h2 class="mono">{name}</h2>
        <span class="quiet mono">{Object.keys(bounds).length === 0 ? '' : inline(bounds)}</span>
        <button type="button" class="button aside" onClick={() => (chosen.value = undefined)}>
          Close
        </button>
      </header>
      <div class="body halves">
        <div>
          {isPlotted ? (
            <Plot
              label={`${name} over time`}
              times={[...history.map(({ at }) => at), now.value]}
              series={[
                {
                  label: name,
                  tone: 'accent',
                  isStepped: true,
                  isFilled: true,
                  values: [...history, history.at(-1)!].map(({ value }) => value as number),
                },
              ]}
              height={150}
              format={number}
            />
          ) : (
            <Json value={detail.value} />
          )}
          {controlToken.value === null ? null : <SetVariable detail={detail} isAway={isAway} />}
        </div>
        <div>
          <h3>History</h3>
          <ol class="history">
            {history
              .toReversed()
              .slice(0, 12)
              .map(({ version, value, at, by, why }) => (
                <li key={version}>
                  <span class="quiet">v{version}</span> <b class="mono cut">{inline(value)}</b>{' '}
                  <span class="quiet">
                    {time(at)}, {by}
                    {why === undefined ? '' : `: ${why}`}
                  </span>
                </li>
              ))}
          </ol>
          {behind.length === 0 ? null : (
            <>
              <h3>Out of date</h3>
              <p>
                {behind.slice(0, 20).map(({ agentId, version }) => (
                  <span key={agentId} class="nowrap">
                    <a class="mono" href={agentHref(agentId)}>
                      {agentId}
                    </a>{' '}
                    <span class="quiet">{version === 0 ? 'knows none' : `at v${version}`}</span>{' '}
                  </span>
                ))}
                {behind.length > 20 ? <span class="quiet">and {behind.length - 20} more</span> : null}
              </p>
            </>
          )}
        </div>
      </div>
    </section>
  );
}

function SetVariable({
  detail: { name, value },
  isAway,
}: {
  readonly detail: VariableDetail;
  readonly isAway: boolean;
}) {
  const [text, setText] = useState(inline(value));
  const [why, setWhy] = useState('');
  const parsed = parse(text);
  const body = { value: parsed, ...(why === '' ? {} : { why }) };
  return (
    <form class="set" onSubmit={(event) => event.preventDefault()}>
      <input
        class="field mono"
        aria-label="New value, as JSON"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <input
        class="field"
        aria-label="Why"
        placeholder="why"
        value={why}
        onInput={(event) => setWhy(event.currentTarget.value)}
      />
      <button
        type="button"
        class="button"
        disabled={parsed === undefined || isAway}
        onClick={() => void performed(`variables/${part(name)}`, body, `set ${name}`)}
      >
        Set
      </button>
      <button
        type="button"
        class="button"
        disabled={parsed === undefined || isAway}
        onClick={() => void performed('rounds', { variable: name, ...body }, `propose ${name}`)}
      >
        Propose
      </button>
    </form>
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function Round({ round }: { readonly round: ShownRound }) {
  const {
    roundId,
    variable,
    value,
    by,
    why,
    phase,
    tally,
    outcome,
    votes,
    electorate,
    stillOut,
    deadlineAt,
    closedAt,
    openedAt,
    terms,
    decidedBy,
    cut,
  } = round;
  const cast = tally?.voters;
  const isOpen = phase !== 'closed';
  const isAccepted = outcome === 'accepted';
  return (
    <article class="round" aria-label={roundId}>
      <p>
        {isOpen ? <Glyph status="starting" /> : <Glyph status={isAccepted ? 'completed' : 'stopped'} />}
        <b class="mono">{variable}</b> → <b class="mono">{inline(value)}</b>
        <span class="quiet">
          {by === '' ? '' : `by ${by}`}
          {why === undefined ? '' : `: ${why}`}
        </span>
        <span class="aside nowrap">
          {isOpen ? (
            <span class="tone-warn">
              {phase === 'voting' ? 'voting' : 'the leader decides'}
              {deadlineAt === undefined ? '' : `, ${duration(deadlineAt - now.value)} left`}
            </span>
          ) : (
            <>
              <b class={isAccepted ? 'tone-good' : 'tone-plain'}>{outcome?.replace('_', ' ')}</b>{' '}
              <span class="quiet">
                {decidedBy === 'leader' ? 'by the leader, ' : ''}
                {cut === undefined ? '' : `${cut.replaceAll('_', ' ')}, `}
                {closedAt === undefined ? '' : ago(closedAt, now.value)}
              </span>
            </>
          )}
        </span>
      </p>
      <Tally cast={cast} electorate={electorate} />
      {isOpen || votes.length > 0 ? (
        <details>
          <summary>
            {number(electorate)} asked, {terms?.rule ?? ''}{' '}
            {stillOut.length > 0 ? `, ${number(stillOut.length)} still out` : ''}
          </summary>
          <p class="votes">
            {votes.slice(-60).map(({ agentId, vote, refused, at }) => (
              <a
                key={`${agentId} ${at}`}
                class={`vote ${refused === undefined ? `voted-${vote}` : 'refused'}`}
                href={agentHref(agentId)}
                title={`${moment(at)}${refused === undefined ? '' : `, not counted: ${refused}`}`}
              >
                {agentId} <b>{refused === undefined ? vote : refused}</b>
              </a>
            ))}
          </p>
          {stillOut.length === 0 ? null : <p class="quiet">Still out: {stillOut.slice(0, 30).join(', ')}</p>}
          <p class="quiet mono">
            {roundId}, opened {moment(openedAt)}
          </p>
        </details>
      ) : null}
    </article>
  );
}

function Tally({
  cast,
  electorate,
}: {
  readonly cast: { readonly accept: number; readonly reject: number; readonly abstain: number } | undefined;
  readonly electorate: number;
}) {
  if (cast === undefined || electorate === 0) return null;
  const { accept, reject, abstain } = cast;
  const out = Math.max(0, electorate - accept - reject - abstain);
  const says = `${accept} accept, ${reject} reject, ${abstain} abstain, ${out} have not voted`;
  return (
    <div class="tally">
      <div class="tally-bar" role="img" aria-label={says}>
        {(
          [
            ['accept', accept],
            ['reject', reject],
            ['abstain', abstain],
            ['out', out],
          ] as const
        ).map(([name, count]) =>
          count === 0 ? null : <i key={name} class={`t-${name}`} style={{ flexGrow: count }} />,
        )}
      </div>
      <span class="quiet">{says}</span>
    </div>
  );
}
