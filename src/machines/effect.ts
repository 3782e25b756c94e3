/** Effects as data: what a chart wants done, by name and params. Whoever runs a chart performs them. */

/** The effects of a chart, made of the params that each of them has. */
export type EffectsOf<Params> = {
  [Type in keyof Params]: { readonly type: Type; readonly params: Params[Type] };
}[keyof Params];

/** The params of one effect. */
export type EffectParams<
  Effect extends { readonly type: string; readonly params: unknown },
  Type extends Effect['type'],
> = Extract<Effect, { readonly type: Type }>['params'];
