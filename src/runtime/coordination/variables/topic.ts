/**
 * One variable and the agents that declared it: its value, its history, and which version each of them knows.
 *
 * Knows no rule about who may change it. It tells its listeners, and notes what they acknowledge.
 *
 * I1  Versions grow by one. A listener is told of a version once, and never of an older one after a newer.
 * I2  Out of date are exactly the running listeners that have not acknowledged the current version.
 * I3  Every change is confirmed exactly once: when every `sync` listener has acknowledged it or is gone, when a newer
 *     change supersedes it, or when its caller has waited long enough; not before all listeners have been told.
 * I4  An acknowledgement costs the same however many listeners there are.
 */
import type { BodyRequest, VariableState } from '../../hosting/host.ts';
import type { Ballot } from '../rounds/ballot-box.ts';
import type { VariableDefinition } from './variable.ts';

/** What a topic needs of the body of an agent. */
export interface Subscriber {
  post(request: BodyRequest): void;
}

/** One incarnation of an agent, and what it knows of the variable. */
export interface Listener {
  readonly topic: Topic;
  readonly agentId: string;
  readonly incarnation: number;
  readonly body: Subscriber;
  isSync: boolean;
  /** Of its vote, in thousandths; 0 when it takes no part in rounds. A round goes by what it was when that opened. */
  voteWeight: number;
  /** Before it runs it is told nothing: it catches up when it does. */
  isRunning: boolean;
  /** The version it was told last, and the one it acknowledged last. */
  told: number;
  acknowledged: number;
  /** Of the round on the variable that it was asked in last. */
  ballot: Ballot | undefined;
  /** The same incarnation as it listens to another variable. */
  other: Listener | undefined;
}

/** One version in the history of a variable. */
export interface VariableVersion<Value = unknown> {
  /** 1, 2, 3 … one per change. */
  readonly version: number;
  /** The value from then on. */
  readonly value: Value;
  /** Epoch ms. */
  readonly at: number;
  /** Who changed it. */
  readonly by: string;
  /** Why, if that was said. */
  readonly why?: string;
}

/** An agent that has not acknowledged the current version. */
export interface OutOfDate {
  readonly agentId: string;
  readonly incarnation: number;
  /** The version it acknowledged last; 0 for none. */
  readonly version: number;
}

/** How far a change has come. */
export interface Confirmation {
  readonly version: number;
  /** Ids of the agents that acknowledged this version. */
  readonly acknowledged: readonly string[];
  /** Ids of those that had not by then. */
  readonly outOfDate: readonly string[];
  /** The version that came in its place before all had answered. */
  readonly supersededBy?: number;
}

type Confirm = (confirmation: Confirmation) => void;

export class Topic {
  readonly name: string;
  readonly listeners = new Set<Listener>();
  definition: VariableDefinition | undefined;
  current: VariableState | undefined;
  history: VariableVersion[] = [];
  /** `sync` listeners that were told of the current version and have not acknowledged it. */
  private awaited = 0;
  private confirm: Confirm | undefined;
  /** Whether not all listeners have been told of the current version. */
  private isUntold = false;

  constructor(name: string) {
    this.name = name;
  }

  get version(): number {
    return this.current?.version ?? 0;
  }

  /** The variable is as another program left it. */
  restore(current: VariableState, history: VariableVersion[]): void {
    this.current = current;
    this.history = history;
  }

  /** An incarnation opens, with the current value. */
  open(
    agentId: string,
    incarnation: number,
    body: Subscriber,
    isSync: boolean,
    voteWeight: number,
  ): Listener {
    const listener: Listener = {
      topic: this,
      agentId,
      incarnation,
      body,
      isSync,
      voteWeight,
      isRunning: false,
      told: this.version,
      acknowledged: 0,
      ballot: undefined,
      other: undefined,
    };
    this.listeners.add(listener);
    return listener;
  }

