/** Which fields of a changed spec wait for the next body. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { AgentManifest } from '../definition/manifest.ts';
import type { KeptSpec } from './agent-services.ts';

/** A body is made of these; all else applies to one that lives. */
const ofBodies = ['initArgs', 'isolation', 'resources'] as const satisfies readonly (keyof KeptSpec)[];

/** Whether a body is made of a field, as `initArgs.from`. */
export function isOfBody(field: string): boolean {
  const [root] = field.split('.');
  return root === 'module' || (ofBodies as readonly (string | undefined)[]).includes(root);
}

interface BodyTerms {
  readonly spec: KeptSpec;
  readonly manifest: AgentManifest;
}

/**
 * @param body what the living body was made of
 * @param isRekeyed whether a secret of its `initArgs` is another
 */
export function pendingFields(body: BodyTerms, next: BodyTerms, isRekeyed: boolean): readonly string[] {
  const pending: string[] = ofBodies.filter(
    (field) => (field === 'initArgs' && isRekeyed) || !isDeepStrictEqual(body.spec[field], next.spec[field]),
  );
  // Of a program's own definitions the kept spec tells the type alone.
  const isSameCode =
    isDeepStrictEqual(body.spec.module, next.spec.module) &&
    ('url' in next.spec.module || body.manifest.hash === next.manifest.hash);
  return Object.freeze(isSameCode ? pending : ['module', ...pending]);
}
