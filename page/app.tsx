/** The frame of the page: navigation, state of the connection, and the open view. */
import { effect } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { controlToken, keepToken, lock, token } from './connection/session.ts';
import { connection, Stream } from './connection/stream.ts';
import { now } from './model/clock.ts';
import {
  agents,
  agentsComplete,
  agentsVersion,
  coordination,
  fleet,
  hello,
  limits,
  needs,
  otherAgent,
  pools,
  questions,
  take,
  work,
} from './model/fleet.ts';
import { go, type Route, route } from './model/route.ts';
import { askForSecret, Dialogs } from './parts/dialogs.tsx';
import { Icon } from './parts/icons.tsx';
import { type Theme, theme } from './parts/theme.ts';
import { Toasts } from './parts/toasts.tsx';
import { AgentView } from './views/agent-view.tsx';
import { AgentsView } from './views/agents-view.tsx';
import { CoordinationView } from './views/coordination-view.tsx';
import { FleetView } from './views/fleet-view.tsx';
import { LimitsView } from './views/limits-view.tsx';
import { PoolsView } from './views/pools-view.tsx';
import { QuestionsView } from './views/questions-view.tsx';
import { TimelineView } from './views/timeline-view.tsx';
import { WorkView } from './views/work-view.tsx';
import { number } from './words.ts';

const stream = new Stream(take);
let watchedId: string | undefined;

effect(() => {
  const open = route.value;
  const id = open.view === 'agent' ? open.id : undefined;
  if (id !== watchedId) otherAgent();
  watchedId = id;
  if (token.value !== '') stream.listen(topicsOf(open));
});

/** Subscribes to the topics of the open view alone. */
function topicsOf(open: Route): string {
  switch (open.view) {
    case 'agent':
      return `fleet,agent:${open.id}`;
    case 'agents':
      return 'fleet,agents';
    case 'timeline':
      return 'fleet,agents,marks';
    case 'fleet':
      return 'fleet,marks';
    default:
      return `fleet,${open.view}`;
  }
}

const PLACES = [
  { view: 'fleet', name: 'Fleet', href: '#/', key: '1' },
  { view: 'agents', name: 'Agents', href: '#/agents', key: '2' },
  { view: 'work', name: 'Work', href: '#/work', key: '3' },
  { view: 'questions', name: 'Questions', href: '#/questions', key: '4' },
  { view: 'limits', name: 'Limits', href: '#/limits', key: '5' },
  { view: 'timeline', name: 'Timeline', href: '#/timeline', key: '6' },
  { view: 'coordination', name: 'Coordination', href: '#/coordination', key: '7' },
  { view: 'pools', name: 'Pools', href: '#/pools', key: '8' },
] as const;

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const place = PLACES.find(({ key }) => key === event.key);
  if (place) go(place.href);
  else if (event.key === '/' && route.value.view === 'agents') {
    event.preventDefault();
    document.getElementById('search')?.focus();
  } else if (event.key === '/') {
    event.preventDefault();
    go('#/agents');
    requestAnimationFrame(() => document.getElementById('search')?.focus());
  }
});

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest('input, select, textarea, dialog, [contenteditable]') !== null
  );
}

export function App() {
  const { is } = connection.value;
  if (token.value === '' || is === 'denied') return <Door isWrong={is === 'denied'} />;
  const open = route.value;
  return (
    <div class="shell">
      <Nav open={open} />
      <div class="main">
        <Banner />
        <View open={open} />
      </div>
      <Dialogs />
      <Toasts />
    </div>
  );
}

function View({ open }: { readonly open: Route }) {
  const name = PLACES.find(({ view }) => view === open.view)?.name ?? 'Agent';
  useEffect(() => {
    document.title = open.view === 'agent' ? `${open.id} · mabeam` : `${name} · mabeam`;
  }, [open.view, open.view === 'agent' ? open.id : '']);
  switch (open.view) {
    case 'agents':
      return <AgentsView query={open.query} />;
    case 'agent':
      return <AgentView key={open.id} id={open.id} />;
    case 'work':
      return <WorkView query={open.query} />;
    case 'questions':
      return <QuestionsView />;
    case 'limits':
      return <LimitsView />;
    case 'timeline':
      return <TimelineView />;
    case 'coordination':
      return <CoordinationView />;
    case 'pools':
      return <PoolsView />;
    default:
      return <FleetView />;
  }
}

