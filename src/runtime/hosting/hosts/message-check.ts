/**
 * Checks messages of a child against the protocol, field by field.
 *
 * An agent's code can send anything over the channel of its child, and nothing behind this check looks again. All
 * values are data that was cloned: no getter runs when they are looked at. Written by hand, for every answer of a
 * task passes here.
 */
import { types } from 'node:util';
import { type ErrorInfo, type ExitReason, exitReason } from '../../../machines/index.ts';
import type { Vote } from '../../definition/contexts.ts';
import type { AgentManifest } from '../../definition/manifest.ts';
import { type ErrorCode, errorCodes, inWords } from '../../values/errors.ts';
import { MAX_CAUSES, MAX_ERRORS, MAX_TEXT_OF_ALL } from '../../values/error-info.ts';
import { cloneProblemOf } from '../../values/clone-survey.ts';
import { jsonProblemOf } from '../../values/json-survey.ts';
import { isShortAsText } from '../../values/text-measure.ts';
import type { LogLevel } from '../host.ts';
import { MAX_DETAIL_TEXT, MAX_REQUEST_NAME, MAX_REQUEST_TEXT } from '../request-bounds.ts';
import { isWithErrors, MAX_ERRORS_WITHIN, messageOf, type WithErrors } from './errors-within.ts';
import { type BodyKey, type ChildReport, MAX_COUNTS_TEXT, MAX_LOG_TEXT } from './protocol.ts';

type Fields = Readonly<Record<string, unknown>>;
type Check = (report: Fields) => boolean;

const CODES: ReadonlySet<unknown> = new Set<ErrorCode>(errorCodes);

/** Longer than any text of an error that is cut where it is thrown; and than all texts of one together. */
const MAX_TEXT = 32_768;
const MAX_ERROR_TEXT = 4 * MAX_TEXT_OF_ALL;

const ERROR_FIELDS: ReadonlySet<string> = new Set<keyof ErrorInfo>([
  'name',
  'message',
  'stack',
  'code',
  'cause',
  'errors',
  'data',
]);
const LEVELS: ReadonlySet<unknown> = new Set<LogLevel>(['debug', 'info', 'warn', 'error']);
const VOTES: ReadonlySet<unknown> = new Set<Vote>(['accept', 'reject', 'abstain']);

/** What has to be in a report besides its type. */
const checks = {
  ready: ({ manifest }) => isManifest(manifest),
  'task.progress': ({ taskId, value }) => typeof taskId === 'string' && isWithinDepth(value),
  'task.chunk': ({ taskId, chunk }) => typeof taskId === 'string' && isWithinDepth(chunk),
  'task.completed': ({ taskId, output, state }) =>
    typeof taskId === 'string' && isWithinDepth(output) && (state === undefined || isSavedState(state)),
  'task.failed': ({ taskId, code, error, expected, retry }) =>
    typeof taskId === 'string' &&
    (retry === undefined || typeof retry === 'boolean') &&
    CODES.has(code) &&
    isErrorInfo(error) &&
    (expected === undefined || isTexts(expected)),
  'task.parked': ({ taskId, until, afterMs, why, error }) =>
    typeof taskId === 'string' &&
    (error === undefined || isErrorInfo(error)) &&
    (until === undefined || isAmount(until)) &&
    (afterMs === undefined || isAmount(afterMs)) &&
    typeof why === 'string' &&
    why.length <= MAX_TEXT,
  finished: () => true,
  'health.answered': ({ checkId, detail }) =>
    typeof checkId === 'number' && isWithinDepth(detail) && isShortAsText(detail, MAX_DETAIL_TEXT),
  'health.failed': ({ checkId, error }) => typeof checkId === 'number' && isErrorInfo(error),
  'state.saved': ({ state }) => isSavedState(state),
  'state.save_failed': ({ error }) => isErrorInfo(error),
  'state.changed': ({ state }) => isSavedState(state),
  'variable.acknowledged': ({ name, version }) => typeof name === 'string' && Number.isSafeInteger(version),
  'vote.cast': ({ roundId, vote, error }) =>
    typeof roundId === 'string' && VOTES.has(vote) && (error === undefined || isErrorInfo(error)),
  'offer.told': ({ questionId, offer }) =>
    typeof questionId === 'number' &&
    isObject(offer) &&
    isWithinDepth(offer) &&
    isShortAsText(offer, MAX_COUNTS_TEXT) &&
    isTexts(offer['next']) &&
    (offer['can'] === undefined || typeof offer['can'] === 'boolean'),
  'request.made': ({ requestId, taskId, name, args }) =>
    isNumberFromOne(requestId) &&
    typeof taskId === 'string' &&
    typeof name === 'string' &&
    name.length <= MAX_REQUEST_NAME &&
    isWithinDepth(args) &&
    isShortAsText(args, MAX_REQUEST_TEXT),
  'request.withdrawn': ({ requestId, taskId, error }) =>
    isNumberFromOne(requestId) && typeof taskId === 'string' && isErrorInfo(error),
  log: ({ level, message, fields }) =>
    LEVELS.has(level) && typeof message === 'string' && (fields === undefined || isLogged(fields)),
  // An end is an end, whatever is given as its reason: `endOf` says what came.
  exited: () => true,
  crashed: () => true,
  described: ({ question, error, isHolding }) =>
    typeof question === 'number' &&
    (error === undefined || isErrorInfo(error)) &&
    (isHolding === undefined || typeof isHolding === 'boolean'),
  usage: ({ usage }) => isObject(usage) && isAmount(usage['memoryBytes']) && isAmount(usage['cpuMs']),
  counted: ({ charts }) => isShortAsText(charts, MAX_COUNTS_TEXT) && areCounts(charts),
} satisfies Record<ChildReport['type'], Check>;

