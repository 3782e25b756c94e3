/**
 * What a guard or an action is called: a string, an object with a type and params, or one of XState's functions.
 * Pure. Named logic reads as its name; inline functions read as what XState says they are.
 */

/** `isNormal`, `isDrained && !hasWork`, `in stopping.draining`, or `inline` for a function without a name. */
export function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  if (isNamed(guard)) return withParams(guard);
  if (typeof guard !== 'function') return 'inline';
  const { guards, stateValue } = fieldsOf(guard);
  if (stateValue !== undefined)
    return `in ${typeof stateValue === 'string' ? stateValue : JSON.stringify(stateValue)}`;
  if (!Array.isArray(guards)) return guard.name || 'inline';
  const names = guards.map((inner) =>
    isComposite(inner) && guard.name !== 'not' ? `(${guardName(inner)})` : guardName(inner),
  );
  if (guard.name === 'not') return `!${isComposite(guards[0]) ? `(${names[0]})` : names[0]}`;
  return names.join(guard.name === 'or' ? ' || ' : ' && ');
}

/** `noteReason`, `assign`, `raise(stop)`, or `inline` for a function without a name. */
export function actionName(action: unknown): string {
  if (typeof action === 'string') return action;
  if (typeof action === 'function') {
    const { type, event } = fieldsOf(action);
    if (typeof type !== 'string') return action.name || 'inline';
    return `${type.replace(/^xstate\./, '')}${isNamed(event) ? `(${event.type})` : ''}`;
  }
  return isNamed(action) ? withParams(action) : 'inline';
}

/** XState hangs what a composite guard or a built-in action holds on the function itself. */
function fieldsOf(value: object): Record<string, unknown> {
  return { ...value };
}

function isNamed(value: unknown): value is { type: string; params?: unknown } {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function isComposite(guard: unknown): boolean {
  return typeof guard === 'function' && 'guards' in guard && (guard.name === 'and' || guard.name === 'or');
}

/**
 * Params are part of what a name does: those that are the same whatever the context and the event hold.
 * Params that a function shapes are asked for with a stand-in for both, and what it copies from that is left out.
 */
function withParams({ type, params }: { type: string; params?: unknown }): string {
  const known = typeof params === 'function' ? shapedParams(params) : params;
  if (typeof known !== 'object' || known === null) return type;
  const shown = Object.entries(known).flatMap(([key, value]): string[] => {
    if (typeof value === 'string') return value === '' ? [] : [value];
    // A number, a yes or a no that a function gives was worked out from the stand-in: it says nothing.
    if (typeof params === 'function' && typeof value !== 'object') return [];
    if (typeof value === 'boolean') return [value ? key : `${key}=no`];
    if (typeof value === 'object' && value !== null && value !== STAND_IN) return plainFields(value);
    return typeof value === 'number' ? [`${key}=${value}`] : [];
  });
  return shown.length === 0 ? type : `${type}(${shown.join(', ')})`;
}

const STAND_IN: object = Object.freeze({});

function shapedParams(shape: object): unknown {
  if (typeof shape !== 'function') return undefined;
  try {
    return Reflect.apply(shape, undefined, [{ context: STAND_IN, event: STAND_IN }]);
  } catch {
    return undefined;
  }
}

function plainFields(value: object): string[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string' ? [`${key}=${inner}`] : [],
  );
}
