/** Tasks of a fleet that are submitted again and again: `fleet.tasks.schedule`. Each schedule is an object of the engine. */
import {
  readSchedule,
  type ScheduleOptions,
  type ScheduleRecord,
} from '../../runtime/fleet/schedule-rules.ts';
import { checkTask } from '../../runtime/fleet/task-check.ts';
import { type ActOptions, actSchema } from '../../runtime/values/act.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import { SCHEDULE } from '../engine/names.ts';
import { type AskedSchedule, type ScheduleLook, SCHEDULES } from '../tasks/schedule-object.ts';
import type { FleetAgents } from './fleet-agents.ts';
import type { FleetCommands } from './fleet-commands.ts';

export class FleetSchedules {
  readonly #engine: EngineClient;
  readonly #commands: FleetCommands;
  readonly #agents: FleetAgents;

  constructor(engine: EngineClient, commands: FleetCommands, agents: FleetAgents) {
    this.#engine = engine;
    this.#commands = commands;
    this.#agents = agents;
  }

  async set(options: ScheduleOptions): Promise<ScheduleRecord> {
    this.#commands.assertOpen();
    const { by, timezone: zone, ...read } = readSchedule(options);
    if (!read.name.isWellFormed()) {
      const message = `tasks.schedule: name: expected whole characters, got ${inWords(read.name)}`;
      throw new AgentSystemError('TASK_INPUT_INVALID', message);
    }
    // A pattern means the same wherever it is looked at.
    const timezone = read.cron === undefined ? undefined : (zone ?? ownTimezone());
    const asked = (timezone === undefined ? read : { ...read, timezone }) as unknown as AskedSchedule;
    await this.#checkTarget(asked);
    const at = await this.#engine.now();
    return this.#engine.call({ service: SCHEDULE, key: asked.name, method: 'set' }, { asked, at, by });
  }

  async list(): Promise<ScheduleRecord[]> {
    const looks = await this.looks();
    return looks.map(({ record }) => record).toSorted((one, other) => one.setAt - other.setAt);
  }

  looks(): Promise<readonly ScheduleLook[]> {
    return this.#engine.call<readonly ScheduleLook[]>({ ...SCHEDULES, method: 'list' }, null, REPEATABLE);
  }

  async remove(name: string, options: ActOptions): Promise<void> {
    this.#commands.assertOpen();
    const { by } = parseInput(actSchema, options, { what: 'tasks.unschedule', code: 'TASK_INPUT_INVALID' });
    if (typeof name !== 'string' || name === '' || !name.isWellFormed())
      throw new AgentSystemError('TASK_UNKNOWN', `there is no schedule ${inWords(name)}`);
    const at = await this.#engine.now();
    const target = { service: SCHEDULE, key: name, method: 'remove' };
    valueOf(await this.#engine.call<Answer<undefined>>(target, { at, by }));
  }

  /** @throws AgentSystemError as `submit` for a target that is not there, and for a task that it cannot do */
  async #checkTarget({ target, task }: AskedSchedule): Promise<void> {
    const { retry: _, ...asked } = task as { readonly type: string; readonly retry?: unknown };
    if (typeof target === 'string') {
      checkTask(asked, (await this.#commands.look(target)).manifest, target);
      return;
    }
    const [known] = await this.#agents.briefs(target);
    if (known !== undefined) {
      checkTask(asked, (await this.#commands.look(known.id)).manifest);
      return;
    }
    const isPool = 'pool' in target;
    const what = isPool ? `in pool ${inWords(target.pool)}` : `of type ${inWords(target.type)}`;
    const code = isPool ? 'POOL_UNKNOWN' : 'AGENT_NOT_FOUND';
    throw new AgentSystemError(code, `tasks.schedule: no agent ${what} is registered`);
  }
}

function ownTimezone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}