  /** What its agent is asked to be has changed: from here on it is waited for, or not, and votes with this weight. */
  change(listener: Listener, isSync: boolean, voteWeight: number): void {
    listener.voteWeight = voteWeight;
    if (listener.isSync === isSync) return;
    const isBehind = listener.told === this.version && this.isOutOfDate(listener);
    if (isBehind && !isSync) this.answered(listener);
    listener.isSync = isSync;
    if (isBehind && isSync) this.awaited += 1;
  }

  /** It runs: it began with the version it was opened with, and is told what has come since. */
  run(listener: Listener): void {
    listener.isRunning = true;
    listener.acknowledged = listener.told;
    this.catchUp(listener);
  }

  /** Tells a running listener of the current version, unless it was told. */
  catchUp(listener: Listener): void {
    const { current } = this;
    if (!current || !listener.isRunning || listener.told >= current.version) return;
    this.tell(listener, { type: 'variable.changed', variable: current });
  }

  leave(listener: Listener): void {
    if (!this.listeners.delete(listener)) return;
    const isAwaited = listener.told === this.version && this.isOutOfDate(listener);
    listener.isRunning = false;
    if (isAwaited) this.answered(listener);
  }

  /**
   * Puts the next version into force; who listens is told by `broadcast`.
   *
   * @param limit versions that are kept
   * @param confirm is called once, later than now
   */
  put(entry: VariableVersion, limit: number, confirm: Confirm): void {
    this.confirmNow(entry.version);
    this.current = { name: this.name, value: entry.value, version: entry.version };
    this.history.push(entry);
    if (this.history.length > limit) this.history.splice(0, this.history.length - limit);
    this.confirm = confirm;
    this.awaited = 0;
    this.isUntold = true;
  }

  /** Tells all running listeners of the current version, if that has not been done. */
  broadcast(): void {
    const { current } = this;
    if (current === undefined || !this.isUntold) return;
    const request: BodyRequest = { type: 'variable.changed', variable: current };
    try {
      for (const listener of this.listeners) {
        if (listener.isRunning && listener.told < current.version) this.tell(listener, request);
        // An agent that hears of it may have the variable changed again: that is told by a broadcast of its own.
        if (this.current !== current) return;
      }
    } finally {
      if (this.current === current) this.isUntold = false;
    }
    if (this.awaited === 0) this.confirmNow();
  }

  /** A change that is not confirmed yet is confirmed as it stands. */
  giveUpWaiting(version: number): void {
    if (version === this.version) this.confirmNow();
  }

  /** Notes an acknowledgement; `false` for one that says nothing new, or of a version that was never told. */
  acknowledge(listener: Listener, version: number): boolean {
    const { isRunning, acknowledged, told } = listener;
    if (!isRunning || !Number.isInteger(version) || version <= acknowledged || version > told) return false;
    listener.acknowledged = version;
    if (version === this.version) this.answered(listener);
    return true;
  }

  outOfDate(): OutOfDate[] {
    const behind: OutOfDate[] = [];
    for (const listener of this.listeners) {
      if (!this.isOutOfDate(listener)) continue;
      const { agentId, incarnation, acknowledged } = listener;
      behind.push({ agentId, incarnation, version: acknowledged });
    }
    return behind;
  }

  private tell(listener: Listener, request: BodyRequest): void {
    listener.told = this.version;
    if (listener.isSync) this.awaited += 1;
    listener.body.post(request);
  }

  private isOutOfDate({ isRunning, acknowledged }: Listener): boolean {
    return isRunning && acknowledged < this.version;
  }

  /** Nothing is awaited of it any more. */
  private answered({ isSync }: Listener): void {
    if (!isSync) return;
    this.awaited -= 1;
    if (this.awaited === 0 && !this.isUntold) this.confirmNow();
  }

  private confirmNow(supersededBy?: number): void {
    const confirm = this.confirm;
    if (confirm === undefined) return;
    this.confirm = undefined;
    const { version } = this;
    const acknowledged: string[] = [];
    const outOfDate: string[] = [];
    for (const { isRunning, acknowledged: known, agentId } of this.listeners) {
      if (isRunning) (known === version ? acknowledged : outOfDate).push(agentId);
    }
    confirm({ version, acknowledged, outOfDate, ...(supersededBy === undefined ? {} : { supersededBy }) });
  }
}
