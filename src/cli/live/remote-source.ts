/**
 * A running system, watched over its dashboard's stream.
 *
 * I1  A stream that breaks off is resumed from its position; once that is refused, it has ended for good.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { AgentDetail, AgentRow, Needs, Sample, StreamMessages } from '../../dashboard/protocol.ts';
import { longestDelayMs } from '../../machines/backoff.ts';
import { CommandFailure } from '../failure.ts';
import { type FleetApi, part } from '../fleet-api.ts';
import { type FleetPicture, type FleetSource, KEPT_SAMPLES, type TableAct } from './fleet-source.ts';

/** Before it connects again. */
const PAUSES = { delayMs: 500, maxDelayMs: 5_000 };

export class RemoteSource implements FleetSource {
  readonly title: string;
  readonly #api: FleetApi;
  readonly #agents = new Map<string, AgentRow>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #lost = Promise.withResolvers<never>();
  readonly #closing = new AbortController();
  readonly #watching: Promise<void>;
  #report: StreamMessages['fleet'] | undefined;
  #needs: Needs | undefined;
  #samples: Sample[] = [];
  #version = 0;
  #trouble: string | undefined;
  #position: string | undefined;

  constructor(api: FleetApi) {
    this.#api = api;
    this.title = api.origin;
    this.#ready.promise.catch(() => undefined);
    this.#lost.promise.catch(() => undefined);
    this.#watching = this.#watch();
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get lost(): Promise<never> {
    return this.#lost.promise;
  }

  picture(): FleetPicture {
    return {
      agents: this.#agents,
      report: this.#report,
      needs: this.#needs,
      samples: this.#samples,
      version: this.#version,
      trouble: this.#trouble,
    };
  }

  get canControl(): boolean {
    return this.#api.canControl;
  }

  async legal(agentId: string): Promise<AgentDetail['legal']> {
    return (await this.#api.get<AgentDetail>(`agents/${part(agentId)}`)).legal;
  }

  async act(agentId: string, act: TableAct): Promise<void> {
    await this.#api.act(`agents/${part(agentId)}/${act}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const query = { topics: 'fleet,agents', position: this.#position };
        for await (const { event, data, id } of await this.#api.stream('stream', query, signal)) {
          failures = 0;
          if (id !== undefined) this.#position = id;
          this.#take(event, data);
        }
        this.#changed('the connection ended; trying again');
      } catch (thrown) {
        if (signal.aborted) return;
        // After a refusal, or without a first connection, a retry will not help.
        if (isRefusal(thrown) || this.#version === 0) {
          this.#ready.reject(thrown);
          return this.#lost.reject(thrown);
        }
        this.#changed('nothing answers; trying again');
      }
      await wait(longestDelayMs(PAUSES, failures), undefined, { signal }).catch(() => undefined);
      failures += 1;
    }
  }

  #take(event: string | undefined, data: string): void {
    const message: unknown = JSON.parse(data);
    switch (event as keyof StreamMessages | undefined) {
      case 'fleet':
        this.#report = message as StreamMessages['fleet'];
        break;
      case 'needs':
        this.#needs = message as StreamMessages['needs'];
        break;
      case 'samples': {
        const { reset, samples } = message as StreamMessages['samples'];
        this.#samples = [...(reset ? [] : this.#samples), ...samples].slice(-KEPT_SAMPLES);
        break;
      }
      case 'agents': {
        const { reset, agents, gone } = message as StreamMessages['agents'];
        if (reset) this.#agents.clear();
        for (const id of gone) this.#agents.delete(id);
        for (const row of agents) this.#agents.set(row.id, row);
        break;
      }
      case 'bye':
        return this.#changed('the program has closed its dashboard; trying again');
      default:
        return;
    }
    this.#changed(undefined);
    if (this.#report !== undefined) this.#ready.resolve();
  }

  #changed(trouble: string | undefined): void {
    this.#version += 1;
    this.#trouble = trouble;
  }
}

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof CommandFailure && thrown.isRefusal;
}