const CHECKS: ReadonlyMap<unknown, Check> = new Map(Object.entries(checks));

export function isChildReport(report: unknown): report is ChildReport {
  return isObject(report) && CHECKS.get(report['type'])?.(report) === true;
}

/**
 * Hands on each report of a message that came from a child.
 *
 * Its agents can send what they like past the protocol: a message that is not of it, in any field, is dropped.
 *
 * @returns whether it was of the protocol
 */
export function eachReport(came: unknown, take: (body: BodyKey, report: ChildReport) => void): boolean {
  if (!Array.isArray(came) || (isWithErrors(came) && !areErrorsTold(came))) return false;
  const message = messageOf(came as WithErrors<readonly unknown[]>);
  if (message.length % 2 !== 0) return false;
  for (let at = 0; at < message.length; at += 2) {
    if (typeof message[at] !== 'number' || !isChildReport(message[at + 1])) return false;
  }
  for (let at = 0; at < message.length; at += 2) take(message[at] as BodyKey, message[at + 1] as ChildReport);
  return true;
}

/** Whether what goes along with a message are errors, and what is told of each. */
function areErrorsTold(came: readonly unknown[]): boolean {
  const told = came[1];
  if (came.length !== 2 || !Array.isArray(told) || told.length > MAX_ERRORS_WITHIN) return false;
  // A loop, for methods pass over what a sparse array leaves out.
  for (const pair of told as unknown[]) {
    if (!Array.isArray(pair) || !types.isNativeError(pair[0]) || !isErrorInfo(pair[1])) return false;
  }
  return true;
}

/** In ms. */
function isDuration(value: unknown): boolean {
  return typeof value === 'number' && value >= 0;
}

function isRetryPolicy(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { attempts, backoff, attemptTimeoutMs } = value;
  return (
    isNumberFromOne(attempts) &&
    isObject(backoff) &&
    ['delayMs', 'factor', 'maxDelayMs', 'jitter'].every((field) => isDuration(backoff[field])) &&
    (attemptTimeoutMs === undefined || isDuration(attemptTimeoutMs))
  );
}

export function isManifest(value: unknown): value is AgentManifest {
  if (!isObject(value)) return false;
  const { type, capabilities, variables, votes, stateVersion, hash, chart, quota, tasks } = value;
  return (
    typeof type === 'string' &&
    isTexts(capabilities) &&
    isTexts(variables) &&
    typeof votes === 'boolean' &&
    isNumberFromOne(stateVersion) &&
    typeof hash === 'string' &&
    (chart === undefined || typeof chart === 'string') &&
    (quota === undefined || typeof quota === 'string') &&
    isKeepable(value) &&
    isObject(tasks) &&
    Object.values(tasks).every(
      (task) =>
        isObject(task) &&
        isTexts(task['requires']) &&
        typeof task['retry'] === 'boolean' &&
        (task['timeoutMs'] === undefined || isDuration(task['timeoutMs'])) &&
        (task['policy'] === undefined || isRetryPolicy(task['policy'])) &&
        (task['priority'] === undefined || Number.isSafeInteger(task['priority'])) &&
        (task['concurrency'] === undefined || isNumberFromOne(task['concurrency'])) &&
        (task['stall'] === undefined || isStall(task['stall'])),
    )
  );
}

