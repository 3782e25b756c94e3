/** `mabeam agent ID`: all that is known of one agent. */
import type { AgentDetail, EventPage } from '../../dashboard/protocol.ts';
import { listedFrom, lookOf, noteOn, upTime } from '../agent-list.ts';
import { apiOf, type Call, type JsonOption, outJson, storeOf, type TargetOptions } from '../call.ts';
import { type Console, plainText } from '../console.ts';
import { eventLine } from '../event-line.ts';
import { bytes, count, duration, latency, moment, share } from '../figures.ts';
import { part } from '../fleet-api.ts';
import { noSuchAgent, readingStore } from '../stored-fleet.ts';

export interface AgentOptions extends TargetOptions, JsonOption {
  readonly state?: boolean;
}

const EVENTS = 10;

export async function agent(call: Call, id: string, options: AgentOptions): Promise<void> {
  const store = storeOf(options);
  if (store !== undefined) return ofStore(call, store, id, options);
  const api = apiOf(call, options);
  const path = `agents/${part(id)}`;
  const [detail, { events }] = await Promise.all([
    api.get<AgentDetail>(path),
    api.get<EventPage>(`${path}/events`, { limit: EVENTS }),
  ]);
  const saved = options.state
    ? (await api.get<{ readonly state: unknown }>(`${path}/state`)).state
    : undefined;
  const { console } = call;
  if (options.json)
    return outJson(console, { ...detail, ...(options.state ? { state: saved } : {}), events });

  const { agent, health, legal, reason, abandoned, metrics, spec } = detail;
  const now = Date.now();
  facts(console, [
    ['agent', agent.id],
    ['type', agent.type],
    ['status', console.paint(lookOf(agent.status), agent.status)],
    ['chart', agent.state],
    ['note', noteOn(agent, now)],
    ['why it ended', reason?.text],
    ['incarnation', String(agent.incarnation)],
    ['up', upTime(agent, now)],
    ['restarts', `${agent.restarts} (${restartsOf(agent)})`],
    ['runs', `${agent.isolation}${agent.pool === undefined ? '' : `, in pool ${agent.pool}`}`],
    ['capabilities', agent.capabilities.join(', ')],
    ['health', `${health.status}${healthDetail(health.detail)}`],
    [
      'tasks',
      `${count(agent.done)} done, ${count(agent.failed)} failed, ${count(agent.running)} running, ${count(agent.waiting)} waiting`,
    ],
    [
      'latency',
      agent.latencyMs &&
        `${latency(agent.latencyMs.mean)} on average, ${latency(agent.latencyMs.last)} last, ${latency(metrics.latencyMs.max)} at most`,
    ],
    ['memory', agent.memoryBytes === undefined ? undefined : bytes(agent.memoryBytes)],
    ['cpu', agent.cpuShare === undefined ? undefined : share(agent.cpuShare)],
    ['left undone', abandoned.join(', ')],
    ['may be asked', legal.join(', ')],
  ]);
  block(console, 'spec', spec);
  if (options.state) block(console, 'saved state', saved);
  if (events.length > 0) console.out(`\n${console.paint('bold', 'last events')}`);
  for (const event of events) console.out(eventLine(event, console.paint));
}

async function ofStore(call: Call, path: string, id: string, options: AgentOptions): Promise<void> {
  const { console } = call;
  await readingStore(path, async ({ recovery, life, state }) => {
    const stored = recovery.agents.find(({ registered }) => registered.agentId === id);
    if (stored === undefined)
      throw noSuchAgent(
        id,
        recovery.agents.map(({ registered }) => registered.agentId),
      );
    const [steps, saved] = [await life(id), options.state ? await state(id) : undefined];
    const { spec } = stored.registered;
    const last = steps.at(-1);
    const listed = listedFrom(stored);
    const { abandoned = [], tasks } = last ?? {};
    if (options.json) {
      return outJson(console, {
        agent: listed,
        abandoned,
        tasks,
        spec,
        ...(options.state ? { state: saved } : {}),
      });
    }
    facts(console, [
      ['agent', listed.id],
      ['type', listed.type],
      ['status', console.paint(lookOf(listed.status), listed.status)],
      ['note', noteOn(listed, Date.now())],
      ['incarnation', String(listed.incarnation)],
      ['restarts', String(listed.restarts)],
      ['started', listed.startedAt === undefined ? undefined : moment(listed.startedAt)],
      ['ended', listed.endedAt === undefined ? undefined : moment(listed.endedAt)],
      [
        'lived',
        listed.startedAt === undefined || listed.endedAt === undefined
          ? undefined
          : duration(listed.endedAt - listed.startedAt),
      ],
      ['tasks', tasks && `${tasks.done} done, ${tasks.failed + tasks.timedOut + tasks.abandoned} failed`],
      ['left undone', abandoned.join(', ')],
    ]);
    block(console, 'spec', spec);
    if (options.state) block(console, 'saved state', saved);
  });
}

function facts({ out, paint }: Console, lines: readonly (readonly [string, string | undefined])[]): void {
  for (const [name, value] of lines) {
    if (value === undefined || value === '') continue;
    out(`${paint('dim', name.padEnd(14))}${isPainted(value) ? value : plainText(value)}`);
  }
}

function block({ out, paint }: Console, title: string, data: unknown): void {
  out(`\n${paint('bold', title)}`);
  out(data === undefined || data === null ? 'none' : JSON.stringify(data, undefined, 2));
}

function healthDetail(detail: unknown): string {
  return detail === undefined ? '' : `: ${JSON.stringify(detail)}`;
}

/** Whether this program has styled the text already. */
function isPainted(text: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return /^\u001B\[[\d;]+m[a-z_]+\u001B\[[\d;]+m$/.test(text);
}

/** Only an agent that is restarted by itself is given up after so many. */
function restartsOf({ restartPolicy, maxRestarts }: AgentDetail['agent']): string {
  const isByItself = restartPolicy === 'immediate' || restartPolicy === 'delayed';
  return isByItself ? `${restartPolicy}, ${maxRestarts} at the most` : restartPolicy;
}