function Nav({ open }: { readonly open: Route }) {
  const here = open.view === 'agent' ? 'agents' : open.view;
  const total = Object.values(fleet.value?.counts ?? {}).reduce((sum, count) => sum + count, 0);
  const alerts = fleet.value?.alerts.total ?? 0;
  const { failed = 0, stalled = 0, questions: asked = 0, parked = 0, spentBudgets = 0 } = needs.value ?? {};
  const counts: Partial<Record<(typeof PLACES)[number]['view'], readonly [string, boolean]>> = {
    fleet: alerts === 0 ? ['', false] : [`${number(alerts)} ${alerts === 1 ? 'alert' : 'alerts'}`, true],
    agents: [total === 0 ? '' : number(total), false],
    work: needing(failed + stalled),
    questions: needing(asked),
    limits: needing(parked + spentBudgets),
  };
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    // On a narrow screen the places do not all fit.
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [here]);
  return (
    <nav class="nav" aria-label="Views">
      <a class="brand" href="#/" aria-label="mabeam, fleet">
        <img src="./icon.svg" alt="" width="22" height="22" />
        <span>mabeam</span>
      </a>
      <ul ref={list}>
        {PLACES.map(({ view, name, href }) => (
          <li key={view}>
            <a href={href} aria-current={here === view ? 'page' : undefined}>
              <Icon name={view} />
              {name}
              {counts[view]?.[0] ? (
                <span class={counts[view][1] ? 'count bad' : 'count'}>{counts[view][0]}</span>
              ) : null}
            </a>
          </li>
        ))}
      </ul>
      <div class="nav-foot">
        {hello.value?.control ? <Lock /> : null}
        <ThemeButton />
        <LinkState />
      </div>
    </nav>
  );
}

function needing(count: number): readonly [string, boolean] {
  return [count === 0 ? '' : number(count), true];
}

function Lock() {
  const isOpen = controlToken.value !== null;
  return (
    <button
      type="button"
      class={isOpen ? 'nav-button on' : 'nav-button'}
      onClick={isOpen ? lock : askForSecret}
    >
      <Icon name={isOpen ? 'unlocked' : 'locked'} />
      <span>{isOpen ? 'Lock control' : 'Unlock control'}</span>
    </button>
  );
}

const NEXT: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };
const THEME_WORDS: Readonly<Record<Theme, string>> = { auto: 'As the system', light: 'Light', dark: 'Dark' };

function ThemeButton() {
  const chosen = theme.value;
  return (
    <button
      type="button"
      class="nav-button"
      onClick={() => (theme.value = NEXT[chosen])}
      aria-label={`Theme: ${THEME_WORDS[chosen]}`}
    >
      <Icon name={chosen} />
      <span>{THEME_WORDS[chosen]}</span>
    </button>
  );
}

function LinkState() {
  const isLive = connection.value.is === 'live';
  const words = isLive
    ? `Live · process ${hello.value?.pid ?? ''}`
    : connection.value.is === 'lost'
      ? 'Not connected'
      : 'Connecting…';
  return (
    <div class={isLive ? 'link-state' : 'link-state off'}>
      <i />
      <span>{words}</span>
    </div>
  );
}

/** Says that the server is gone, how old the shown data is, and that the connection is tried again. */
function Banner() {
  const state = connection.value;
  if (state.is !== 'lost') return null;
  const seconds = Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1_000));
  // Read, so that the words keep up with the time.
  void now.value;
  const since = Math.max(0, Math.round((Date.now() - state.since) / 1_000));
  return (
    <div class="banner" role="alert">
      <span>
        The program cannot be reached{since > 2 ? `, what you see is ${since} s old` : ''}.{' '}
        {seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again…'}
      </span>
      <button type="button" class="button" onClick={() => stream.again()}>
        Try now
      </button>
    </div>
  );
}

/** Shown without the token, which every request needs. */
function Door({ isWrong }: { readonly isWrong: boolean }) {
  const [given, setGiven] = useState('');
  return (
    <main class="door">
      <img src="./icon.svg" alt="" width="40" height="40" />
      <h1>{isWrong ? 'This token is not the right one' : 'This dashboard has a token'}</h1>
      <p>
        Open the address that the program gives as dashboard.url: the token is in it. It changes with every
        start, unless the program sets one.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          keepToken(given.trim());
          connection.value = { is: 'connecting' };
          stream.again();
        }}
      >
        <label class="hidden-visually" for="token">
          Token
        </label>
        <input
          id="token"
          class="field"
          type="password"
          autocomplete="off"
          placeholder="or paste it here"
          value={given}
          onInput={(event) => setGiven(event.currentTarget.value)}
        />
        <button type="submit" class="button primary" disabled={given.trim() === ''}>
          Open
        </button>
      </form>
    </main>
  );
}

// Read by tests: what the page knows.
Object.assign(globalThis, {
  mabeam: {
    agents,
    agentsVersion,
    agentsComplete,
    fleet,
    work,
    questions,
    limits,
    coordination,
    pools,
    connection,
  },
});
