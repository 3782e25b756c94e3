/**
 * `mabeam run`: a fleet from its file, from its start to the end of its last agent.
 *
 * I1  Whatever ends it, a signal, its own work or a fault, it ends in order, under one deadline.
 * I2  The exit code says whether all ended in order.
 * I3  It does not end because nobody reads its output, or because that cannot be written.
 * I4  A second signal ends the program at once; its agents' processes end with it.
 */
import type { Logger } from 'pino';
import type { AgentSystem } from '../../index.ts';
import { stderrLogger } from '../../runtime/values/stderr-logger.ts';
import type { Call, JsonOption } from '../call.ts';
import { plainText } from '../console.ts';
import { CommandFailure, EXIT, linesOfFailure } from '../failure.ts';
import { counted, duration } from '../figures.ts';
import { fleetFileOf, fleetFrom } from '../fleet-file.ts';
import { drain, endLine, livingIn, namesOf } from '../run/drain.ts';
import { Ending } from '../run/ending.ts';
import { lineLogger } from '../run/log-lines.ts';
import { checkServices, openServices, type ServiceOptions } from '../run/services.ts';
import { StartFaults } from '../run/start-faults.ts';
import { isTerminal, liveTalk, plainTalk } from '../run/talk.ts';
import { doneBy } from '../run/until-done.ts';

export interface RunOptions extends ServiceOptions, JsonOption {
  readonly deadline?: number;
  readonly untilDone?: boolean;
  readonly plain?: boolean;
  readonly verbose?: boolean;
  readonly logLevel: string;
}

/** Shown with `--verbose` alone. */
const DETAILS = /^(?:task\.|agent\.state_saved$|variable\.acknowledged$|round\.voted$)/;
/** Time that is left to code of the fleet once all else has ended; ms. */
const LINGER_MS = 1_000;

export async function run(
  { console, signal, outliveReader }: Call,
  named: string | undefined,
  options: RunOptions,
): Promise<number> {
  checkServices(options);
  outliveReader();
  const fleet = await Promise.race([fleetFrom(fleetFileOf(named)), interrupted(signal)]);
  if (fleet === undefined) return exitSoon(EXIT.interrupted);
  const isLive = isTerminal(console) && !options.json && !options.plain;
  const talk = isLive ? await liveTalk(console, () => logger) : plainTalk(console, options.json === true);
  const { note } = talk;
  const logger: Logger = options.json
    ? stderrLogger(options.logLevel)
    : lineLogger(options.logLevel, talk.paint, talk.log);
  using ending = new Ending(console.env);
  if (signal.aborted) ending.ask('SIGINT');
  const faults = new StartFaults();
  const opened = Promise.withResolvers<AgentSystem>();
  const begunAt = performance.now();
  await using services = new AsyncDisposableStack();
  services.defer(() => talk.hide());

  const starting = fleet.start({
    logger,
    onSystem: async (system) => {
      opened.resolve(system);
      system.events.subscribe((event) => {
        if (!options.verbose && DETAILS.test(event.type)) return;
        talk.tell(event);
      });
      const readiness = () => faults.verdictOn(system);
      const opening = openServices(system, options, { env: console.env, logger, say: note, readiness });
      const { dashboard } = services.use(await opening);
      const title = [plainText(fleet.name), ...(dashboard === undefined ? [] : [dashboard.url])].join('   ');
      void talk.show(system, title).then((how) => ending.ask(how === 'quit' ? 'SIGTERM' : 'SIGINT'));
    },
    onFault: (fault) => {
      const { message, code } = fault.error;
      note(`${plainText(faults.note(fault))} did not start: ${plainText(message)} (${code})`);
    },
  });
  starting.catch(opened.reject);
  const work = async () => {
    const system = await starting;
    faults.started();
    note(
      `${fleet.name}: ${counted(livingIn(system).length, 'agent')} after ${duration(performance.now() - begunAt)}.`,
    );
    await doneBy(fleet, system, { signal: ending.signal, untilDone: options.untilDone === true });
  };

  let exitCode: number = 0;
  const fail = (thrown: unknown) => {
    exitCode = thrown instanceof CommandFailure ? thrown.exitCode : EXIT.failed;
    linesOfFailure(thrown).forEach((line) => note(line));
  };
  await Promise.race([work(), ending.asked]).catch(fail);
  ending.begin();
  await talk.hide();
  // If the start failed, that was reported, and there is nothing to end.
  const system = await Promise.race([opened.promise.catch(() => undefined), ending.again]);
  if (typeof system === 'object') {
    const closing = drain(system, { deadlineMs: options.deadline ?? fleet.shutdownMs, say: note });
    const report = await Promise.race([closing, ending.again]);
    if (typeof report === 'string') {
      const left = namesOf(livingIn(system));
      note(`Killed${left === undefined ? '' : `: ${left}`}.`);
      process.exit(EXIT.failed);
    }
    note(endLine(report));
    if (report.abandoned.length > 0 || report.unkeptEvents !== undefined) exitCode = EXIT.failed;
  } else if (system !== undefined) process.exit(EXIT.failed);
  return exitSoon(exitCode === 0 && ending.isInterrupt ? EXIT.interrupted : exitCode);
}

function interrupted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined));
  });
}

/** Code of the fleet that goes on when all else has ended is not waited for. */
function exitSoon(exitCode: number): number {
  setTimeout(() => process.exit(exitCode), LINGER_MS).unref();
  return exitCode;
}