/** Whatever else is in it: it goes into events, and a store has to keep it. */
function isKeepable(manifest: object): boolean {
  return isShortAsText(manifest, MAX_COUNTS_TEXT) && jsonProblemOf(manifest) === undefined;
}

function isStall(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { stalledAfterMs, onStall } = value;
  return isDuration(stalledAfterMs) && (onStall === 'warn' || onStall === 'abort' || onStall === 'crash');
}

/** The reason of an end as a child gave it, or an error that says what came instead of one. */
export function endOf({ reason }: Extract<ChildReport, { type: 'exited' | 'crashed' }>): ExitReason {
  const said: unknown = reason;
  // Its causes are gone through first: a schema would not come back from one that is its own cause.
  const isReadable = !isObject(said) || said['error'] === undefined || isErrorInfo(said['error']);
  const parsed =
    isReadable && isShortAsText(said, 2 * MAX_ERROR_TEXT) ? exitReason.safeParse(said) : undefined;
  if (parsed?.success) return parsed.data;
  return { error: { name: 'TypeError', message: `expected an exit reason, got ${inWords(said)}` } };
}

/** Code that gets the value may walk it recursively, on a limited stack. */
function isWithinDepth(value: unknown): boolean {
  return cloneProblemOf(value, 'thread') === undefined;
}

/** They are written at once. */
function isLogged(fields: unknown): boolean {
  return isObject(fields) && isShortAsText(fields, MAX_LOG_TEXT);
}

function isErrorInfo(value: unknown): value is ErrorInfo {
  return isShortAsText(value, MAX_ERROR_TEXT) && isErrorWithin(value, 0, { errors: MAX_ERRORS });
}

/** @param left how many errors the whole may still stand for */
function isErrorWithin(value: unknown, depth: number, left: { errors: number }): boolean {
  left.errors -= 1;
  if (!isFields(value) || depth > MAX_CAUSES || left.errors < 0) return false;
  // It goes into events, and a store refuses all that comes with one that it cannot keep.
  for (const field in value) if (!ERROR_FIELDS.has(field)) return false;
  const { name, message, stack = '', code = '', cause, errors = [], data = {} } = value;
  const isSaid = [name, message, stack, typeof code === 'number' ? '' : code].every(isText);
  if (!isSaid || !isErrorData(data) || !Array.isArray(errors)) return false;
  if (cause !== undefined && !isErrorWithin(cause, depth + 1, left)) return false;
  // A loop, for methods pass over what a sparse array leaves out.
  for (const error of errors as unknown[]) if (!isErrorWithin(error, depth + 1, left)) return false;
  return true;
}

/** It goes into events, and a store has to keep it. */
function isErrorData(data: unknown): boolean {
  return isObject(data) && !Array.isArray(data) && jsonProblemOf(data, { isNoted: false }) === undefined;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

function areCounts(charts: unknown): boolean {
  if (!Array.isArray(charts)) return false;
  // A loop, for methods pass over what a sparse array leaves out.
  for (const counted of charts as unknown[]) {
    if (!isObject(counted) || typeof counted['chart'] !== 'string' || typeof counted['hash'] !== 'string')
      return false;
    for (const times of [counted['transitions'], counted['refusals']]) {
      if (!isObject(times) || Array.isArray(times)) return false;
      if (!Object.values(times).every((count) => Number.isSafeInteger(count) && (count as number) >= 0))
        return false;
    }
  }
  return true;
}

/** Text that no store can keep would hold up all of its batch, and no life could begin with what is not JSON. */
function isSavedState(value: unknown): boolean {
  if (!isObject(value) || !isNumberFromOne(value['stateVersion'])) return false;
  const { json } = value;
  return typeof json === 'string' && json.isWellFormed() && isJson(json);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Of what is counted from one: requests, attempts, versions. */
function isNumberFromOne(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/** Bytes or milliseconds. */
function isAmount(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) >= 0;
}

function isTexts(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  // A loop, for methods pass over what a sparse array leaves out.
  for (const text of value as unknown[]) if (typeof text !== 'string') return false;
  return true;
}

/** An instance, an `Error` say, has its fields on its prototype too, and no store keeps one. */
function isFields(value: unknown): value is Fields {
  return isObject(value) && Object.getPrototypeOf(value) === Object.prototype;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
