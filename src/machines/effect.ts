/** Effects as data: a name and params. The code that runs a chart performs them. */

/** The union of a chart's effects, from a map of their names to their params. */
export type EffectsOf<Params> = {
  [Type in keyof Params]: { readonly type: Type; readonly params: Params[Type] };
}[keyof Params];

/** The params of one effect. */
export type EffectParams<
  Effect extends { readonly type: string; readonly params: unknown },
  Type extends Effect['type'],
> = Extract<Effect, { readonly type: Type }>['params'];
